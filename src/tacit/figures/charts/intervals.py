"""Numbers with their intervals: one row each, so that they can be compared along one line."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray

from tacit.figures import style
from tacit.measures.number import Number

Groups = Mapping[str, Sequence[Number]]


@style.chart
def intervals(
    labels: Sequence[str],
    groups: Groups,
    *,
    x_label: str,
    reference: float | None = None,
    reference_label: str = "",
) -> Drawing:
    """A dot and its interval per row: the mean per class, or methods compared.

    Args:
        labels: the rows' names, top to bottom, (R,).
        groups: by name (say, "train" and "test"), a number for each row; one group may be called
            "". A number without an interval is a hollow dot, of an undefined one the reason is
            written out.
        x_label: what is measured, with its unit.
        reference: a value to compare with, drawn as a vertical line.
        reference_label: what that value is.
    """
    return _rows(labels, groups, {}, x_label, reference, reference_label)


@style.chart
def draws(
    labels: Sequence[str],
    values: Mapping[str, Sequence[ArrayLike]],
    numbers: Groups,
    *,
    x_label: str,
    reference: float | None = None,
    reference_label: str = "",
) -> Drawing:
    """Every single draw as a dot, and their mean with its interval, per row.

    Args:
        labels: the rows' names, top to bottom, (R,).
        values: by group, the values of all draws for each row, (n,) each.
        numbers: by group, the mean and interval for each row.
        x_label, reference, reference_label: as for `intervals`.
    """
    clouds = {
        name: [np.asarray(row, np.float64).ravel() for row in rows] for name, rows in values.items()
    }
    return _rows(labels, numbers, clouds, x_label, reference, reference_label)


def _rows(
    labels: Sequence[str],
    groups: Groups,
    clouds: Mapping[str, Sequence[NDArray[np.float64]]],
    x_label: str,
    reference: float | None,
    reference_label: str,
) -> Drawing:
    if not labels or not groups:
        raise ValueError("there are no rows to draw")
    for name, rows in (*groups.items(), *clouds.items()):
        if len(rows) != len(labels):
            raise ValueError(f"group '{name}' has {len(rows)} rows for {len(labels)} labels")
    step = 15 if not clouds else 24
    per_row = max(26, 8 + step * len(groups))
    legend = len(groups) > 1
    drawing = style.new_drawing(style.WIDTH, 62 + per_row * len(labels) + 26 * legend)
    axes = drawing.add_subplot()
    if reference is not None:
        axes.axvline(reference, color=style.INK, alpha=0.6, linewidth=0.9, zorder=0)
        axes.annotate(
            style.plain(reference_label),
            (reference, 1),
            (0, 3),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            alpha=0.75,
            fontsize=style.SMALL,
        )
    for place, (name, rows) in enumerate(groups.items()):
        offset = (place - (len(groups) - 1) / 2) * step / per_row
        number = style.place(name, place)
        for row, value in enumerate(rows):
            if name in clouds:
                _cloud(axes, clouds[name][row], row + offset, style.colour(number), step / per_row)
            _whisker(axes, value, row + offset, number, bold=bool(clouds))
    axes.set_yticks(range(len(labels)), [style.plain(label, 32) for label in labels])
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(style.plain(x_label, 80))
    axes.margins(x=0.06)
    style.light_grid(axes, "x")
    for row in range(1, len(labels)):
        axes.axhline(row - 0.5, color=style.INK, alpha=0.08, linewidth=0.6)
    if legend:
        handles = [
            Line2D([], [], color=style.colour(n), marker=style.marker(n), markersize=5, label=label)
            for n, label in (
                (style.place(name, place), style.plain(name, 32))
                for place, name in enumerate(groups)
            )
        ]
        style.legend(drawing, handles)
    return drawing


def _whisker(axes: Axes, number: Number, height: float, series: int, bold: bool) -> None:
    if number.value is None:
        style.note_from_edge(axes, number.interval, 0, height, 60)
        return
    colour, bounded = style.colour(series), number.low is not None and number.high is not None
    if number.low is not None and number.high is not None:
        axes.plot(
            [number.low, number.high],
            [height, height],
            color=colour,
            linewidth=2.4 if bold else 1.8,
            solid_capstyle="butt",
        )
    axes.plot(
        number.value,
        height,
        color=colour,
        marker=style.marker(series),
        markersize=6.5 if bold else 6,
        markerfacecolor=colour if bounded else "none",
        linestyle="",
    )


def _cloud(
    axes: Axes, values: NDArray[np.float64], height: float, colour: str, room: float
) -> None:
    """Dots above and below `height` in turn, so that near values do not hide each other."""
    values = np.sort(values[np.isfinite(values)])
    lift = np.resize([0.0, 0.5, -0.5, 0.25, -0.25], len(values)) * 0.62 * room
    axes.plot(
        values,
        height + lift,
        color=colour,
        alpha=0.5,
        marker="o",
        markersize=4,
        markeredgewidth=0,
        linestyle="",
    )
