"""Label efficiency: how many times as many labels one method needs to do as well as another."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from tacit.measures.distances import Floats
from tacit.measures.engine import Measured
from tacit.measures.formatting import significant
from tacit.measures.number import Number

LOOKS, HALVINGS = 8, 10
"""Factors looked at between two neighbouring budgets, and how often the distance between two of
them is halved to find an end of the interval."""

TIE = 1e-12
"""Accuracies that differ by less are equal."""


@dataclass(frozen=True)
class LabelEfficiency:
    """How many times as many labels the baseline needs for a method's accuracy.

    Infinity stands for "more than the curve's last budget", 0 for "fewer than its first".

    Attributes:
        factor: the estimate. low, high: the interval's ends; None where it is undefined.
        least, most: the first and the last budget of the curve, as factors.
        n: how many units of the fewest the interval is over.
        interval: what it is, or why there is none.
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

        >>> LabelEfficiency(math.inf, 8.0, math.inf, 0.1, 10.0, 5, "").words()
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


def label_efficiency(
    labels: ArrayLike, baseline: Sequence[Measured], method: Measured, at: float
) -> LabelEfficiency:
    """The factor f at which the baseline with f · `at` labels is as accurate as the method.

    Between budgets the baseline's accuracy is interpolated linearly in the logarithm of the number
    of labels, unit by unit. The estimate is where its mean first reaches the method's mean
    accuracy. The interval holds the factors at which the paired difference of the two is not
    distinguishable from zero: a test turned round, as in Fieller 1954, which needs no resampling of
    few draws, and is open where the curve ends.

    Args:
        labels: the budgets of the curve, rising, (B,).
        baseline: its accuracy at each, over the same seeds, draws and images.
        method: the method's accuracy over the same.
        at: with how many labels the method has it.

    Raises:
        ValueError: where there is not one accuracy a budget, or budgets do not rise.
    """
    x = np.log(np.asarray(labels, dtype=np.float64))
    if len(x) != len(baseline):
        raise ValueError(f"there are {len(x)} budgets and {len(baseline)} accuracies; one each")
    if np.any(np.diff(x) <= 0):
        raise ValueError(f"labels are {np.asarray(labels).tolist()}; budgets rise")
    curve = _Curve(x - math.log(at), baseline, method)
    factor = curve.reached()
    least, most = (float(np.exp(curve.x[end])) for end in (0, -1))
    typical = max((curve.gap(point) for point in curve.x), key=lambda gap: gap.standard_error)
    number = typical.mean()
    if number.low is None:
        return LabelEfficiency(factor, None, None, least, most, number.n, number.interval)
    low, high = curve.alike(factor)
    said = f"{number.interval}, inverted"
    return LabelEfficiency(factor, min(low, factor), max(high, factor), least, most, number.n, said)


@dataclass(frozen=True)
class _Curve:
    """The baseline's accuracy against the method's, along the logarithm of the factor.

    Attributes:
        x: of the budgets, (B,).
    """

    x: Floats
    baseline: Sequence[Measured]
    method: Measured

    def gap(self, point: float) -> Measured:
        """The baseline's accuracy at a point minus the method's."""
        right = int(np.clip(np.searchsorted(self.x, point), 1, max(len(self.x) - 1, 1)))
        if len(self.x) == 1:
            return self.baseline[0] - self.method
        share = (point - self.x[right - 1]) / (self.x[right] - self.x[right - 1])
        before, after = self.baseline[right - 1], self.baseline[right]
        if share in (0.0, 1.0):
            return (after if share else before) - self.method
        unit = self.method.unit
        return before.scaled(1 - share, unit) + after.scaled(share, unit) - self.method

    def reached(self) -> float:
        """The first factor at which the means are equal: 0 below the curve, infinity beyond it."""
        gaps = [self.gap(point).value for point in self.x]
        if gaps[0] >= -TIE:
            return 0.0 if gaps[0] > TIE else float(np.exp(self.x[0]))
        for k, (before, after) in enumerate(pairwise(gaps)):
            if after >= -TIE:
                share = -before / (after - before)
                return float(np.exp((1 - share) * self.x[k] + share * self.x[k + 1]))
        return math.inf

    def alike(self, factor: float) -> tuple[float, float]:
        """From the first to the last factor at which the two are not distinguishable.

        An empty range, infinity to 0, where there is none.

        Args:
            factor: where their means are equal, which is looked at as well: the range may be small.
        """
        steps = [np.linspace(a, b, LOOKS, endpoint=False) for a, b in pairwise(self.x)]
        reached = [math.log(factor)] if 0 < factor < math.inf else []
        looks = np.unique(np.concatenate([*steps, self.x[-1:], reached]))
        found = [self._is_alike(point) for point in looks]
        if not any(found):
            return math.inf, 0.0
        first, last = found.index(True), len(found) - 1 - found[::-1].index(True)
        low = 0.0 if first == 0 else self._end(looks[first - 1], looks[first])
        high = math.inf if last == len(looks) - 1 else self._end(looks[last + 1], looks[last])
        return low, high

    def _is_alike(self, point: float) -> bool:
        return self.gap(point).p_value() >= 0.05

    def _end(self, outside: float, inside: float) -> float:
        """Where between the two the verdict changes."""
        for _ in range(HALVINGS):
            middle = (outside + inside) / 2
            if self._is_alike(middle):
                inside = middle
            else:
                outside = middle
        return float(np.exp(inside))
