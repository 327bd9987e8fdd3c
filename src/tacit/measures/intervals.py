"""Intervals: what a mean, a difference or a proportion is known to, and over which units.

Every function returns a `Number`. `over` names the independent units in the plural ("seeds",
"test images"), `given` what was held fixed ("this model"), and both are said in the interval. An
interval is undefined, with its reason, where units are too few or do not differ: one of zero width
would claim a certainty that nothing was measured for.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from tacit.measures.distances import Floats, chunks
from tacit.measures.engine import Measured
from tacit.measures.number import Number, undefined

FEWEST_TO_RESAMPLE = 20  # below it a bootstrap of the mean covers too little (tests/measures)
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


def crossed(table: ArrayLike, *, given: str = "", unit: str = "", level: float = 0.95) -> Number:
    """The mean of seeds × draws, which are crossed: `engine.Measured` of both.

    Args:
        table: one value per seed and draw, (S, D).

    >>> crossed([[1.0, 2.0], [2.0, 4.0]]).interval
    '95 % over 2 seeds × 2 draws'
    >>> crossed([[1.0, 2.0]]).interval
    '95 % over 2 draws, given this seed'
    """
    return _crossed(table, unit, given).mean(level)


def crossed_difference(
    first: ArrayLike, second: ArrayLike, *, given: str = "", unit: str = "", level: float = 0.95
) -> Number:
    """The mean of first - second over seeds × draws that both share.

    Args:
        first, second: one value per seed and draw, in the same order, (S, D) each.
    """
    return (_crossed(first, unit, given) - _crossed(second, unit, given)).mean(level)


def bootstrap_mean(
    values: ArrayLike,
    rng: np.random.Generator,
    *,
    over: str = "images",
    unit: str = "",
    given: str = "this model",
    level: float = 0.95,
    resamples: int = 2000,
) -> Number:
    """The mean over images of one model, with a bias-corrected, accelerated bootstrap interval.

    For per-image values that are skewed (log p(x), squared errors). The levels are widened from
    normal to t quantiles, which bootstraps of a mean lack (Hesterberg 2015, "What teachers should
    know about the bootstrap", section 5). Below 20 values the interval is undefined.

    Args:
        values: one per image, (n,).
        rng: where the resamples come from.
    """
    x = _vector(values, "values")
    if fault := _fault(x, float(np.max(np.abs(x), initial=0.0)), over):
        return _without_interval(x, fault, unit)
    n = len(x)
    if n < FEWEST_TO_RESAMPLE:
        return _without_interval(
            x, f"{n} {over} are too few to resample, {FEWEST_TO_RESAMPLE} are needed", unit
        )
    means = np.concatenate(
        [
            x[rng.integers(n, size=(rows.stop - rows.start, n))].mean(axis=1)
            for rows in chunks(resamples, max(1, 4_000_000 // n))
        ]
    )
    deviation = (x - x.mean()) / np.ptp(x)  # cubes of tiny values would vanish
    acceleration = np.sum(deviation**3) / (6 * np.sum(deviation**2) ** 1.5)
    bias = stats.norm.ppf((np.sum(means < x.mean()) + 0.5 * np.sum(means == x.mean())) / resamples)
    tail = np.sqrt(n / (n - 1)) * stats.t.ppf(0.5 - level / 2, n - 1)
    z = bias + np.array([tail, -tail])
    low, high = np.quantile(means, stats.norm.cdf(bias + z / (1 - acceleration * z)))
    return Number(
        float(x.mean()), float(low), float(high), n, unit, _said(level, "bootstrap", n, over, given)
    )


def welch(
    first: ArrayLike,
    second: ArrayLike,
    *,
    over: str = "images",
    unit: str = "",
    given: str = "this model",
    level: float = 0.95,
) -> Number:
    """mean(first) - mean(second) of two independent samples with Welch's t interval.

    Args:
        first, second: one value per unit, (n,) and (m,); train and test images, say.
    """
    a, b = _vector(first, "first"), _vector(second, "second")
    return _cells([(1.0, a, b)], over, unit, given, level, "Welch t")


def welch_p(first: Floats, second: Floats) -> float:
    """The two-sided p-value of Welch's test; 1 where neither sample has any spread."""
    variance, freedom = _satterthwaite([(1.0, first), (-1.0, second)])
    if variance == 0:
        return 1.0
    return float(2 * stats.t.sf(abs(first.mean() - second.mean()) / np.sqrt(variance), freedom))


def stratified_difference(
    first: ArrayLike,
    first_classes: ArrayLike,
    second: ArrayLike,
    second_classes: ArrayLike,
    *,
    over: str = "images",
    unit: str = "",
    given: str = "this model",
    level: float = 0.95,
) -> Number:
    """first - second within each class, averaged over classes that count alike.

    Between classes log p(x) differs far more than between train and test; comparing within classes
    takes that spread out of the interval. The variance is the weighted sum over classes and sides,
    its degrees of freedom are Welch and Satterthwaite's.

    Args:
        first, second: one value per image, (n,) and (m,).
        first_classes, second_classes: their classes, integers of the same shapes.
    """
    a, b = _vector(first, "first"), _vector(second, "second")
    a_class, b_class = np.asarray(first_classes), np.asarray(second_classes)
    _same_shape(a, a_class)
    _same_shape(b, b_class)
    classes = np.union1d(a_class, b_class)
    pairs = [(1 / len(classes), a[a_class == c], b[b_class == c]) for c in classes]
    return _cells(pairs, over, unit, given, level, f"t stratified by {len(classes)} classes")


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


def holm(p_values: ArrayLike) -> Floats:
    """p-values adjusted for being several, by Holm's step-down rule (Holm 1979), (K,).

    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    p = _vector(p_values, "p_values")
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


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
    if fault := _fault(x, scale, over):
        return _without_interval(x, fault, unit)
    n, mean = len(x), float(x.mean())
    half = float(stats.t.ppf(0.5 + level / 2, n - 1) * x.std(ddof=1) / np.sqrt(n))
    least, most = LIMITS.get(unit, (-np.inf, np.inf))
    low, high = max(mean - half, least), min(mean + half, most)
    return Number(mean, low, high, n, unit, _said(level, "t", n, over, given))


def _crossed(table: ArrayLike, unit: str, given: str) -> Measured:
    x = np.asarray(table, dtype=np.float64)
    if x.ndim != 2 or x.size == 0:
        raise ValueError(f"`table` has shape {x.shape}; seeds × draws, (S, D), is needed")
    return Measured(x, ("seed", "draw"), unit, given=given)


def _cells(
    pairs: Sequence[tuple[float, Floats, Floats]],
    over: str,
    unit: str,
    given: str,
    level: float,
    name: str,
) -> Number:
    """Σ weight · (mean a - mean b), its variance Σ weight² s² / n and Satterthwaite's freedom."""
    sides = [(weight, x) for weight, a, b in pairs for x in (a, b)]
    n = sum(len(x) for _, x in sides)
    if any(len(x) == 0 for _, x in sides) or n == 0:
        return undefined(f"no {over} to compare with in a class or on a side", unit=unit)
    if not all(np.isfinite(x).all() for _, x in sides):
        return undefined(f"values of some {over} are not finite", unit=unit)
    difference = float(sum(weight * (a.mean() - b.mean()) for weight, a, b in pairs))
    if any(len(x) < 2 for _, x in sides):
        return undefined("n = 1 in a class or on a side, no spread", value=difference, unit=unit)
    variance, freedom = _satterthwaite(sides)
    if variance == 0:
        return undefined(f"no spread between the {n} {over}", value=difference, unit=unit)
    half = float(stats.t.ppf(0.5 + level / 2, freedom) * np.sqrt(variance))
    return Number(
        difference,
        difference - half,
        difference + half,
        n,
        unit,
        _said(level, name, n, over, given),
    )


def _satterthwaite(sides: Sequence[tuple[float, Floats]]) -> tuple[float, float]:
    """The variance of Σ weight · mean, and its degrees of freedom (Satterthwaite 1946)."""
    variances = np.array([0.0 if _flat(x) else w**2 * x.var(ddof=1) / len(x) for w, x in sides])
    total = float(variances.sum())
    if total == 0:
        return 0.0, 0.0
    shares = variances / total  # first, so that squares of small variances do not vanish
    return total, float(1 / np.sum(shares**2 / [len(x) - 1 for _, x in sides]))


def _fault(x: Floats, scale: float, over: str) -> str:
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


def _without_interval(x: Floats, fault: str, unit: str) -> Number:
    defined = len(x) > 0 and bool(np.isfinite(x).all())
    return undefined(fault, value=float(x.mean()) if defined else None, n=len(x), unit=unit)


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
