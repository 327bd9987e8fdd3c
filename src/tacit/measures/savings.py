"""Label savings: how many times as many labels one method needs to do as well as another."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from tacit.measures.distances import Floats
from tacit.measures.formatting import significant
from tacit.measures.intervals import crossed_difference
from tacit.measures.number import Number

POINTS_PER_STEP = 200
"""Factors looked at between two neighbouring budgets, for the interval's ends."""


@dataclass(frozen=True)
class Savings:
    """How many times as many labels the baseline needs for a method's accuracy.

    Infinity stands for "more than the curve's last budget", 0 for "fewer than its first".

    Attributes:
        factor: the estimate. low, high: the interval's ends; None where it is undefined.
        least, most: the first and the last budget of the curve, as factors.
        n: how many seeds or draws the interval is over. interval: what it is, or why there is none.
    """

    factor: float
    low: float | None
    high: float | None
    least: float
    most: float
    n: int
    interval: str

    @property
    def censored(self) -> bool:
        """Whether the curve ends before the factor is reached."""
        return not 0 < self.factor < math.inf

    def number(self) -> Number:
        """As a `Number`: an end, or a value, beyond the curve is None, and the interval says so."""
        value, low, high = (
            end if end is not None and 0 < end < math.inf else None
            for end in (self.factor, self.low, self.high)
        )
        beyond = [
            f"{name} {self._bound(end)}"
            for name, end in (("value", self.factor), ("low", self.low), ("high", self.high))
            if end is not None and not 0 < end < math.inf
        ]
        said = self.interval + (f"; censored: {', '.join(beyond)}" if beyond else "")
        return Number(value, low, high, self.n, "times", said)

    def words(self) -> str:
        """The factor and its interval, such as "3.1 times (2.2 to more than 10)".

        >>> Savings(math.inf, 8.0, math.inf, 0.1, 10.0, 5, "").words()
        'more than 10 times (8 to more than 10)'
        """
        if math.isinf(self.factor) and self.most <= 1:
            return "more labels than were tried"
        text = f"{self._bound(self.factor)} times"
        if self.low is None or self.high is None:
            return text
        if self.factor == self.low == self.high:
            return text
        return f"{text} ({self._bound(self.low)} to {self._bound(self.high)})"

    def _bound(self, end: float) -> str:
        if math.isinf(end):
            return f"more than {significant(self.most, 2)}"
        return f"fewer than {significant(self.least, 2)}" if end == 0 else significant(end, 2)


def label_savings(labels: ArrayLike, baseline: Floats, method: Floats, at: float) -> Savings:
    """The factor f at which the baseline with f · `at` labels is as accurate as the method.

    Between budgets the baseline's accuracy is interpolated linearly in the logarithm of the number
    of labels, draw by draw. The estimate is where the mean of these curves first reaches the
    method's mean accuracy. The interval holds the factors at which the paired difference of the two
    is not distinguishable from zero, by the t interval of `crossed_difference`: a test turned
    round, as in Fieller 1954, which needs no resampling of few draws, and is open where the curve
    ends.

    Args:
        labels: the budgets of the curve, rising, (B,).
        baseline: its accuracy at each, (B, S, D), seeds × draws.
        method: the method's accuracy on the same seeds and draws, (S, D).
        at: with how many labels the method has it.

    Raises:
        ValueError: where shapes do not match or budgets do not rise.
    """
    x, curve, wanted = np.log(labels), np.asarray(baseline), np.asarray(method)
    if curve.shape != (len(x), *wanted.shape) or wanted.ndim != 2:
        raise ValueError(
            f"baseline is {curve.shape}, method {wanted.shape}; {len(x)} budgets of seeds × draws "
            "are needed, the same for both"
        )
    if np.any(np.diff(x) <= 0):
        raise ValueError(f"labels are {np.asarray(labels).tolist()}; budgets rise")
    factors, values = _interpolated(x - math.log(at), curve)
    reached = np.flatnonzero(values.mean(axis=(1, 2)) >= wanted.mean() - 1e-12)
    factor = math.inf
    if len(reached):
        factor = float(factors[reached[0]])
        # At the first budget already: fewer would do, unless it is met there exactly.
        if reached[0] == 0 and values[0].mean() > wanted.mean() + 1e-12:
            factor = 0.0
    differences = values - wanted
    typical = crossed_difference(values[int(_spread(differences).argmax())], wanted)
    low, high = (None, None) if typical.low is None else _ends(factors, differences, factor)
    return Savings(
        factor,
        low,
        high,
        float(factors[0]),
        float(factors[-1]),
        typical.n,
        typical.interval if typical.low is None else f"{typical.interval}, inverted",
    )


def _interpolated(x: Floats, curve: Floats) -> tuple[Floats, Floats]:
    """Factors, (P,), and the curve at them, (P, S, D)."""
    fine = np.concatenate(
        [np.linspace(a, b, POINTS_PER_STEP, endpoint=False) for a, b in pairwise(x)] + [x[-1:]]
    )
    right = np.clip(np.searchsorted(x, fine), 1, max(len(x) - 1, 1))
    if len(x) == 1:
        return np.exp(fine), curve
    share = ((fine - x[right - 1]) / (x[right] - x[right - 1]))[:, None, None]
    return np.exp(fine), (1 - share) * curve[right - 1] + share * curve[right]


def _units(differences: Floats) -> Floats:
    """What is independent: each seed's mean over draws, or with one seed its draws, (P, n)."""
    return differences[:, 0] if differences.shape[1] == 1 else differences.mean(axis=2)


def _spread(differences: Floats) -> Floats:
    return _units(differences).std(axis=1)


def _ends(factors: Floats, differences: Floats, factor: float) -> tuple[float, float]:
    """The range of factors, the estimate included, whose difference does not exclude zero."""
    units = _units(differences)
    n = units.shape[1]
    half = stats.t.ppf(0.975, n - 1) * units.std(axis=1, ddof=1) / math.sqrt(n)
    alike = np.flatnonzero(np.abs(units.mean(axis=1)) <= half)
    if len(alike) == 0:  # the curve passes the method's accuracy between two factors, or beyond
        return factor, factor
    low = 0.0 if alike[0] == 0 else float(factors[alike[0]])
    high = math.inf if alike[-1] == len(factors) - 1 else float(factors[alike[-1]])
    return min(low, factor), max(high, factor)
