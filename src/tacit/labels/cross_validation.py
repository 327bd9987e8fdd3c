"""Cross-validation by the labels given, where they are all the labels there are."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize
from scipy.special import softmax

from tacit.labels.calibration import (
    LEAST_PER_CLASS,
    SMALLEST,
    Temperature,
    even_weights,
    folds_of,
)
from tacit.labels.draws import Labelled
from tacit.streams import stream_seed

Floats = NDArray[np.float64]

TRIALS = 20
"""About so many trials, however many labels there are."""

FEW, MANY = 10, 300
"""Up to `FEW` labels of a class, one of each is held out at a time, else a fifth. Above `MANY` in
all a fifth is held out fewer times: they tell enough."""


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
    """

    learned: Labelled
    held: NDArray[np.int64]


def turns_for(y: NDArray[np.int64]) -> Turns:
    """How labels are held out: about `TRIALS` trials, each with one label of every class fewer.

    With up to `FEW` labels of the largest class there are as many folds as it has labels, and each
    holds out one label of every class; with more, five folds hold out a fifth of each. Repetitions
    hold out other labels together. No turn at all where no class has two labels.
    """
    most = int(np.bincount(y).max())
    if most < LEAST_PER_CLASS:
        return Turns(0, 0)
    if most <= FEW:
        return Turns(most, max(1, TRIALS // most))
    return Turns(5, 4 if len(y) <= MANY else 2)


def held_out_trials(labelled: Labelled, turns: Turns, *, seed: int) -> list[Trial]:
    """The trials; labels of every class are held out together, as `folds_of` says.

    Repetitions that would hold out the same labels together again are left out: with two labels of
    each of two classes there are but two.
    """
    trials, seen = [], set()
    for repeat in range(turns.repeats):
        folds = folds_of(labelled.y, turns.folds, stream_seed(seed, "labels held out", repeat))
        if (same := frozenset(fold.tobytes() for fold in folds)) in seen:
            continue
        seen.add(same)
        for held in folds:
            rest = np.setdiff1d(np.arange(len(labelled.y)), held)
            trials.append(Trial(Labelled(labelled.index[rest], labelled.y[rest]), held))
    return trials


def held_out_temperature(
    logits: Floats, y: NDArray[np.int64], label: NDArray[np.int64] | None = None
) -> Temperature:
    """The temperature, and share of blank answers, with the least cross-entropy of held-out labels.

    A temperature alone makes all answers unsure where a few are sure and wrong, as those that are
    spread over a graph often are (docs/few-labels.md, docs/labelling.md). No temperature is so low
    that the mean confidence is above (n + 1) / (n + 2), Laplace's rule of succession: ten right
    answers of ten are no certainty.

    Args:
        logits: (m, K), with infinities where a class is out of the question.
        y: the right answers, (m,).
        label: which label each answer is to, (m,), where labels were held out several times; each
            counts once.
    """
    label = np.arange(len(y)) if label is None else label
    weights, n = even_weights(label), len(np.unique(label))
    finite = np.where(np.isfinite(logits), logits, np.nanmin(logits[np.isfinite(logits)]))
    least = _at_confidence(finite, weights, (n + 1) / (n + 2))

    def confidence(parameters: Floats) -> Temperature:
        return Temperature(float(least * np.exp(parameters[0])), "", n, float(parameters[1]))

    def unlikely(parameters: Floats) -> float:
        p = confidence(parameters).probabilities(finite)[np.arange(len(y)), y]
        return -float(weights @ np.log(np.maximum(p, SMALLEST)))

    found = [
        minimize(unlikely, (0.7, blank), method="L-BFGS-B", bounds=[(0, 8), (0, 0.95)])
        for blank in (0.02, 0.25)
    ]
    return confidence(min(found, key=lambda one: float(one.fun)).x)


def _at_confidence(logits: Floats, weights: Floats, wanted: float) -> float:
    """The temperature at which the mean confidence is `wanted`, as near as it can be had."""
    scale = float(np.mean(logits.max(axis=1) - logits.mean(axis=1))) or 1.0

    def excess(log_t: float) -> float:
        p = softmax(logits / (scale * np.exp(log_t)), axis=1)
        return float(np.average(p.max(axis=1), weights=weights)) - wanted

    low, high = -12.0, 12.0  # sure of everything, and of nothing
    if excess(low) <= 0:
        return float(scale * np.exp(low))
    if excess(high) >= 0:
        return float(scale * np.exp(high))
    return float(scale * np.exp(brentq(excess, low, high, xtol=1e-12)))
