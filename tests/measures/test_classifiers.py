"""Calibration: closed forms, brackets."""

import numpy as np
import pytest
from scipy.special import softmax

from tacit.measures.classifiers import (
    calibration_excess,
    temperature,
)
from tacit.measures.number import Undefined


def test_no_distributions_are_refused() -> None:
    with pytest.raises(ValueError, match="no distributions"):
        calibration_excess([[0.7, 0.7]], np.array([0]))


def test_temperature_undoes_what_was_done() -> None:
    rng = np.random.default_rng(0)
    logits = 2 * rng.normal(size=(5000, 4))
    p = softmax(logits, axis=1)
    true = (p.cumsum(axis=1) > rng.random((5000, 1))).argmax(axis=1)
    for factor in (1.0, 3.0, 1e-3):
        assert temperature(factor * logits, true) == pytest.approx(factor, rel=0.06)


def test_temperature_without_an_optimum_is_undefined() -> None:
    logits = np.array([[2.0, 0.0], [0.0, 1.0]])
    with pytest.raises(Undefined, match="every answer is right"):
        temperature(logits, np.array([0, 1]))
    with pytest.raises(Undefined, match="no better than chance"):
        temperature(logits, np.array([1, 0]))
    with pytest.raises(Undefined, match="no better than chance"):
        temperature(np.zeros((3, 2)), np.array([0, 1, 0]))


def calibrated(rng: np.random.Generator, n: int, off: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of ten classes, mostly confident, and answers right as often as they say, less
    `off`."""
    confidence = 0.1 + 0.9 * rng.beta(3, 1, n)
    p = np.column_stack([confidence, np.tile((1 - confidence)[:, None] / 9, 9)])
    right = rng.random(n) < np.clip(confidence - off, 0, 1)
    return p, np.where(right, 0, rng.integers(1, 10, n))


def test_a_calibrated_classifier_differs_by_nothing_but_chance() -> None:
    """On 359 images the plain error of Guo 2017 is 5 points, all of them chance."""
    rng = np.random.default_rng(3)
    sets = [calibrated(rng, 359) for _ in range(300)]
    excess = [calibration_excess(p, y) for p, y in sets]
    assert abs(np.mean(excess)) < 3 * np.std(excess) / np.sqrt(300)


def test_a_classifier_that_is_off_is_found_off_by_about_so_much() -> None:
    rng = np.random.default_rng(4)
    p, y = calibrated(rng, 10_000, off=0.1)
    assert calibration_excess(p, y) == pytest.approx(0.1, abs=0.015)
