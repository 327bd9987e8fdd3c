"""Many comparisons at once: one method against each of the others, on the same draws."""

from collections.abc import Mapping
from dataclasses import dataclass

from tacit.measures.distances import Floats
from tacit.measures.engine import Measured
from tacit.measures.intervals import decide
from tacit.measures.number import Number


@dataclass(frozen=True)
class Comparison:
    """One method against another.

    Attributes:
        difference: the first minus the other; its interval holds together with those of the other
            comparisons.
        p_value: two-sided, of this comparison alone; 1 where nothing varies.
        adjusted: `p_value` adjusted for being one of several; below 5 % where the interval excludes
            zero.
    """

    difference: Number
    p_value: float
    adjusted: float

    @property
    def verdict(self) -> str:
        """ "higher", "lower" or "not distinguishable", by the interval; "undefined" without one."""
        return decide(self.difference)


def against_each(
    first: Floats, others: Mapping[str, Floats], *, unit: str = ""
) -> dict[str, Comparison]:
    """One method against each of the others, paired, with intervals that hold together.

    Args:
        first: one value per seed and draw, (S, D).
        others: by name, the same of the other methods, on the same seeds and draws.
        unit: of the differences.
    """
    gaps = {name: _gap(first, other, unit) for name, other in others.items()}
    n = len(gaps)
    return {
        name: Comparison(gap.mean(together=n), gap.p_value(), min(1.0, n * gap.p_value()))
        for name, gap in gaps.items()
    }


def crossed_p(first: Floats, second: Floats) -> float:
    """The two-sided p-value of a paired difference over seeds and draws.

    1 where there is one unit, or where units do not differ: nothing was measured then to test by.

    Args:
        first, second: one value per seed and draw, (S, D) each.

    >>> import numpy as np
    >>> round(crossed_p(np.array([[3.0, 5.0, 4.0]]), np.array([[1.0, 2.0, 3.0]])), 3)
    0.074
    """
    return _gap(first, second, "").p_value()


def _gap(first: Floats, second: Floats, unit: str) -> Measured:
    factors = ("seed", "draw")
    return Measured(first, factors, unit) - Measured(second, factors, unit)
