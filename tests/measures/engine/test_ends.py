"""Ends of skewed means: Hall's at the normal quantile, bounded, and p-values that agree."""

import numpy as np
import pytest
from scipy import stats

from tacit.measures.engine import Measured
from tacit.measures.engine.ends import MOST_SKEWED, ends, p_value
from tacit.measures.engine.variance import Spread


def skewed(skewness: float, *, freedom: float = np.inf) -> Spread:
    return Spread(4.0, ((1.0, freedom),), skewness, {})


def test_the_long_tails_end_is_halls_and_the_other_students() -> None:
    """g(t) = -1.96 turned round: t = (mean - truth) / error at the upper end."""
    skewness, z = 0.25, stats.norm.ppf(0.975)
    low, high = ends(10.0, skewed(skewness), 0.95)
    t = (10.0 - high) / 2.0
    g = t + skewness * t**2 / 3 + skewness**2 * t**3 / 27 + skewness / 6
    assert g == pytest.approx(-z)
    assert low == pytest.approx(10.0 - 2.0 * z)


def test_heavy_tails_without_skewness_err_no_more_often_than_said() -> None:
    """Whichever way chance leans them: 5 %, where Hall's shorter side made it 6.6 to 7.5 %."""
    rng = np.random.default_rng(0)
    x = np.exp(0.7 * rng.normal(size=(3000, 179))) * rng.normal(size=(3000, 179))
    errs = np.mean([Measured(one, ("image",)).mean().excludes_zero for one in x])
    assert errs < 0.062


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
    assert min(-low, high) == pytest.approx(half)
    assert half < max(-low, high) < 1.65 * half
    assert (high > -low) == (skewness > 0)
    most = np.sign(skewness) * min(abs(skewness), MOST_SKEWED)
    assert (low, high) == ends(0.0, skewed(most, freedom=freedom), 0.95)


@pytest.mark.parametrize("skewness", [-2.0, -0.3, 0.0, 0.3, 2.0])
def test_p_is_5_percent_at_the_ends_and_falls_away_from_them(skewness: float) -> None:
    spread = Spread(4.0, ((1.0, 8.0), (0.6, 2.0)), skewness, {})
    for level in (0.9, 0.95, 0.99):
        for end in ends(1.0, spread, level):
            assert p_value(1.0, spread, end) == pytest.approx(1 - level)
    nulls = np.linspace(-30, 32, 63)
    p = np.array([p_value(1.0, spread, null) for null in nulls])
    assert p.max() == p_value(1.0, spread, 1.0) == pytest.approx(1)
    assert (np.diff(p[:32]) > 0).all()
    assert (np.diff(p[31:]) < 0).all()
