"""Ratios of means over images, and the terms of the Fisher ratio."""

import numpy as np
import pytest

from tacit.measures.engine import Measured, ratio
from tacit.measures.number import Number
from tacit.measures.separation import fisher_terms


def ratio_of(a: np.ndarray, b: np.ndarray) -> Number:
    return ratio(*(Measured(values, ("image",)) for values in (a, b))).mean()


def test_a_ratio_has_the_interval_of_its_spread() -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(400):
        b = rng.gamma(4.0, 1.0, 200)
        a = 0.5 * b + rng.normal(0, 1, 200)
        number = ratio_of(a, b)
        assert number.value == pytest.approx(a.mean() / b.mean())
        found.append(number.low <= 0.5 <= number.high)
    assert 0.92 <= np.mean(found) <= 0.98


def test_the_interval_of_the_fisher_ratio_covers_it() -> None:
    rng = np.random.default_rng(2)
    centres = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 2.0]])
    m = centres.mean(axis=0)
    truth = np.sum((centres - m) ** 2) / 3 / 2.0  # unit variance in two dimensions
    covered = []
    for _ in range(300):
        y = rng.integers(0, 3, 300)
        number = ratio_of(*fisher_terms(centres[y] + rng.normal(0, 1, (300, 2)), y))
        assert number.low is not None
        assert number.high is not None
        covered.append(number.low <= truth <= number.high)
    assert 0.91 <= np.mean(covered) <= 0.985


def test_constant_features_have_no_scatter() -> None:
    between, within = fisher_terms(np.full((6, 2), 0.1), np.repeat([0, 1], 3))
    assert within.max() == 0
    assert ratio_of(between, within).value is None
    with pytest.raises(ValueError, match="one per image"):
        fisher_terms(np.zeros((3, 2)), np.zeros(2, int))


def test_the_fisher_ratio_of_classes_that_are_alike_is_zero() -> None:
    """tr S_B / tr S_W would be (K - 1) / (N - K) = 0.098 on average."""
    rng = np.random.default_rng(4)
    y = np.repeat(np.arange(10), (5, 5, 5, 10, 10, 10, 10, 15, 15, 15))

    def ratios(x: np.ndarray) -> list[float]:
        """Of all images, and of the classes'."""
        between, within = fisher_terms(x, y)
        each = [y == c for c in range(10)]
        return [between[some].mean() / within[some].mean() for some in (slice(None), *each)]

    found = np.array([ratios(rng.normal(size=(100, 4))) for _ in range(400)])
    assert abs(found[:, 0].mean()) < 3 * found[:, 0].std() / 20
    assert np.abs(found[:, 1:].mean(axis=0)).max() < 0.1
    wide = np.where(np.arange(100) < 50, 1.0, 3.0)[:, None]
    found = [ratios(wide * rng.normal(size=(100, 4)))[0] for _ in range(400)]
    assert abs(np.mean(found)) < 3 * np.std(found) / 20
