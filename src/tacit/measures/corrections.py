"""Many comparisons at once: one method against each of the others, on the same draws."""

from collections.abc import Mapping
from dataclasses import dataclass

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


def compare(gaps: Mapping[str, Measured], together: int | None = None) -> dict[str, Comparison]:
    """Differences by name, with intervals that hold together and p-values that agree with them.

    Args:
        together: how many differences there are to hold together, where they are not these alone.

    >>> one = Measured([3.0, 5.0, 4.0, 4.0], ("draw",)) - Measured([1.0, 2.0, 3.0, 2.0], ("draw",))
    >>> found = compare({"alone": one})["alone"]
    >>> round(found.p_value, 3), found.verdict
    (0.016, 'higher')
    """
    n = together or len(gaps)
    return {
        name: Comparison(gap.mean(together=n), gap.p_value(), min(1.0, n * gap.p_value()))
        for name, gap in gaps.items()
    }
