"""Calibration: closed forms, brackets."""

import numpy as np
import pytest
from scipy.special import softmax

from tacit.measures.classifiers import (
    calibrated_error,
    calibration,
    calibration_excess,
    temperature,
)
from tacit.measures.number import Undefined


def test_calibration_by_hand() -> None:
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [0.6, 0.4]])
    found = calibration(p, np.array([0, 1, 1, 1]), bins=5)
    assert found.count.tolist() == [2, 2]  # 0.6 and 0.7 share [0.6, 0.8)
    assert found.confidence == pytest.approx([0.65, 0.9])
    assert found.accuracy == pytest.approx([0.5, 0.5])
    assert found.error == pytest.approx(0.5 * 0.15 + 0.5 * 0.4)


def test_calibration_is_bracketed() -> None:
    rng = np.random.default_rng(0)
    p = softmax(2 * rng.normal(size=(4000, 5)), axis=1)
    true = (p.cumsum(axis=1) > rng.random((4000, 1))).argmax(axis=1)
    honest = calibration(p, true).error
    expected, exceeded = calibrated_error(p, rng)
    assert honest == pytest.approx(expected, abs=0.012)
    assert expected < exceeded
    assert honest < 0.04
    certain = np.eye(2)[np.zeros(10, int)]
    assert calibration(certain, np.ones(10, int)).error == 1.0
    assert calibration(certain, np.zeros(10, int)).error == 0.0
    assert calibrated_error(certain, rng) == (0.0, 0.0)
    with pytest.raises(ValueError, match="no distributions"):
        calibration([[0.7, 0.7]], np.array([0]))


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
    """On 359 images its plain error is 5 points, which was blamed on it."""
    rng = np.random.default_rng(3)
    sets = [calibrated(rng, 359) for _ in range(300)]
    plain = [calibration(p, y).error for p, y in sets]
    excess = [calibration_excess(p, y) for p, y in sets]
    assert np.mean(plain) > 0.04
    assert abs(np.mean(excess)) < 3 * np.std(excess) / np.sqrt(300)
    own = [
        e > calibrated_error(p, rng, repeats=200)[1]
        for e, (p, _) in zip(plain[:200], sets, strict=False)
    ]
    assert np.mean(own) < 0.09


def test_a_classifier_that_is_off_is_found_off_by_about_so_much() -> None:
    rng = np.random.default_rng(4)
    p, y = calibrated(rng, 10_000, off=0.1)
    assert calibration_excess(p, y) == pytest.approx(0.1, abs=0.015)
    assert calibration(p, y).error > calibrated_error(p, rng)[1]
