"""Curves: what changed along epochs, updates, labels or samples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.lines import Line2D
from matplotlib.text import Annotation
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator
from numpy.typing import ArrayLike, NDArray

from tacit.figures import style
from tacit.figures.charts.trials import accuracy_axis, accuracy_range

LEAD = 13.0
"""Points from a panel's edge to the end of the line that leads to a name."""


@dataclass(frozen=True)
class Series:
    """One named curve.

    Attributes:
        label: its name, written beside its last point.
        x, y: (n,); NaN in `y` leaves a gap.
        low, high: (n,), a band around `y`, where there is one.
        colour: the number of its colour, counted from 0; by default that of its split, or its place
            in the panel.
        dashed: whether the line is dashed, as that of test images always is.
        split: "train" or "test", of curves over one of them; "" of others.
        points: whether each value is marked, for curves of few values.
    """

    label: str
    x: ArrayLike
    y: ArrayLike
    low: ArrayLike | None = None
    high: ArrayLike | None = None
    colour: int | None = None
    dashed: bool = False
    points: bool = False
    split: str = ""

    def drawn_in(self, number: int) -> tuple[str, bool]:
        """The colour, and whether the line is dashed, of the curve `number` of a panel."""
        place = style.place(self.split, number) if self.colour is None else self.colour
        return style.colour(place), self.dashed or style.SPLITS.get(self.split, (0, False))[1]

    def arrays(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """x and y as float64, (n,) each, checked."""
        x, y = (np.asarray(values, dtype=np.float64) for values in (self.x, self.y))
        if x.ndim != 1 or x.shape != y.shape:
            raise ValueError(
                f"curve '{self.label}' has x of shape {x.shape} and y of shape {y.shape}; "
                "both are (n,)"
            )
        if not np.isfinite(y).any():
            raise ValueError(f"curve '{self.label}' has no finite value to draw")
        return x, y


@dataclass(frozen=True)
class Panel:
    """Curves that share their axes.

    Attributes:
        series: the curves; the first is drawn on top.
        x_label, y_label: what the axes measure, with units.
        title: a few words above, where there are several panels.
        log_x, log_y: whether an axis is logarithmic.
        accuracy: whether y is an accuracy in percent, spread by the logarithm of the error.
        x_ticks: the values that are marked on the horizontal axis, where they are few.
        y_limits: the vertical range, which holds all ends of curves; by default what the curves and
            bands need.
        levels: horizontal reference lines, (y, name) each.
        marks: vertical reference lines, (x, name) each.
    """

    series: Sequence[Series]
    x_label: str
    y_label: str
    title: str = ""
    log_x: bool = False
    log_y: bool = False
    accuracy: bool = False
    x_ticks: Sequence[float] = ()
    y_limits: tuple[float, float] | None = None
    levels: Sequence[tuple[float, str]] = ()
    marks: Sequence[tuple[float, str]] = ()

    def __post_init__(self) -> None:
        if not self.series:
            raise ValueError(f"panel '{self.title or self.y_label}' has no curves")
        for series in self.series if self.y_limits else ():
            _, y = series.arrays()
            end = y[np.isfinite(y)][-1]
            if self.y_limits and not self.y_limits[0] <= end <= self.y_limits[1]:
                raise ValueError(
                    f"curve '{series.label}' ends at {end:.4g}, which limits of {self.y_limits} "
                    "would cut off: where curves end must be seen"
                )


@style.chart
def curves(*panels: Panel, columns: int | None = None, height: float = 290) -> Drawing:
    """Each panel's curves, with their names beside their last points.

    Args:
        panels: one or more; up to three beside each other, then in rows.
        columns: how many panels stand beside each other.
        height: of one panel, CSS pixels.
    """
    if not panels:
        raise ValueError("there is no panel to draw")
    columns = columns or (len(panels) if len(panels) <= 3 else 2)
    rows = -(-len(panels) // columns)
    width = {1: style.WIDTH, 2: 800.0}.get(columns, 300.0 * columns)
    drawing = style.new_drawing(width, height * rows)
    grid = drawing.subplots(rows, columns, squeeze=False)
    for axes, panel in zip(grid.flat, panels, strict=False):
        _draw(axes, panel)
    for axes in grid.flat[len(panels) :]:
        axes.remove()
    # Names hold their place in the layout; where they stand is known only once that is done.
    names = [_name_curves(axes, panel) for axes, panel in zip(grid.flat, panels, strict=False)]
    drawing.draw_without_rendering()
    drawing.set_layout_engine("none")
    for place in names:
        place()
    return drawing


def _draw(axes: Axes, panel: Panel) -> None:
    if panel.log_x:
        axes.set_xscale("log")
    if panel.log_y:
        axes.set_yscale("log")
    for number, series in reversed(list(enumerate(panel.series))):
        x, y = series.arrays()
        colour, dashed = series.drawn_in(number)
        if series.low is not None and series.high is not None:
            low, high = (np.asarray(ends, np.float64) for ends in (series.low, series.high))
            axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
        axes.plot(
            x,
            y,
            color=colour,
            linestyle=style.DASHES if dashed else "-",
            marker="o" if series.points or np.isfinite(y).sum() == 1 else "",
            markersize=4,
        )
    if panel.y_limits is not None:
        axes.set_ylim(*panel.y_limits)
    for level, _ in panel.levels:
        axes.axhline(level, color=style.INK, alpha=0.55, linewidth=0.9, linestyle=(0, (1, 2)))
    for place, name in panel.marks:
        axes.axvline(place, color=style.INK, alpha=0.55, linewidth=0.9, linestyle=(0, (1, 2)))
        style.note_at_line(axes, name, place)
    axes.set_xlabel(style.plain(panel.x_label, 80))
    style.light_grid(axes, "y")
    style.headings(axes, panel.title, panel.y_label)
    for axis, logarithmic in ((axes.xaxis, panel.log_x), (axes.yaxis, panel.log_y)):
        if logarithmic:
            first, last = axis.get_view_interval()
            axis.set_major_locator(LogLocator(subs=(1, 2, 5) if last < 100 * first else (1,)))
            axis.set_major_formatter(FuncFormatter(lambda value, _: power(value)))
            axis.set_minor_locator(NullLocator())
    if panel.accuracy:
        ends = [end for s in panel.series for end in (s.y, s.low, s.high) if end is not None]
        accuracy_axis(axes, *accuracy_range([*ends, [level for level, _ in panel.levels]]))
    if panel.x_ticks:
        axes.xaxis.set_major_locator(FixedLocator(list(panel.x_ticks)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))


def power(value: float) -> str:
    """A label on a logarithmic axis.

    >>> power(10.0), power(20000.0), power(0.01), power(1e-7)
    ('10', '20k', '0.01', '1e-07')
    """
    if 1e4 <= value < 1e6:
        return f"{value / 1e3:g}k"
    return f"{value:g}"


def _name_curves(axes: Axes, panel: Panel) -> Callable[[], None]:
    """Write the names to the right of the panel; the function returned moves them apart."""
    ends: list[tuple[float, float, str]] = []
    texts: list[Annotation] = []

    def write(name: str, x: float, y: float, colour: str) -> None:
        ends.append((x, y, colour))
        texts.append(
            axes.annotate(
                style.plain(name, 32),
                (1, y),
                (LEAD + 3, 0),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                va="center",
                annotation_clip=False,
            )
        )

    for number, series in enumerate(panel.series):
        if series.label:
            xs, ys = series.arrays()
            last = int(np.flatnonzero(np.isfinite(ys))[-1])
            colour, _ = series.drawn_in(number)
            write(series.label, float(xs[last]), float(ys[last]), colour)
    for level, name in panel.levels:
        write(name, axes.get_xlim()[1], level, style.INK)

    def place() -> None:
        if not ends:
            return
        points = 72 / axes.figure.dpi
        right, bottom, top = axes.bbox.x1 * points, axes.bbox.y0 * points, axes.bbox.y1 * points
        at = np.array([axes.transData.transform(end[:2]) * points for end in ends])
        inside = np.clip(at[:, 1], bottom, top)
        heights = apart(inside, 1.25 * style.FONT_SIZE, bottom, top)
        to_figure = axes.figure.transFigure.inverted()
        for number, (text, (_, _, colour)) in enumerate(zip(texts, ends, strict=True)):
            text.xyann = (LEAD + 3, heights[number] - at[number, 1])
            lead = [
                (at[number, 0], inside[number]),
                (right + 3, heights[number]),
                (right + LEAD, heights[number]),
            ]
            xs, ys = to_figure.transform(np.array(lead) / points).T
            axes.figure.add_artist(Line2D(xs, ys, color=colour, linewidth=1, alpha=0.75))

    return place


def apart(wanted: NDArray[np.float64], gap: float, low: float, high: float) -> NDArray[np.float64]:
    """Heights near `wanted`, in its order, at least `gap` from each other and inside [low, high].

    Where there is no room for that, they reach below `low`.

    >>> apart(np.array([5.0, 5.0, 40.0]), 10, 0, 50)
    array([10.,  0., 40.])
    """
    order = np.argsort(-wanted, kind="stable")
    heights = wanted[order].copy()
    for _ in range(60):
        for upper in range(len(heights) - 1):
            short = gap - (heights[upper] - heights[upper + 1])
            if short > 1e-9:
                heights[upper] += short / 2
                heights[upper + 1] -= short / 2
        heights = np.clip(heights, low, high)
    for upper in range(len(heights) - 1):
        heights[upper + 1] = min(heights[upper + 1], heights[upper] - gap)
    result = np.empty_like(heights)
    result[order] = heights
    return result
