"""Lines and labels as several questions draw them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tacit.figures.charts import Series
from tacit.measures.distances import Floats
from tacit.measures.number import Number, columns


def over_seeds(
    label: str, x: ArrayLike, lines: Floats, colour: int | None = None, split: str = ""
) -> Series:
    """The mean of every seed's line, (S, n), with a band from the lowest to the highest."""
    mean, low, high = lines.mean(axis=0), lines.min(axis=0), lines.max(axis=0)
    return Series(label, x, mean, low, high, colour=colour, split=split)


def bands_over(n_seeds: int) -> str:
    """For a caption: what the bands of `over_seeds` are, where there are several seeds."""
    return f"; bands reach over {n_seeds} seeds" if n_seeds > 1 else ""


def with_intervals(
    label: str, x: ArrayLike, numbers: Sequence[Number], colour: int | None = None, split: str = ""
) -> Series:
    """Numbers as a curve with their intervals; one without has a band of no width."""
    value, low, high = columns(numbers)
    low, high = (np.where(np.isnan(end), value, end) for end in (low, high))
    return Series(label, x, value, low, high, colour=colour, points=True, split=split)
