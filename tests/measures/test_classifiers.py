"""Two-sample test and calibration: level, power, closed forms, brackets."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import softmax

from tacit.measures.classifiers import calibrated_error, calibration, temperature, two_sample_test
from tacit.measures.number import Undefined


def test_two_sample_test_keeps_its_level() -> None:
    rng = np.random.default_rng(0)
    found = [two_sample_test(*rng.normal(size=(2, 40, 3)), rng) for _ in range(200)]
    assert np.mean([test.p_value <= 0.05 for test in found]) <= 0.08
    assert np.mean([test.accuracy for test in found]) == pytest.approx(0.5, abs=0.03)


def test_two_sample_test_sees_means_and_shapes() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    for other in (rng.normal(1.0, 1, (200, 3)), rng.normal(0, 2.5, (200, 3))):
        test = two_sample_test(x, other, rng)
        assert test.p_value < 0.01
        assert test.accuracy > test.null_high
    apart = two_sample_test(x, x + 50, rng)
    assert apart.accuracy == 1.0
    assert apart.p_value == pytest.approx(0.5**200)
    assert apart.null_high == stats.binom(200, 0.5).ppf(0.975) / 200


def test_two_sample_test_of_constant_sets_is_chance() -> None:
    test = two_sample_test(np.ones((20, 3)), np.ones((20, 3)), np.random.default_rng(0))
    assert test.accuracy == 0.5
    assert test.p_value > 0.5
    with pytest.raises(ValueError, match="at least 4"):
        two_sample_test(np.ones((3, 1)), np.ones((3, 1)), np.random.default_rng(0))
    with pytest.raises(ValueError, match="equal shapes"):
        two_sample_test(np.ones((9, 1)), np.ones((8, 1)), np.random.default_rng(0))


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
    assert honest == pytest.approx(calibrated_error(p, rng), abs=0.012)
    assert honest < 0.04
    certain = np.eye(2)[np.zeros(10, int)]
    assert calibration(certain, np.ones(10, int)).error == 1.0
    assert calibration(certain, np.zeros(10, int)).error == 0.0
    assert calibrated_error(certain, rng) == 0.0
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
