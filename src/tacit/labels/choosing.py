"""One of several methods, chosen by cross-validated labels; how far that can be trusted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tacit.labels.cross_validation import Trial
from tacit.measures.corrections import Comparison, compare
from tacit.measures.distances import Floats
from tacit.measures.engine import Measured
from tacit.measures.intervals import proportion
from tacit.measures.number import Number

Booleans = NDArray[np.bool_]
POINTS = "percentage points"


@dataclass(frozen=True)
class Choice:
    """Which method to use, judged by the labels alone.

    Attributes:
        right: of each method, whether each answer was right, (m,).
        label: which label each answer is to, (m,): places among the `n` that were held out.
        trial: in which trial it was given, (m,).
        candidates: the methods that may be chosen, the one to prefer among equals first.
    """

    right: Mapping[str, Booleans]
    label: NDArray[np.int64]
    trial: NDArray[np.int64]
    candidates: Sequence[str]

    @cached_property
    def n(self) -> int:
        """How many labels were held out."""
        return len(np.unique(self.label))

    def share(self, name: str) -> float:
        """How often a method was right; every label counts once."""
        return float(self._mean(name).mean())

    @property
    def best(self) -> str:
        """The candidate that was right most often; the first of equals."""
        return max(self.candidates, key=self.share)

    @cached_property
    def winner(self) -> str:
        """The first candidate that is no more than one standard error behind the best one."""
        return _chosen({name: self._mean(name) for name in self.candidates})

    def accuracy(self, name: str) -> Number:
        """How often a method was right, with Wilson's interval over the labels."""
        return share_of(self.share(name), self.n, unit="accuracy")

    @cached_property
    def honest(self) -> Number:
        """How often the winner of all other labels was right.

        The winner's own accuracy is that of the luckiest of several. Here the choice is made anew
        for every trial, without the labels held out in it, and judged by them (the correction of
        Varma and Simon 2006, from the answers at hand; methods learned with the trial's labels when
        others were held out, so a little of the optimism stays).
        """
        found = np.zeros(len(self.label))
        for number in np.unique(self.trial):
            mine = self.trial == number
            others = ~np.isin(np.arange(self.n), self.label[mine])
            means = {name: self._mean(name)[others] for name in self.candidates}
            winner = _chosen(means) if others.any() else self.candidates[0]
            found[mine] = self.right[winner][mine]
        return share_of(float(self._of_labels(found).mean()), self.n, unit="accuracy")

    def comparisons(self) -> dict[str, Comparison]:
        """The winner minus each other method on the same labels, points.

        The same labels chose the winner: intervals hold together for every two of the methods,
        whichever wins. Held to the winner's own comparisons alone, six methods that are alike were
        told apart in 6.8 % of simulated studies.
        """
        own = self._measured(self.winner)
        others = [name for name in self.right if name != self.winner]
        gaps = {name: own - self._measured(name) for name in others}
        return compare(gaps, together=len(self.right) * len(others) // 2)

    def _measured(self, name: str) -> Measured:
        labels = {"image": "labels"}
        return Measured(100 * self._mean(name), ("image",), POINTS, names=labels, step=100.0)

    def _mean(self, name: str) -> Floats:
        """How often each label was told by a method, over its times, (n,)."""
        return self._of_labels(self.right[name])

    def _of_labels(self, right: NDArray[Any]) -> Floats:
        return np.bincount(self.label, right) / np.bincount(self.label)


def choice_among(
    right: Mapping[str, Booleans], trials: Sequence[Trial], candidates: Sequence[str]
) -> Choice:
    """The choice from the answers to the labels held out, trial after trial, (m,) each."""
    label = np.unique(np.concatenate([trial.held for trial in trials]), return_inverse=True)[1]
    number = np.repeat(np.arange(len(trials)), [len(trial.held) for trial in trials])
    return Choice(right, label, number, candidates)


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
