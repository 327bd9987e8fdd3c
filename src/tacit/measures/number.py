"""A measured number: its value, its interval, and what the interval is over."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tacit import notebook

POINTS = "percentage points"


class Undefined(ValueError):
    """A measure that its input does not define, such as a separation between one class.

    A `ValueError`, so that it is an error where nobody expects it; a question that does expect it
    reports ``undefined(str(error))`` instead of a number.
    """


@dataclass(frozen=True)
class Number:
    """A value with its interval.

    Attributes:
        value: the estimate; None where it is undefined.
        low, high: the interval's ends; None where the interval is undefined.
        n: how many independent units the interval is over; 0 where there is none.
        unit: "nats", "%", "accuracy", …; "" for a pure number.
        interval: what the interval is, such as "95 % t over 3 seeds", or why there is none.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    unit: str = ""
    interval: str = "no interval"

    def __post_init__(self) -> None:
        for name in ("value", "low", "high"):
            number = getattr(self, name)
            if number is not None and not math.isfinite(number):
                raise ValueError(f"{name} is {number}; an undefined number is None with a reason")

    def scaled(self, factor: float, unit: str) -> "Number":
        """In another unit.

        >>> Number(0.02, 0.01, 0.04, 10, "share").scaled(100, "percentage points")
        Number(value=2.0, low=1.0, high=4.0, n=10, unit='percentage points', interval='no interval')
        """
        value, low, high = (
            None if x is None else x * factor for x in (self.value, self.low, self.high)
        )
        if factor < 0:
            low, high = high, low
        return Number(value, low, high, self.n, unit, self.interval)

    @property
    def in_points(self) -> "Number":
        """A difference of shares in percentage points."""
        return self.scaled(100, POINTS)

    def __neg__(self) -> "Number":
        """The same difference, taken the other way round.

        >>> (-Number(2.0, 1.0, 4.0)).high
        -1.0
        """
        return self.scaled(-1.0, self.unit)

    def _repr_html_(self) -> str:
        from tacit.measures.formatting import show  # which reads this module

        about = self.interval if self.low is not None else ""
        return notebook.paragraph(show(self), "strong") + notebook.paragraph(about, "div")

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval is defined and lies on one side of zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def undefined(reason: str, *, value: float | None = None, n: int = 0, unit: str = "") -> Number:
    """A number whose interval, and whose value unless given, is undefined for the stated reason."""
    return Number(value=value, n=n, unit=unit, interval=f"undefined: {reason}")


def columns(numbers: Sequence[Number]) -> tuple[NDArray[np.float64], ...]:
    """Values, lower ends and upper ends as figures take them, (n,) each; NaN where undefined.

    >>> columns([Number(1.0, 0.5, 2.0, 3), undefined("one seed")])
    (array([ 1., nan]), array([0.5, nan]), array([ 2., nan]))
    """
    rows = [(number.value, number.low, number.high) for number in numbers]
    return tuple(np.array(rows, np.float64).reshape(len(rows), 3).T)
