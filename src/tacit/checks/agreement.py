"""How far two people who labelled the same images agree, and where they do not."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tacit.images.dataset import UNLABELLED
from tacit.measures.formatting import show
from tacit.measures.intervals import proportion
from tacit.measures.number import Number

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Agreement:
    """Two people's labels of the same images.

    Attributes:
        both: how many images both labelled. alone: how many one of them labelled alone.
        share: of those that both labelled, where they agree, with Wilson's interval.
        kappa: Cohen's, 1960: agreement beyond what the two would have by their shares of classes
            alone; None where these leave nothing to agree beyond.
        rows: where they differ, (m,).
    """

    both: int
    alone: int
    share: Number
    kappa: float | None
    rows: Integers

    def __str__(self) -> str:
        kappa = "" if self.kappa is None else f", Cohen's kappa {self.kappa:.2f}"
        return (
            f"{len(self.rows):,} of {self.both:,} labelled differently; they agree on "
            f"{show(self.share)}{kappa}"
        )


def agreement(first: Integers, second: Integers) -> Agreement:
    """Compare class numbers, `UNLABELLED` where there is none, (N,) each.

    >>> found = agreement(np.array([0, 0, 1, 1, -1]), np.array([0, 1, 1, 1, 0]))
    >>> found.both, found.alone, found.rows.tolist(), found.share.value, found.kappa
    (4, 1, [1], 0.75, 0.5)
    """
    known, other = first != UNLABELLED, second != UNLABELLED
    both = np.flatnonzero(known & other)
    a, b = first[both], second[both]
    same = a == b
    n_classes = int(max(a.max(initial=0), b.max(initial=0))) + 1
    shares = [np.bincount(y, minlength=n_classes) / max(1, len(both)) for y in (a, b)]
    by_chance = float(shares[0] @ shares[1])
    kappa = None
    if len(both) and by_chance < 1:
        kappa = (float(same.mean()) - by_chance) / (1 - by_chance)
    return Agreement(
        len(both),
        int((known != other).sum()),
        proportion(same, over="images that both labelled", given=""),
        kappa,
        both[~same],
    )
