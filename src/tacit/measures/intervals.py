"""Intervals: what a mean, a difference or a proportion is known to, and over which units.

Every function returns a `Number`. `over` names the independent units in the plural ("seeds",
"test images"), `given` what was held fixed ("this model"), and both are said in the interval. An
interval is undefined, with its reason, where units are too few or do not differ: one of zero width
would claim a certainty that nothing was measured for.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from tacit.measures.distances import Floats
from tacit.measures.number import Number, undefined

LIMITS = {"accuracy": (0.0, 1.0)}  # what a mean in these units cannot lie outside of
SMALLEST_SPREAD = 1e-150  # squares of less are 0 in float64, and so would be the interval's width


def mean_t(
    values: ArrayLike, *, over: str = "seeds", unit: str = "", given: str = "", level: float = 0.95
) -> Number:
    """The mean of independent values with Student's t interval, mean ± t · s / √n.

    Args:
        values: one per unit, (n,).

    >>> mean_t([1.0, 2.0, 3.0]).interval
    '95 % t over 3 seeds'
    >>> mean_t([1.0]).interval
    'undefined: n = 1, no spread between seeds'
    """
    x = _vector(values, "values")
    return _mean_t(x, float(np.max(np.abs(x), initial=0.0)), over, unit, given, level)


def paired(
    first: ArrayLike,
    second: ArrayLike,
    *,
    over: str = "seeds",
    unit: str = "",
    given: str = "",
    level: float = 0.95,
) -> Number:
    """The mean of first - second where both were measured on the same units, with t interval.

    Args:
        first, second: one value per unit and in the same order, (n,) each.

    Raises:
        ValueError: where the lengths differ.
    """
    a, b = _vector(first, "first"), _vector(second, "second")
    _same_shape(a, b)
    # Differences are no more exact than what they are taken of, so that is the scale of rounding.
    scale = float(np.max(np.abs(np.concatenate([a, b])), initial=0.0))
    return _mean_t(a - b, scale, f"{over}, paired", unit, given, level)


def proportion(
    successes: ArrayLike,
    *,
    over: str = "images",
    unit: str = "share",
    given: str = "this model",
    level: float = 0.95,
) -> Number:
    """The share of units that succeed, with Wilson's score interval.

    Args:
        successes: True or False per unit, (n,). All or none still has an interval of some width.
    """
    x = _vector(successes, "successes")
    n = len(x)
    if n == 0:
        return undefined(f"no {over}", unit=unit)
    if not np.isin(x, (0.0, 1.0)).all():
        raise ValueError("`successes` holds other values than True and False")
    found = stats.binomtest(int(x.sum()), n).proportion_ci(level, method="wilson")
    # Wilson's ends are 0 and 1 exactly where none or all succeed; rounding may step past them.
    low, high = max(0.0, float(found.low)), min(1.0, float(found.high))
    return Number(float(x.mean()), low, high, n, unit, _said(level, "Wilson", n, over, given))


def decide(difference: Number) -> str:
    """The interval's verdict: "higher", "lower", "not distinguishable" or "undefined".

    >>> decide(mean_t([1.0, 1.1, 1.2])), decide(mean_t([1.0]))
    ('higher', 'undefined')
    """
    if difference.value is None or difference.low is None:
        return "undefined"
    if not difference.excludes_zero:
        return "not distinguishable"
    return "higher" if difference.value > 0 else "lower"


def _mean_t(x: Floats, scale: float, over: str, unit: str, given: str, level: float) -> Number:
    if why := _why_none(x, scale, over):
        return _without_interval(x, why, unit)
    n, mean = len(x), float(x.mean())
    half = float(stats.t.ppf(0.5 + level / 2, n - 1) * x.std(ddof=1) / np.sqrt(n))
    least, most = LIMITS.get(unit, (-np.inf, np.inf))
    low, high = max(mean - half, least), min(mean + half, most)
    return Number(mean, low, high, n, unit, _said(level, "t", n, over, given))


def _why_none(x: Floats, scale: float, over: str) -> str:
    """Why the mean of `x` has no interval; "" where it has one."""
    if len(x) == 0:
        return f"no {over}"
    if not np.isfinite(x).all():
        return f"values of {int(np.sum(~np.isfinite(x)))} of {len(x)} {over} are not finite"
    if len(x) == 1:
        return f"n = 1, no spread between {over}"
    return f"no spread between the {len(x)} {over}" if _flat(x, scale) else ""


def _flat(x: Floats, scale: float | None = None) -> bool:
    """Whether the values differ by no more than rounding, or by what has no square."""
    scale = float(np.max(np.abs(x))) if scale is None else scale
    return bool(np.ptp(x) <= max(8 * np.finfo(np.float64).eps * scale, SMALLEST_SPREAD))


def _without_interval(x: Floats, why: str, unit: str) -> Number:
    defined = len(x) > 0 and bool(np.isfinite(x).all())
    return undefined(why, value=float(x.mean()) if defined else None, n=len(x), unit=unit)


def _said(level: float, name: str, n: int, over: str, given: str) -> str:
    return f"{100 * level:g} % {name} over {n} {over}" + (f", given {given}" if given else "")


def _vector(values: ArrayLike, name: str) -> Floats:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1:
        raise ValueError(f"`{name}` has shape {x.shape}; one value per unit, (n,), is needed")
    return x


def _same_shape(first: NDArray[np.generic], second: NDArray[np.generic]) -> None:
    if first.shape != second.shape:
        raise ValueError(
            f"shapes differ: {first.shape} and {second.shape}, one value per unit each"
        )
