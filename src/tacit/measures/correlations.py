"""How much of one number another explains: Pearson's r and its square, with intervals."""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from tacit.measures.number import Number, undefined

FEWEST = 4
"""Fisher's interval divides by √(n - 3)."""


def correlation(
    first: ArrayLike,
    second: ArrayLike,
    *,
    over: str = "images",
    given: str = "this model",
    level: float = 0.95,
) -> Number:
    """Pearson's r of two numbers per unit, with Fisher's interval tanh(artanh r ± z / √(n - 3)).

    Fisher 1915 and 1921. The interval is exact for normal pairs alone; over few units (ten
    classes) it is wide and no more than a guide.

    Args:
        first, second: one value per unit and in the same order, (n,) each.

    Raises:
        ValueError: where the shapes differ.

    >>> correlation([1, 2, 3, 4, 5], [1, 3, 2, 5, 4], over="classes").value
    0.8
    >>> correlation([1, 2, 3, 4, 5], [1, 1, 1, 1, 1]).interval
    'undefined: no spread between the 5 images'
    """
    x, y = (np.asarray(values, dtype=np.float64) for values in (first, second))
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"shapes are {x.shape} and {y.shape}; one value per unit, (n,), each")
    n = len(x)
    if n < FEWEST:
        return undefined(f"{n} {over}, {FEWEST} are needed", n=n)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return undefined(f"values of some {over} are not finite", n=n)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return undefined(f"no spread between the {n} {over}", n=n)
    a, b = x - x.mean(), y - y.mean()
    r = float(np.clip(np.round(a @ b / math.sqrt((a @ a) * (b @ b)), 15), -1, 1))
    said = f"{100 * level:g} % Fisher over {n} {over}" + (f", given {given}" if given else "")
    if abs(r) == 1:
        return Number(r, r, r, n, "", said)
    half = float(stats.norm.ppf(0.5 + level / 2)) / math.sqrt(n - 3)
    centre = math.atanh(r)
    return Number(r, math.tanh(centre - half), math.tanh(centre + half), n, "", said)


def explained(r: Number) -> Number:
    """The share of the variance of one number that a line in the other accounts for: r².

    Its interval is that of r, squared; it reaches 0 where that of r does.

    >>> explained(Number(-0.9, -0.95, -0.6, 10, "", "95 % Fisher over 10 classes")).low
    0.36
    """
    if r.value is None or r.low is None or r.high is None:
        value = None if r.value is None else r.value**2
        return Number(value, n=r.n, unit="share", interval=r.interval)
    ends = sorted((r.low**2, r.high**2))
    low = 0.0 if r.low < 0 < r.high else ends[0]
    return Number(r.value**2, low, ends[1], r.n, "share", r.interval)
