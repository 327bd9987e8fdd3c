"""Charts: plain arrays in, the bytes of an SVG out."""

from tacit.figures.charts.curves import Panel, Series, curves
from tacit.figures.charts.distributions import bars, histogram, scatter
from tacit.figures.charts.intervals import draws, intervals
from tacit.figures.charts.matrices import confusion, reliability
from tacit.figures.charts.paired import paired_differences
from tacit.figures.charts.trials import Behind, Trials, behind, trials

__all__ = [
    "Behind",
    "Panel",
    "Series",
    "Trials",
    "bars",
    "behind",
    "confusion",
    "curves",
    "draws",
    "histogram",
    "intervals",
    "paired_differences",
    "reliability",
    "scatter",
    "trials",
]
