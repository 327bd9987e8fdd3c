"""Confidence that is worth its number: a temperature fitted within the labels of one trial.

Reliability bins and the expected calibration error are `tacit.measures.classifiers.calibration`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from tacit.labels.draws import Labelled
from tacit.measures.classifiers import temperature
from tacit.measures.number import Undefined
from tacit.streams import numpy_stream

FOLDS = 5
LEAST_PER_CLASS = 2
"""Of two labels of a class one can be held out; the other says what the class looks like."""

SMALLEST = 1e-7
"""A probability of nothing has no logarithm."""

Answer = Callable[[Labelled, NDArray[np.int64]], NDArray[np.floating[Any]]]
"""Learn from these labels and answer for these rows of the pool: class logits, (n, K)."""


@dataclass(frozen=True)
class Temperature:
    """What logits are divided by.

    Attributes:
        value: the temperature; None where it cannot be known from so few labels.
        reason: why it cannot be known; "" where it was fitted.
        n: how many labels were held out, each once.
    """

    value: float | None
    reason: str
    n: int

    def probabilities(self, logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """softmax(logits / T), (N, K); at T = 1 where no temperature was fitted."""
        t = 1.0 if self.value is None else self.value
        return softmax(np.asarray(logits, np.float64) / t, axis=1)

    def __str__(self) -> str:
        if self.value is None:
            return f"confidence is as the classifier gives it: {self.reason}"
        return f"temperature {self.value:.2f}, from {self.n} labels held out in turn"


def stratified_folds(y: NDArray[np.int64], n_folds: int, seed: int) -> NDArray[np.int64]:
    """In which fold each label is held out, (n,); every class is spread over the folds evenly.

    A class of m labels is in min(m, n_folds) folds, so that with two labels or more of every
    class, every fold leaves some of each to learn from.
    """
    fold = np.empty(len(y), np.int64)
    begin = 0
    for label in np.unique(y):
        rows = numpy_stream(seed, "folds", int(label)).permutation(np.flatnonzero(y == label))
        # Classes begin at different folds: else the last folds of small classes would be empty.
        fold[rows] = (begin + np.arange(len(rows))) % n_folds
        begin += len(rows)
    return fold


def fit_temperature(
    labelled: Labelled, n_classes: int, answer: Answer, *, n_folds: int = FOLDS, seed: int = 0
) -> Temperature:
    """A temperature by cross-validation within one trial (Guo 2017): no further label is seen.

    Every label is held out once; `answer` learns from the others and gives its logits. The
    temperature with the least cross-entropy over all of them is that of classifiers with some
    fewer labels than the trial has, so it is a little too cautious.

    Args:
        labelled: the trial's labels.
        n_classes: how many classes there are.
        answer: how it is learned and answered; called once for each fold.
        n_folds: at least 2; fewer where no class has so many labels.
        seed: of the folds.
    """
    counts = np.bincount(labelled.y, minlength=n_classes)
    if counts.min() < LEAST_PER_CLASS:
        return Temperature(
            None,
            f"a class has {counts.min()} labelled images; "
            f"{LEAST_PER_CLASS} of each are needed to hold one out",
            0,
        )
    n_folds = max(2, min(n_folds, int(counts.max())))
    fold = stratified_folds(labelled.y, n_folds, seed)
    logits = np.empty((len(labelled.y), n_classes))
    for held in (fold == number for number in np.unique(fold)):
        learned = Labelled(labelled.index[~held], labelled.y[~held])
        logits[held] = answer(learned, labelled.index[held])
    try:
        return Temperature(temperature(logits, labelled.y), "", len(labelled.y))
    except Undefined as why:
        return Temperature(None, f"of {len(labelled.y)} labels held out in turn: {why}", 0)


def as_logits(probabilities: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Logits of class probabilities or votes, (N, K): their logarithms."""
    return np.log(np.maximum(np.asarray(probabilities, np.float64), SMALLEST))
