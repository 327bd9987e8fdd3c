"""From a value and its spread to an interval's ends, and to a p-value that agrees with them."""

import numpy as np
from scipy.special import ndtri, stdtr, stdtrit

from tacit.measures.engine.variance import Spread

NORMAL = float(ndtri(0.975))
MOST_SKEWED = 0.4
"""Beyond it Hall's transformation is too flat to be turned round, and a skewness of more than that
is not known well enough."""


def ends(value: float, spread: Spread, level: float) -> tuple[float, float]:
    """Student's t interval, longer on the side of the long tail.

    By how much follows from Hall's cubic transformation of t (Hall 1992, "On the removal of
    skewness by transformation"), g(t) = t + λt²/3 + λ²t³/27 + λ/6 with λ the mean's skewness, at
    the normal quantile: so few seeds, whose quantiles are large, do not make more of how skewed
    images are. The other side would be shorter by Hall, and is not: a λ that is chance's alone
    shortens the side on which a mean has strayed, and paired differences of heavy tails (where
    there is no skewness) were called different in 6.6 to 7.5 % of simulated studies in place of
    5.2 to 5.7 %.
    """
    q, error = _quantile(spread, level), float(np.sqrt(spread.variance))
    below, above = _stretches(spread)
    return value - error * q * below, value + error * q * above


def p_value(value: float, spread: Spread, null: float) -> float:
    """Two-sided: below 1 - level exactly where the interval leaves `null` out."""
    t = (value - null) / np.sqrt(spread.variance)
    below, above = _stretches(spread)
    return _tails(t / (below if t > 0 else above), spread)


def _stretches(spread: Spread) -> tuple[float, float]:
    """How many times as far the interval reaches below and above the value.

    >>> from math import inf
    >>> skewed = Spread(1.0, ((1.0, inf),), 0.25, {})
    >>> tuple(round(side, 3) for side in _stretches(skewed))
    (1.0, 1.264)
    """
    skewness = float(np.clip(spread.skewness, -MOST_SKEWED, MOST_SKEWED))
    if abs(skewness) < 1e-6:
        return 1.0, 1.0
    below, above = (
        float(3 / skewness * (np.cbrt(1 + skewness * (x - skewness / 6)) - 1) / x)
        for x in (NORMAL, -NORMAL)
    )
    return max(below, 1.0), max(above, 1.0)


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
