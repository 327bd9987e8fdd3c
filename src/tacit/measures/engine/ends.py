"""From a value and its spread to an interval's ends, and to a p-value that agrees with them."""

import numpy as np
from scipy import stats

from tacit.measures.engine.variance import Spread


def ends(value: float, spread: Spread, level: float) -> tuple[float, float]:
    """Student's t interval, corrected for skewness.

    The correction is Hall's cubic transformation of t (Hall 1992, "On the removal of skewness by
    transformation"), which is monotone: g(t) = t + λt²/3 + λ²t³/27 + λ/6, λ the mean's skewness.
    """
    q = float(stats.t.ppf(0.5 + level / 2, spread.freedom))
    error = np.sqrt(spread.variance)
    low, high = (_untransformed(x, spread.skewness) for x in (q, -q))
    return float(value - error * low), float(value - error * high)


def p_value(value: float, spread: Spread, null: float) -> float:
    """Two-sided: below 5 % exactly where the 95 % interval leaves `null` out."""
    t, skewness = (value - null) / np.sqrt(spread.variance), spread.skewness
    t = t + skewness * t**2 / 3 + skewness**2 * t**3 / 27 + skewness / 6
    return float(2 * stats.t.sf(abs(t), spread.freedom))


def share_ends(
    value: float, spread: Spread, level: float, n_without_spread: int
) -> tuple[float, float]:
    """Wilson's score interval for a mean within [0, 1], with an effective number of units.

    That many independent units, each right or wrong, would have the spread that was found (Korn and
    Graubard 1998, for shares of surveys). Where all units are alike nothing was found, and the
    images count.
    """
    q = float(stats.t.ppf(0.5 + level / 2, spread.freedom))
    n = float(n_without_spread)
    if spread.variance > 0 and 0 < value < 1:
        n = value * (1 - value) / spread.variance + 1
    centre = (value + q**2 / (2 * n)) / (1 + q**2 / n)
    half = q / (1 + q**2 / n) * np.sqrt(value * (1 - value) / n + q**2 / (4 * n**2))
    low, high = float(centre - half), float(centre + half)
    return (0.0 if value == 0 else max(low, 0.0)), (1.0 if value == 1 else min(high, 1.0))


def share_p_value(value: float, spread: Spread, null: float, n_without_spread: int) -> float:
    """Two-sided, by the score test that `share_ends` turns round."""
    n = float(n_without_spread)
    if spread.variance > 0 and 0 < value < 1:
        n = value * (1 - value) / spread.variance + 1
    error = np.sqrt(null * (1 - null) / n)
    if error == 0:
        return 1.0 if value == null else 0.0
    return float(2 * stats.t.sf(abs(value - null) / error, spread.freedom))


def _untransformed(x: float, skewness: float) -> float:
    """The t that Hall's transformation takes to x."""
    if abs(skewness) < 1e-6:
        return x
    return float(3 / skewness * (np.cbrt(1 + skewness * (x - skewness / 6)) - 1))
