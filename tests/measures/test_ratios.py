"""Ratios of means as means of per-image values."""

import re

import numpy as np
import pytest

from tacit.measures.intervals import mean_t
from tacit.measures.ratios import ratio_values
from tacit.measures.separation import class_fisher_ratios, fisher_ratio, fisher_terms


def test_values_have_the_ratio_as_mean_and_its_spread() -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(400):
        b = rng.gamma(4.0, 1.0, 200)
        a = 0.5 * b + rng.normal(0, 1, 200)
        values = ratio_values(a, b)
        assert values.mean() == pytest.approx(a.mean() / b.mean())
        number = mean_t(values, over="images")
        assert number.low is not None
        assert number.high is not None
        found.append(number.low <= 0.5 <= number.high)
    assert 0.92 <= np.mean(found) <= 0.98


def test_a_constant_ratio_has_no_spread_and_no_denominator_no_ratio() -> None:
    assert mean_t(ratio_values([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])).low is None
    assert np.isnan(ratio_values([1.0, 2.0], [1.0, -1.0])).all()
    assert ratio_values([], []).shape == (0,)
    with pytest.raises(ValueError, match=re.escape("numerators are (2,), denominators (3,)")):
        ratio_values([1.0, 2.0], [1.0, 2.0, 3.0])


def test_fisher_terms_give_the_ratio_of_all_and_of_each_class() -> None:
    rng = np.random.default_rng(1)
    y = np.repeat([0, 1, 3], [30, 50, 20])
    x = rng.normal(0, 1, (100, 4)) + 2.0 * rng.normal(0, 1, (4, 4))[y]
    between, within = fisher_terms(x, y)
    assert between.mean() / within.mean() == pytest.approx(fisher_ratio(x, y))
    own = [between[y == c].mean() / within[y == c].mean() for c in (0, 1, 3)]
    np.testing.assert_allclose(own, class_fisher_ratios(x, y))


def test_the_interval_of_the_fisher_ratio_covers_it() -> None:
    rng = np.random.default_rng(2)
    centres = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 2.0]])
    m = centres.mean(axis=0)
    truth = np.sum((centres - m) ** 2) / 3 / 2.0  # unit variance in two dimensions
    covered = []
    for _ in range(300):
        y = rng.integers(0, 3, 300)
        number = mean_t(ratio_values(*fisher_terms(centres[y] + rng.normal(0, 1, (300, 2)), y)))
        assert number.low is not None
        assert number.high is not None
        covered.append(number.low <= truth <= number.high)
    assert 0.91 <= np.mean(covered) <= 0.985


def test_constant_features_have_no_scatter() -> None:
    between, within = fisher_terms(np.full((6, 2), 0.1), np.repeat([0, 1], 3))
    assert within.max() == 0
    assert np.isnan(ratio_values(between, within)).all()
    with pytest.raises(ValueError, match="one per image"):
        fisher_terms(np.zeros((3, 2)), np.zeros(2, int))


def test_the_fisher_ratio_of_classes_that_are_alike_is_zero() -> None:
    """tr S_B / tr S_W would be (K - 1) / (N - K) = 0.098 on average."""
    rng = np.random.default_rng(4)
    y = np.repeat(np.arange(10), (5, 5, 5, 10, 10, 10, 10, 15, 15, 15))
    found = [fisher_ratio(rng.normal(size=(100, 4)), y) for _ in range(400)]
    assert abs(np.mean(found)) < 3 * np.std(found) / 20
    own = [class_fisher_ratios(rng.normal(size=(100, 4)), y) for _ in range(400)]
    assert np.abs(np.mean(own, axis=0)).max() < 0.1
    wide = np.where(np.arange(100) < 50, 1.0, 3.0)[:, None]
    found = [fisher_ratio(wide * rng.normal(size=(100, 4)), y) for _ in range(400)]
    assert abs(np.mean(found)) < 3 * np.std(found) / 20
