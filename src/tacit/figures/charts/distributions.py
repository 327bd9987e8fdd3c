"""Values as they lie: bars, histograms, scatter."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from tacit.figures import style
from tacit.figures.charts.paired import dots, finite


@style.chart
def histogram(
    groups: Mapping[str, ArrayLike],
    *,
    x_label: str,
    bins: int = 40,
    marks: Sequence[tuple[float, str]] = (),
) -> Drawing:
    """The distribution of each group as an outline, on common bins.

    Args:
        groups: by name, values (n,) each; what is not finite is left out.
        x_label: what is measured, with its unit.
        bins: how many bins cover all groups.
        marks: vertical reference lines, (x, name) each.
    """
    kept = {name: finite(values, f"group '{name}'") for name, values in groups.items()}
    if not kept:
        raise ValueError("there are no groups to draw")
    edges = np.histogram_bin_edges(np.concatenate(list(kept.values())), bins)
    drawing = style.new_drawing(style.WIDTH, 290)
    axes = drawing.add_subplot()
    for name, values in kept.items():
        number = style.place(name, list(kept).index(name))
        heights = np.histogram(values, edges)[0] / len(values)
        axes.stairs(heights, edges, fill=True, color=style.colour(number), alpha=0.22)
        dashes = style.DASHES if style.SPLITS.get(name, (0, False))[1] else "-"
        axes.stairs(heights, edges, color=style.colour(number), linewidth=1.6, linestyle=dashes)
    for place, name in marks:
        axes.axvline(place, color=style.INK, alpha=0.6, linewidth=0.9, linestyle=(0, (1, 2)))
        style.note_at_line(axes, name, place)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(style.plain(x_label, 80))
    style.headings(axes, "", "share of the images" if len(kept) == 1 else "share of each group")
    style.light_grid(axes, "y")
    key(drawing, list(kept))
    return drawing


@style.chart
def bars(
    labels: Sequence[str],
    groups: Mapping[str, ArrayLike],
    *,
    y_label: str,
    x_label: str = "",
    levels: Sequence[tuple[float, str]] = (),
) -> Drawing:
    """A bar per label and group, from zero.

    Args:
        labels: below the bars, (L,).
        groups: by name, heights (L,) each.
        y_label, x_label: what the axes hold, with units.
        levels: horizontal reference lines, (y, name) each.
    """
    heights = {name: np.asarray(values, np.float64) for name, values in groups.items()}
    for name, values in heights.items():
        if values.shape != (len(labels),):
            raise ValueError(
                f"group '{name}' has heights of shape {values.shape} for {len(labels)} labels"
            )
    drawing = style.new_drawing(min(800, max(style.WIDTH, 24 * len(labels) * len(groups))), 290)
    axes = drawing.add_subplot()
    width = 0.8 / max(len(heights), 1)
    for number, (name, values) in enumerate(heights.items()):
        left = np.arange(len(labels)) - 0.4 + number * width
        colour = style.colour(style.place(name, number))
        axes.bar(left, values, 0.94 * width, align="edge", color=colour)
    for level, name in levels:
        axes.axhline(level, color=style.INK, alpha=0.6, linewidth=0.9, linestyle=(0, (1, 2)))
        style.note_from_edge(axes, name, 1, level)
    axes.axhline(0, color=style.INK, linewidth=0.7)
    axes.set_xticks(range(len(labels)), [style.plain(label, 16) for label in labels])
    if max(len(style.plain(label, 16)) for label in labels) * len(labels) > 70:
        axes.tick_params(axis="x", labelrotation=40)
        for text in axes.get_xticklabels():
            text.set_horizontalalignment("right")
            text.set_rotation_mode("anchor")
    axes.set_xlabel(style.plain(x_label, 80))
    style.headings(axes, "", y_label)
    style.light_grid(axes, "y")
    key(drawing, list(heights))
    return drawing


@style.chart
def scatter(
    groups: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    x_label: str,
    y_label: str,
    names: Sequence[str] = (),
) -> Drawing:
    """Points in a plane, such as log p(x) against ink.

    Args:
        groups: by name, (x, y) of (n,) each.
        x_label, y_label: what the axes measure, with units.
        names: written beside the points of the first group, (n,), where they are few (classes).
    """
    if not groups:
        raise ValueError("there are no groups to draw")
    drawing = style.new_drawing(style.WIDTH, 380)
    axes = drawing.add_subplot()
    for number, (name, (xs, ys)) in enumerate(groups.items()):
        x, y = (np.asarray(values, np.float64).ravel() for values in (xs, ys))
        if x.shape != y.shape:
            raise ValueError(f"group '{name}' has {x.size} x and {y.size} y values; they match")
        kind = style.place(name, number)
        dots(axes, x, y, style.colour(kind), style.marker(kind))
        if number == 0 and names:
            _names(axes, x.tolist(), y.tolist(), names)
    axes.margins(0.06)
    axes.set_xlabel(style.plain(x_label, 80))
    style.headings(axes, "", y_label)
    style.light_grid(axes, "both")
    key(drawing, list(groups), markers=True)
    return drawing


def _names(axes: Axes, x: list[float], y: list[float], names: Sequence[str]) -> None:
    for left, height, name in zip(x, y, names, strict=True):
        axes.annotate(style.plain(name, 20), (left, height), (5, 3), textcoords="offset points")


def key(drawing: Drawing, names: Sequence[str], markers: bool = False) -> None:
    """The groups' names with their colours, above the chart, where there is more than one."""
    if len(names) > 1:
        handles = [
            Line2D(
                [],
                [],
                color=style.colour(number),
                marker=style.marker(number) if markers else "",
                linestyle="" if markers else "-",
                linewidth=4,
                label=style.plain(name, 32),
            )
            for number, name in ((style.place(name, n), name) for n, name in enumerate(names))
        ]
        style.legend(drawing, handles)
