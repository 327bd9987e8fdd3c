"""Confidence that is worth its number: a temperature fitted within the labels of one trial."""

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
    """p = (1 - blank) softmax(logits / value) + blank / K: a share of answers may tell nothing.

    Attributes:
        value: the temperature; None where it cannot be known from so few labels.
        reason: why it cannot be known; "" where it was fitted.
        n: how many labels were held out, each once.
        blank: the share of answers that tell nothing.
    """

    value: float | None
    reason: str
    n: int
    blank: float = 0.0

    def probabilities(self, logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Of K classes, (N, K); at temperature 1 where none was fitted."""
        t = 1.0 if self.value is None else self.value
        p = softmax(np.asarray(logits, np.float64) / t, axis=1)
        return np.asarray((1 - self.blank) * p + self.blank / p.shape[1], np.float64)

    def __str__(self) -> str:
        if self.value is None:
            return f"confidence is as the classifier gives it: {self.reason}"
        return f"temperature {self.value:.2f}, from {self.n} cross-validated labels"


def holdable(y: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which labels can be held out: those of classes that have another one, (n,)."""
    return np.bincount(y)[y] >= LEAST_PER_CLASS


def folds_of(y: NDArray[np.int64], n_folds: int, seed: int) -> list[NDArray[np.int64]]:
    """The labels that each fold holds out, by their place: as many of every class, together.

    A class of m labels is cut into min(m, n_folds) parts, which take turns. With as many folds as
    the largest class has labels, each fold holds out one label of every class; those of smaller
    classes come several times. A class's only label is always learned from.

    To hold out a label alone would make its class the rare one, by which it is told: with two
    labels of each of ten classes, logistic regression on digits would seem to tell 53 % right where
    it tells 65 % with one label of each and 77 % with both, and shuffled labels would give 3 %.

    >>> [sorted(fold.tolist()) for fold in folds_of(np.array([0, 0, 1, 2, 2]), 2, seed=0)]
    [[0, 4], [1, 3]]
    """
    parts = []
    for label in np.unique(y[holdable(y)]):
        rows = numpy_stream(seed, "folds", int(label)).permutation(np.flatnonzero(y == label))
        parts.append(np.array_split(rows, min(len(rows), n_folds)))
    return [
        np.sort(np.concatenate([part[fold % len(part)] for part in parts]))
        for fold in range(n_folds)
        if parts
    ]


def even_weights(label: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weights of answers by which each label counts as one, however often it was held out.

    Args:
        label: which label each answer is to, (m,).
    """
    return 1 / np.bincount(label)[label]


def fit_temperature(
    labelled: Labelled, n_classes: int, answer: Answer, *, n_folds: int = FOLDS, seed: int = 0
) -> Temperature:
    """A temperature by cross-validation within one trial (Guo 2017): no further label is seen.

    Labels are held out together, as many of every class (`folds_of`); `answer` learns from the
    others and gives its logits. The temperature with the least cross-entropy over all of them is
    that of classifiers with some fewer labels than the trial has, so it is a little too cautious.

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
    folds = folds_of(labelled.y, max(2, min(n_folds, int(counts.max()))), seed)
    logits = []
    for held in folds:
        rest = np.setdiff1d(np.arange(len(labelled.y)), held)
        learned = Labelled(labelled.index[rest], labelled.y[rest])
        logits.append(answer(learned, labelled.index[held]))
    label = np.concatenate(folds)
    try:
        value = temperature(np.concatenate(logits), labelled.y[label], weights=even_weights(label))
    except Undefined as why:
        return Temperature(None, f"of {len(labelled.y)} cross-validated labels: {why}", 0)
    return Temperature(value, "", len(labelled.y))


def as_logits(probabilities: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Logits of class probabilities or votes, (N, K): their logarithms."""
    return np.log(np.maximum(np.asarray(probabilities, np.float64), SMALLEST))
