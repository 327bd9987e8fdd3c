"""One of several methods, chosen by cross-validated labels; how far that can be trusted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tacit.labels.cross_validation import Trial
from tacit.measures.corrections import Comparison, crossed_p
from tacit.measures.distances import Floats
from tacit.measures.intervals import holm, paired, proportion
from tacit.measures.number import Number

Booleans = NDArray[np.bool_]
POINTS = "percentage points"


@dataclass(frozen=True)
class Choice:
    """Which method to use, judged by the labels alone.

    Attributes:
        right: of each method, whether the answer to each label was right when it was held out,
            (R, n): repetitions, and the labels that can be held out.
        trials: which labels were held out together, places among those n.
        candidates: the methods that may be chosen, the one to prefer among equals first.
    """

    right: Mapping[str, Booleans]
    trials: Sequence[tuple[int, NDArray[np.int64]]]
    candidates: Sequence[str]

    @property
    def n(self) -> int:
        """How many labels could be held out."""
        return next(iter(self.right.values())).shape[1]

    @property
    def best(self) -> str:
        """The candidate that was right most often; the first of equals."""
        return max(self.candidates, key=lambda name: float(self.right[name].mean()))

    @cached_property
    def winner(self) -> str:
        """The first candidate that is no more than one standard error behind the best one."""
        return _chosen({name: self._mean(name) for name in self.candidates})

    def accuracy(self, name: str) -> Number:
        """How often a method was right, with Wilson's interval over the labels."""
        return _share(self.right[name])

    @cached_property
    def honest(self) -> Number:
        """How often the winner of all other labels was right.

        The winner's own accuracy is that of the luckiest of several. Here the choice is made anew
        for every fold, without its labels, and judged by them (the correction of Varma and Simon
        2006, from the answers at hand; methods learned with the fold's labels when others were held
        out, so a little of the optimism stays).
        """
        found = np.zeros_like(next(iter(self.right.values())))
        for repeat, held in self.trials:
            others = np.setdiff1d(np.arange(self.n), held)
            winner = (
                _chosen({name: self._mean(name)[others] for name in self.candidates})
                if len(others)
                else self.candidates[0]
            )
            found[repeat, held] = self.right[winner][repeat, held]
        return _share(found)

    def comparisons(self) -> dict[str, Comparison]:
        """The winner minus each other method on the same labels, points, corrected (Holm 1979)."""
        own = 100 * self._mean(self.winner)
        others = {name: 100 * self._mean(name) for name in self.right if name != self.winner}
        p_values = [crossed_p(own[None], other[None]) for other in others.values()]
        adjusted = holm(p_values).tolist() if p_values else []
        return {
            name: Comparison(paired(own, other, over="labels", unit=POINTS), p, corrected)
            for (name, other), p, corrected in zip(others.items(), p_values, adjusted, strict=True)
        }

    def _mean(self, name: str) -> Floats:
        """How often each label was told by a method, over the repetitions, (n,)."""
        return self.right[name].mean(axis=0)


def choice_among(
    right: Mapping[str, Booleans], trials: Sequence[Trial], candidates: Sequence[str]
) -> Choice:
    """The choice from answers to all labels, (R, n) each, NaN-free where labels were held out.

    Labels that were never held out are left out of it.
    """
    held = np.unique(np.concatenate([trial.held for trial in trials]))
    return Choice(
        {name: answers[:, held] for name, answers in right.items()},
        [(trial.repeat, np.searchsorted(held, trial.held)) for trial in trials],
        candidates,
    )


def _chosen(means: Mapping[str, Floats]) -> str:
    """The first that is at most one standard error of the paired difference behind the best.

    The one-standard-error rule of Breiman, Friedman, Olshen and Stone 1984: what few labels cannot
    tell apart is decided by what was known before.
    """
    best = max(means, key=lambda name: float(means[name].mean()))
    for name, mean in means.items():
        behind = means[best] - mean
        n = len(behind)
        error = float(behind.std(ddof=1)) / n**0.5 if n > 1 else 0.0
        if float(behind.mean()) <= error:
            return name
    return best


def _share(right: Booleans) -> Number:
    return share_of(float(right.mean()), right.shape[1], unit="accuracy")


def share_of(value: float, n: int, *, unit: str = "share") -> Number:
    """A share over n labels that were asked several times each, with Wilson's interval of n labels.

    Between whole numbers of labels the interval's ends are interpolated.
    """
    below = int(np.floor(round(value * n, 9)))
    part = value * n - below
    known = [
        proportion(np.arange(n) < count, over="labels", given="", unit=unit)
        for count in (below, min(below + 1, n))
    ]
    low, high = (
        (1 - part) * float(getattr(known[0], end)) + part * float(getattr(known[1], end))
        for end in ("low", "high")
    )
    return Number(value, low, high, n, unit, known[0].interval)
