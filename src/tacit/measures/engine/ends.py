"""From a value and its spread to an interval's ends, and to a p-value that agrees with them."""

import numpy as np
from scipy.special import stdtr, stdtrit

from tacit.measures.engine.variance import Spread

FLAT = 0.6
"""From there on Hall's transformation is too flat to be turned round."""


def ends(value: float, spread: Spread, level: float) -> tuple[float, float]:
    """Student's t interval, corrected for skewness.

    The correction is Hall's cubic transformation of t (Hall 1992, "On the removal of skewness by
    transformation"), which is monotone: g(t) = t + λt²/3 + λ²t³/27 + λ/6, λ the mean's skewness.
    Where g is nearly flat its inverse runs away, so that beyond |λ(x - λ/6)| = 0.6 it goes on in
    proportion: no coverage is lost, and intervals of few seeds stay finite in any useful sense.
    Where λ is rough, the interval reaches to the outer of the ends with it and without.
    """
    q, error = _quantile(spread, level), np.sqrt(spread.variance)
    low, high = (_untransformed(x, spread.skewness) for x in (q, -q))
    if spread.skew_is_rough:
        low, high = max(low, q), min(high, -q)
    return float(value - error * low), float(value - error * high)


def p_value(value: float, spread: Spread, null: float) -> float:
    """Two-sided: below 1 - level exactly where the interval leaves `null` out."""
    t, skewness = (value - null) / np.sqrt(spread.variance), spread.skewness
    corrected = _transformed(t, skewness)
    if spread.skew_is_rough:
        return max(_tails(corrected, spread), _tails(t, spread))
    return _tails(corrected, spread)


def share_ends(
    value: float, spread: Spread, level: float, n_without_spread: int
) -> tuple[float, float]:
    """Wilson's score interval for a mean within [0, 1], with an effective number of units.

    That many independent units, each right or wrong, would have the spread that was found (Korn and
    Graubard 1998, for shares of surveys). Where all units are alike nothing was found, and the
    images count.
    """
    q, n = _quantile(spread, level), _effective(value, spread, n_without_spread)
    centre = (value + q**2 / (2 * n)) / (1 + q**2 / n)
    half = q / (1 + q**2 / n) * np.sqrt(value * (1 - value) / n + q**2 / (4 * n**2))
    low, high = float(centre - half), float(centre + half)
    return (0.0 if value == 0 else max(low, 0.0)), (1.0 if value == 1 else min(high, 1.0))


def share_p_value(value: float, spread: Spread, null: float, n_without_spread: int) -> float:
    """Two-sided, by the score test that `share_ends` turns round."""
    error = np.sqrt(null * (1 - null) / _effective(value, spread, n_without_spread))
    if not error > 0:
        return 1.0 if value == null else 0.0
    return _tails((value - null) / error, spread)


def _effective(value: float, spread: Spread, n_without_spread: int) -> float:
    if spread.variance == 0 or not 0 < value < 1:
        return float(n_without_spread)
    return value * (1 - value) / spread.variance + 1


def _quantile(spread: Spread, level: float) -> float:
    """How many standard errors the widest of the intervals reaches."""
    tail = 0.5 + level / 2
    return float(max(np.sqrt(share) * stdtrit(freedom, tail) for share, freedom in spread.known))


def _tails(t: float, spread: Spread) -> float:
    """Both tails beyond t, of the one of what is known that has the most there."""
    return float(max(2 * stdtr(f, -abs(t) / np.sqrt(share)) for share, f in spread.known))


def _untransformed(x: float, skewness: float) -> float:
    """The t that Hall's transformation takes to x."""
    if abs(skewness) < 1e-6:
        return x
    return _root(x - skewness / 6, skewness)


def _root(x: float, skewness: float) -> float:
    """The t of which t + λt²/3 + λ²t³/27 is x, and in proportion where that is too flat."""
    edge = FLAT / abs(skewness)
    if abs(x) > edge:
        return _root(float(np.copysign(edge, x)), skewness) * abs(x) / edge
    return float(3 / skewness * (np.cbrt(1 + skewness * x) - 1))


def _transformed(t: float, skewness: float) -> float:
    """Hall's transformation, the other way round."""
    if abs(skewness) < 1e-6:
        return t
    edge = float(np.copysign(FLAT / abs(skewness), t))
    farthest = _root(edge, skewness)
    if abs(t) > abs(farthest):
        return t * edge / farthest + skewness / 6
    return t + skewness * t**2 / 3 + skewness**2 * t**3 / 27 + skewness / 6
