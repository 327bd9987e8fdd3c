"""Ends of skewed means: Hall's at the normal quantile, bounded, and p-values that agree."""

import numpy as np
import pytest
from scipy import stats

from tacit.measures.engine.ends import MOST_SKEWED, ends, p_value
from tacit.measures.engine.variance import Spread


def skewed(skewness: float, *, freedom: float = np.inf, rough: bool = False) -> Spread:
    return Spread(4.0, ((1.0, freedom),), skewness, rough, {})


def test_ends_are_halls_where_much_is_known() -> None:
    """g(t) = ±1.96 turned round: t = (mean - truth) / error at either end."""
    skewness, z = 0.25, stats.norm.ppf(0.975)
    low, high = ends(10.0, skewed(skewness), 0.95)
    for end, quantile in ((low, z), (high, -z)):
        t = (10.0 - end) / 2.0
        g = t + skewness * t**2 / 3 + skewness**2 * t**3 / 27 + skewness / 6
        assert g == pytest.approx(quantile)


def test_without_skewness_they_are_students() -> None:
    low, high = ends(10.0, skewed(0.0, freedom=2), 0.95)
    half = 2 * stats.t.ppf(0.975, 2)
    assert (low, high) == pytest.approx((10 - half, 10 + half))


@pytest.mark.parametrize("skewness", [-5.0, -0.4, 0.05, 0.4, 5.0])
@pytest.mark.parametrize("freedom", [1, 2, 100])
def test_few_seeds_and_skewed_images_do_not_send_an_end_far_away(
    skewness: float, freedom: float
) -> None:
    low, high = ends(0.0, skewed(skewness, freedom=freedom), 0.95)
    half = 2 * stats.t.ppf(0.975, freedom)
    assert 0.75 * half < min(-low, high) < half < max(-low, high) < 1.65 * half
    assert (high > -low) == (skewness > 0)
    most = np.sign(skewness) * min(abs(skewness), MOST_SKEWED)
    assert (low, high) == ends(0.0, skewed(most, freedom=freedom), 0.95)


def test_a_rough_skewness_makes_no_side_shorter() -> None:
    low, high = ends(0.0, skewed(0.3, rough=True), 0.95)
    assert -low == pytest.approx(2 * stats.norm.ppf(0.975))
    assert high > -low


@pytest.mark.parametrize("skewness", [-2.0, -0.3, 0.0, 0.3, 2.0])
@pytest.mark.parametrize("rough", [True, False])
def test_p_is_5_percent_at_the_ends_and_falls_away_from_them(skewness: float, rough: bool) -> None:
    spread = Spread(4.0, ((1.0, 8.0), (0.6, 2.0)), skewness, rough, {})
    for level in (0.9, 0.95, 0.99):
        for end in ends(1.0, spread, level):
            assert p_value(1.0, spread, end) == pytest.approx(1 - level)
    nulls = np.linspace(-30, 32, 63)
    p = np.array([p_value(1.0, spread, null) for null in nulls])
    assert p.max() == p_value(1.0, spread, 1.0) == pytest.approx(1)
    assert (np.diff(p[:32]) > 0).all()
    assert (np.diff(p[31:]) < 0).all()
