"""Labels held out in turn, where they are all the labels there are."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import softmax

from tacit.labels.calibration import LEAST_PER_CLASS, Temperature, stratified_folds
from tacit.labels.draws import Labelled
from tacit.measures.classifiers import temperature
from tacit.measures.number import Undefined
from tacit.streams import stream_seed

Floats = NDArray[np.float64]

FEW, SOME, MANY = 20, 50, 300


class Turns(NamedTuple):
    """How often labels are held out: `repeats` times, each time in so many `folds`."""

    folds: int
    repeats: int


@dataclass(frozen=True)
class Trial:
    """What one trial learns from, and which of the labels it has not seen.

    Attributes:
        learned: labels that it sees.
        held: the others, by their place among all labels, sorted.
        repeat: which repetition it belongs to.
    """

    learned: Labelled
    held: NDArray[np.int64]
    repeat: int


def turns_for(y: NDArray[np.int64]) -> Turns:
    """How labels are held out: about twenty trials, fewer labels in more folds.

    Up to `FEW` labels that can be held out, each is held out alone (leave-one-out); up to `SOME`
    twice a tenth, up to `MANY` four times a fifth, above that twice a fifth. No turn at all where
    no class has two labels.
    """
    n = int(holdable(y).sum())
    if n == 0:
        return Turns(0, 0)
    if n <= FEW:
        return Turns(n, 1)
    return Turns(10, 2) if n <= SOME else Turns(5, 4 if n <= MANY else 2)


def holdable(y: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which labels can be held out: those of classes that have another one, (n,)."""
    return np.bincount(y)[y] >= LEAST_PER_CLASS


def held_out_trials(labelled: Labelled, turns: Turns, *, seed: int) -> list[Trial]:
    """The trials: each label that can be is held out once in every repetition.

    Folds are stratified, so that what a trial learns from has every class. A class's only label is
    always learned from.
    """
    can = np.flatnonzero(holdable(labelled.y))
    trials = []
    for repeat in range(turns.repeats):
        folds = stratified_folds(
            labelled.y[can], turns.folds, stream_seed(seed, "labels held out", repeat)
        )
        for fold in np.unique(folds):
            held = can[folds == fold]
            rest = np.setdiff1d(np.arange(len(labelled.y)), held)
            trials.append(Trial(Labelled(labelled.index[rest], labelled.y[rest]), held, repeat))
    return trials


def held_out_temperature(logits: Floats, y: NDArray[np.int64]) -> Temperature:
    """A temperature from answers to labels that were held out.

    It is the one with the least cross-entropy (Guo 2017). Where that has no limit, since every
    answer is right or none is better than chance, it is the one at which the mean confidence is
    (right + 1) / (n + 2), Laplace's rule of succession: ten right answers of ten are no certainty.

    Args:
        logits: (n, K), with infinities where a class is out of the question.
        y: the right answers, (n,).
    """
    finite = np.where(np.isfinite(logits), logits, np.nanmin(logits[np.isfinite(logits)]))
    try:
        return Temperature(temperature(finite, y), "", len(y))
    except Undefined:
        right = int((finite.argmax(axis=1) == y).sum())
        return Temperature(_at_confidence(finite, (right + 1) / (len(y) + 2)), "", len(y))


def _at_confidence(logits: Floats, wanted: float) -> float:
    """The temperature at which the mean confidence is `wanted`, as near as it can be had."""
    scale = float(np.mean(logits.max(axis=1) - logits.mean(axis=1))) or 1.0

    def excess(log_t: float) -> float:
        p = softmax(logits / (scale * np.exp(log_t)), axis=1)
        return float(p.max(axis=1).mean()) - wanted

    low, high = -12.0, 12.0  # sure of everything, and of nothing
    if excess(low) <= 0:
        return float(scale * np.exp(low))
    if excess(high) >= 0:
        return float(scale * np.exp(high))
    return float(scale * np.exp(brentq(excess, low, high, xtol=1e-12)))
