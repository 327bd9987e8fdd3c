"""Correlations against scipy, their intervals against repetition."""

import numpy as np
import pytest
from scipy import stats

from tacit.measures.correlations import correlation, explained
from tacit.measures.number import Number


def test_r_is_scipys_and_so_is_its_interval() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=40)
    y = 0.5 * x + rng.normal(size=40)
    found = correlation(x, y)
    expected = stats.pearsonr(x, y)
    low, high = expected.confidence_interval(0.95)
    assert found.value == pytest.approx(expected.statistic)
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    assert found.n == 40


def test_the_interval_covers_the_truth_at_ten_units() -> None:
    rng = np.random.default_rng(1)
    truth, hits = 0.8, 0
    for _ in range(1000):
        x, noise = rng.normal(size=(2, 10))
        found = correlation(x, truth * x + np.sqrt(1 - truth**2) * noise, over="classes")
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= truth <= found.high
    assert 930 <= hits <= 970


@pytest.mark.parametrize(
    ("first", "second"),
    [([1, 2, 3], [1, 2, 4]), ([1, 1, 1, 1], [1, 2, 3, 4]), ([1, 2, 3, np.nan], [1, 2, 3, 4])],
)
def test_what_defines_no_r_says_why(first: list[float], second: list[float]) -> None:
    found = correlation(first, second)
    assert found.value is None
    assert found.interval.startswith("undefined: ")
    assert explained(found).value is None


def test_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(3,\) and \(2,\)"):
        correlation([1, 2, 3], [1, 2])


def test_a_perfect_line_explains_everything_and_noise_nothing() -> None:
    x = np.arange(50.0)
    assert explained(correlation(x, 3 - 2 * x)).value == 1
    share = explained(Number(0.1, -0.2, 0.4, 30))
    assert (share.value, share.low, share.high) == (
        pytest.approx(0.01),
        0,
        pytest.approx(0.16),
    )
