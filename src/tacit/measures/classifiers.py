"""Measures of classifiers: whether their confidence is their accuracy."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from tacit.measures.distances import Floats, as_features
from tacit.measures.number import Undefined


def calibration_excess(probabilities: ArrayLike, classes: ArrayLike, bins: int = 15) -> float:
    """The calibration error without what chance makes of it: 0 in expectation where calibrated.

    The error is Σ_i sign_b (right_i - confidence_i) / N with the sign of the whole bin b that image
    i is in. Here each image is given the sign of the *other* images of its bin, so that it cannot
    choose its own; where a bin is off by more than its noise the two agree. It may fall below zero.

    Args:
        probabilities: p(y | x), (N, K), rows of sum 1.
        classes: the right answers, integers, (N,).
    """
    p, y = _probabilities(probabilities), np.asarray(classes)
    if y.shape != p.shape[:1]:
        raise ValueError(f"`classes` has shape {y.shape}; one per image, {p.shape[:1]}, is needed")
    confidence = p.max(axis=1)
    off = (p.argmax(axis=1) == y) - confidence
    which = _bin_of(confidence, bins)
    others = np.bincount(which, off, minlength=bins)[which] - off
    return float(np.mean(np.sign(others) * off))


def temperature(
    logits: ArrayLike, classes: ArrayLike, *, weights: ArrayLike | None = None
) -> float:
    """The T at which softmax(logits / T) has the least cross-entropy (Guo 2017).

    Above 1 the classifier was too sure. Fit it on images that neither trained nor test it.

    Args:
        logits: (N, K).
        classes: the right answers, integers, (N,).
        weights: how much each answer counts, (N,), positive; all alike where none are given.

    Raises:
        Undefined: where no temperature is best: all answers are right, or logits do not differ.
    """
    s, y = as_features(logits, "logits"), np.asarray(classes)
    weights = None if weights is None else np.asarray(weights, np.float64)
    if y.shape != s.shape[:1]:
        raise ValueError(f"`classes` has shape {y.shape}; one per image, {s.shape[:1]}, is needed")
    own = s[np.arange(len(s)), y]
    # Cross-entropy is convex in 1/T, so its slopes at the two ends tell whether it has a minimum.
    if np.average(own - s.mean(axis=1), weights=weights) <= 0:
        raise Undefined("answers are no better than chance; no temperature makes them sharper")
    if np.all(own >= s.max(axis=1)):
        raise Undefined("every answer is right; confidence has no limit")
    scale = float(np.mean(s.max(axis=1) - s.mean(axis=1)))

    def cross_entropy(log_inverse: float) -> float:
        scaled = log_softmax(s * (np.exp(log_inverse) / scale), axis=1)
        return -float(np.average(scaled[np.arange(len(s)), y], weights=weights))

    found = minimize_scalar(cross_entropy, bounds=(-12.0, 12.0), options={"xatol": 1e-10})
    return float(scale / np.exp(found.x))


def _bin_of(confidence: Floats, bins: int) -> NDArray[np.int64]:
    return np.minimum((confidence * bins).astype(np.int64), bins - 1)


def _probabilities(values: ArrayLike) -> Floats:
    p = as_features(values, "probabilities")
    if p.min() < 0 or not np.allclose(p.sum(axis=1), 1, atol=1e-5):
        raise ValueError("`probabilities` has rows that are no distributions over the classes")
    return p
