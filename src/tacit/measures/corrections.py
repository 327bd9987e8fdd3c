"""Many comparisons at once: one method against each of the others, on the same draws."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from tacit.measures.distances import Floats
from tacit.measures.intervals import crossed_difference, holm
from tacit.measures.number import Number

LEVEL = 0.05


@dataclass(frozen=True)
class Comparison:
    """One method against another.

    Attributes:
        difference: the first minus the other, with its own 95 % interval.
        p_value: two-sided, of the paired t test behind that interval; 1 where nothing varies.
        adjusted: `p_value` adjusted for being one of several.
    """

    difference: Number
    p_value: float
    adjusted: float

    @property
    def verdict(self) -> str:
        """ "higher" or "lower" where the adjusted p-value is below 5 %, "undefined" without an
        interval, else "not distinguishable"."""
        if self.difference.value is None or self.difference.low is None:
            return "undefined"
        if self.adjusted >= LEVEL:
            return "not distinguishable"
        return "higher" if self.difference.value > 0 else "lower"


def against_each(
    first: Floats, others: Mapping[str, Floats], *, unit: str = ""
) -> dict[str, Comparison]:
    """One method against each of the others, paired, and corrected for being several by Holm's rule
    (Holm 1979).

    Args:
        first: one value per seed and draw, (S, D).
        others: by name, the same of the other methods, on the same seeds and draws.
        unit: of the differences.
    """
    p_values = {name: crossed_p(first, other) for name, other in others.items()}
    adjusted = holm(list(p_values.values())).tolist() if p_values else []
    return {
        name: Comparison(
            crossed_difference(first, others[name], unit=unit), p_values[name], corrected
        )
        for name, corrected in zip(p_values, adjusted, strict=True)
    }


def crossed_p(first: Floats, second: Floats) -> float:
    """The two-sided p-value of the paired t test whose interval `crossed_difference` gives.

    Draws are averaged within a seed, and the test is over seeds; with one seed it is over draws. 1
    where there is one unit, or where units do not differ: nothing was measured then to test by.

    Args:
        first, second: one value per seed and draw, (S, D) each.

    >>> import numpy as np
    >>> round(crossed_p(np.array([[3.0, 5.0, 4.0]]), np.array([[1.0, 2.0, 3.0]])), 3)
    0.074
    """
    if crossed_difference(first, second).low is None:
        return 1.0
    difference = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    units = difference[0] if len(difference) == 1 else difference.mean(axis=1)
    return float(stats.ttest_1samp(units, 0.0).pvalue)
