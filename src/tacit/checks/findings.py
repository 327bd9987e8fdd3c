"""Everything that is looked for in a set of images, and what was found of it."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tacit.checks.copies import Pairs, near_copies
from tacit.checks.odd import Odd, distance_to_others, odd, statistics
from tacit.images.dataset import UNLABELLED, Images
from tacit.labels.draws import Labelled
from tacit.labels.mislabelled import Doubts, doubts

Codes = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Findings:
    """What is wrong with a set of images, as far as that can be told.

    Attributes:
        doubts: of each label that could be held out, `place` being the image's row; or None.
        not_judged: why there are none.
        pairs: copies. leaks: which of them are of a training and a test image, (len(pairs),).
        differ: which of them have two different labels.
        odd: pictures that are unlike the others.
    """

    doubts: Doubts | None
    not_judged: str
    pairs: Pairs
    leaks: NDArray[np.bool_]
    differ: NDArray[np.bool_]
    odd: Odd

    @property
    def surely_wrong(self) -> NDArray[np.bool_]:
        """Which of the judged labels are surely wrong, (m,).

        Of a picture that is like no other, classifiers are sure without reason: it is suspected at
        most.
        """
        if self.doubts is None:
            return np.zeros(0, bool)
        return self.doubts.sure & ~np.isin(self.doubts.place, self.odd.row)


def find(
    images: Images,
    codes: Codes,
    sides: NDArray[np.str_] | None = None,
    *,
    encoded: Codes | None = None,
    log_prob: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
    seed: int = 0,
) -> Findings:
    """Look for copies, for odd pictures, and for labels that are probably wrong.

    Args:
        images: all of them, with labels where there are any.
        codes: of the same images, (N, D), by which labels are judged and distances taken.
        sides: "train", "test" or "" of each, (N,).
        encoded: codes of an encoder that knows what pictures show, by which copies are looked for
            as well.
        log_prob: log p(x) of each under a model, and its standard error, (N,) each.
        seed: of the folds in which labels are held out.
    """
    n = len(images)
    labels = np.full(n, UNLABELLED) if images.labels is None else images.labels
    sides = np.full(n, "") if sides is None else sides
    pairs = near_copies(images, encoded)
    first, second = pairs.first, pairs.second
    both = (labels[first] != UNLABELLED) & (labels[second] != UNLABELLED)
    rows = np.flatnonzero(labels != UNLABELLED)
    judged, why = label_doubts(
        codes, Labelled(rows, labels[rows]), images.n_classes, copies=pairs.groups(n), seed=seed
    )
    return Findings(
        judged,
        why,
        pairs,
        (sides[first] != "") & (sides[second] != "") & (sides[first] != sides[second]),
        both & (labels[first] != labels[second]),
        odd(statistics(images.portions()), distance_to_others(codes), log_prob),
    )


def label_doubts(
    codes: Codes,
    labelled: Labelled,
    n_classes: int,
    *,
    copies: NDArray[np.int64],
    seed: int = 0,
) -> tuple[Doubts | None, str]:
    """`tacit.labels.mislabelled.doubts`, with the images' rows as places.

    In whatever order labels come, they are judged alike.

    Args:
        codes: of all images, (N, D). labelled: rows and their classes. n_classes: K.
        copies: a number for each image, (N,), the same for copies of one picture.
        seed: of the folds in which labels are held out.

    Returns:
        None, and why, where labels cannot be judged.
    """
    if not len(labelled.index):
        return None, "no image has a label"
    order = np.argsort(labelled.index)
    rows, y = labelled.index[order], labelled.y[order]
    try:
        found = doubts(codes, Labelled(rows, y), n_classes, copies=copies, seed=seed)
    except ValueError as error:
        return None, str(error)
    return replace(found, place=rows[found.place]), ""
