"""Accuracy against labels: every trial a dot, one panel a method; and who is behind by how much."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import ArrayLike, NDArray

from tacit.figures import style
from tacit.measures.number import Number
from tacit.measures.number import columns as number_columns

ACCURACIES = (0, 20, 40, 60, 80, 90, 95, 98, 99, 99.5, 99.8, 99.9)
"""Percentages that may be marked on an axis of accuracy."""

CLOSEST = 0.05
"""Percent of errors from which on an axis of accuracy ends: nothing is drawn nearer to 100 %."""


def accuracy_axis(axes: Axes, low: float, high: float) -> None:
    """Spread a vertical axis of accuracy, in percent, by the logarithm of the error.

    From 80 to 90 is as far as from 90 to 95 and from 98 to 99: half of the errors each time.
    """
    axes.set_yscale("function", functions=(spread, unspread))
    axes.set_ylim(max(low, 0), min(high, 100 - CLOSEST))
    bottom, top = axes.get_ylim()
    marked: list[float] = []
    for accuracy in reversed([a for a in ACCURACIES if bottom <= a <= top]):
        apart = spread(marked[-1]) - spread(accuracy) if marked else np.inf
        if apart > 0.07 * (spread(top) - spread(bottom)):
            marked.append(accuracy)
    axes.yaxis.set_major_locator(FixedLocator(marked))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def spread(accuracy: ArrayLike) -> NDArray[np.float64]:
    """How high an accuracy, in percent, stands: minus the logarithm of the error."""
    return -np.log(np.maximum(100 - np.asarray(accuracy, np.float64), CLOSEST))


def unspread(height: ArrayLike) -> NDArray[np.float64]:
    """The accuracy, in percent, that stands at a height."""
    return 100 - np.exp(-np.asarray(height, np.float64))


def accuracy_range(values: Sequence[ArrayLike]) -> tuple[float, float]:
    """A range that holds all accuracies, with a little room where the axis is spread."""
    flat = np.concatenate([np.asarray(v, np.float64).ravel() for v in values])
    ends = spread(flat[np.isfinite(flat)])
    room = 0.04 * (ends.max() - ends.min()) or 0.1
    low, high = unspread([ends.min() - room, ends.max() + room])
    return float(low), float(high)


@dataclass(frozen=True)
class Trials:
    """One method's trials.

    Attributes:
        name: the panel's title.
        values: percent, one row for each number of labels, (B, n).
        numbers: their means with intervals, in percent, (B,).
        remark: a few words to the right of the title, such as one of the means.
        colour: the number of its colour.
    """

    name: str
    values: ArrayLike
    numbers: Sequence[Number]
    remark: str = ""
    colour: int = 0


@style.chart
def trials(
    labels: Sequence[float],
    methods: Sequence[Trials],
    *,
    x_label: str,
    reference: int | None = None,
    reference_label: str = "",
    oracle: tuple[float, str] | None = None,
    columns: int = 2,
) -> Drawing:
    """A panel for each method: every trial as a dot, the mean with its band, the others faint.

    Args:
        labels: how many labels, on a logarithmic axis, (B,).
        methods: in reading order.
        x_label: what `labels` count.
        reference: the number of the method whose mean is a dashed line in every panel.
        reference_label: what to call it, in the last panel.
        oracle: a horizontal line in every panel, percent, and its name.
        columns: how many panels stand beside each other.
    """
    if not methods:
        raise ValueError("there are no methods to draw")
    x = np.asarray(labels, np.float64)
    for method in methods:
        if len(method.numbers) != len(x) or np.shape(method.values)[0] != len(x):
            raise ValueError(
                f"'{method.name}' has {len(method.numbers)} means and values of shape "
                f"{np.shape(method.values)} for {len(x)} numbers of labels"
            )
    rows = -(-len(methods) // columns)
    drawing = style.new_drawing(style.WIDTH, 46 + 148 * rows)
    # Room between columns: a remark is not read with the next title.
    drawing.set_layout_engine("constrained", wspace=0.06)
    grid = drawing.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    everything = [np.asarray(m.values) for m in methods]
    if oracle is not None:
        everything.append(np.array([oracle[0]]))
    means = [number_columns(m.numbers)[0] for m in methods]
    for place, (axes, method) in enumerate(zip(grid.flat, methods, strict=False)):
        for other, mean in enumerate(means):
            if other not in (place, reference):
                axes.plot(x, mean, color=style.INK, alpha=0.13, linewidth=0.9)
        if reference is not None and reference != place:
            axes.plot(
                x,
                means[reference],
                color=style.INK,
                alpha=0.65,
                linewidth=1.1,
                linestyle=(0, (3, 2)),
            )
        if oracle is not None:
            axes.axhline(
                oracle[0], color=style.INK, alpha=0.5, linewidth=0.9, linestyle=(0, (1, 2))
            )
        _one(axes, x, method, means[place])
    for axes in grid.flat[len(methods) :]:
        axes.remove()
    first, last = grid.flat[0], grid.flat[len(methods) - 1]
    if len(x) > 1:
        first.set_xscale("log")
    first.xaxis.set_major_locator(FixedLocator(x.tolist()))
    first.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    first.xaxis.set_minor_locator(NullLocator())
    for axes in grid.flat[: len(methods)]:
        accuracy_axis(axes, *accuracy_range(everything))
        style.light_grid(axes, "y")
    for axes in grid.flat[max(0, len(methods) - columns) : len(methods)]:
        axes.tick_params(labelbottom=True)  # also above a place that is left empty
    if reference is not None and reference_label:
        last.annotate(
            style.plain(reference_label), (x[-1], means[reference][-1]), (0, 3),
            textcoords="offset points", ha="right", alpha=0.75, fontsize=style.SMALL,
        )  # fmt: skip
    if oracle is not None:
        last.annotate(
            style.plain(oracle[1]), (0, oracle[0]), (2, -2),
            xycoords=("axes fraction", "data"), textcoords="offset points",
            va="top", alpha=0.75, fontsize=style.SMALL,
        )  # fmt: skip
    drawing.supxlabel(style.plain(x_label, 80), fontsize=style.FONT_SIZE)
    return drawing


def _one(axes: Axes, x: NDArray[np.float64], method: Trials, mean: NDArray[np.float64]) -> None:
    colour = style.colour(method.colour)
    values = np.asarray(method.values, np.float64)
    # Trials with the same labels stand beside each other, so that equal ones do not hide.
    aside = np.linspace(-1, 1, values.shape[1]) if values.shape[1] > 1 else np.zeros(1)
    for place, row in zip(x, values, strict=True):
        axes.plot(
            place * np.exp(0.09 * aside), row, color=colour, alpha=0.4, marker="o", markersize=2.6,
            markeredgewidth=0, linestyle="",
        )  # fmt: skip
    _, low, high = number_columns(method.numbers)
    if len(x) > 1:
        axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
    else:
        axes.vlines(x, low, high, color=colour, linewidth=1.8)
    axes.plot(x, mean, color=colour, linewidth=1.8, marker="o" if len(x) == 1 else "")
    axes.set_title(style.plain(method.name, 34), fontsize=style.SMALL, fontweight="bold", pad=4)
    axes.set_title(style.plain(method.remark, 16), loc="right", fontsize=style.SMALL,
                   fontweight="normal", pad=4)  # fmt: skip


@dataclass(frozen=True)
class Behind:
    """Everyone's difference from the best at one number of labels.

    Attributes:
        title: which number of labels.
        numbers: differences with their intervals, a row each; None for the best itself.
        decided: whether each is distinguishable, by intervals that hold together.
    """

    title: str
    numbers: Sequence[Number | None]
    decided: Sequence[bool]


@style.chart
def behind(names: Sequence[str], panels: Sequence[Behind], *, x_label: str) -> Drawing:
    """A panel for each number of labels, a row for each method: how far it is from the best.

    A filled dot is distinguishable from zero, a hollow one is not; the best itself is a star.

    Args:
        names: of the methods, top to bottom.
        panels: in reading order, two beside each other.
        x_label: what is measured, with its unit.
    """
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    drawing = style.new_drawing(style.WIDTH, 40 + rows * (40 + 17 * len(names)))
    grid = drawing.subplots(rows, columns, squeeze=False, sharey=True)
    for axes, panel in zip(grid.flat, panels, strict=False):
        axes.axvline(0, color=style.INK, alpha=0.6, linewidth=0.9)
        for row, (number, decided) in enumerate(zip(panel.numbers, panel.decided, strict=True)):
            _difference(axes, row, number, decided)
        axes.set_yticks(range(len(names)), [style.plain(name, 28) for name in names])
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.spines["left"].set_visible(False)
        axes.margins(x=0.08)
        axes.set_title(style.plain(panel.title, 30), fontsize=style.SMALL, pad=4)
        style.light_grid(axes, "x")
    for axes in grid.flat[len(panels) :]:
        axes.remove()
    drawing.supxlabel(style.plain(x_label, 80), fontsize=style.FONT_SIZE)
    return drawing


def _difference(axes: Axes, row: int, number: Number | None, decided: bool) -> None:
    if number is None or number.value is None:
        axes.plot(0, row, color=style.INK, marker="*", markersize=8, markeredgewidth=0)
        return
    colour = style.colour(1 if decided else 4)
    if number.low is not None and number.high is not None:
        axes.plot([number.low, number.high], [row, row], color=colour, linewidth=1.8)
    axes.plot(
        number.value, row, color=colour, marker="o", markersize=5,
        markerfacecolor=colour if decided else "none",
    )  # fmt: skip
