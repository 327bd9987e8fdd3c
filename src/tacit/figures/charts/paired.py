"""Two methods on the same images, seeds or draws: their differences, one by one."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from numpy.typing import ArrayLike, NDArray

from tacit.figures import style
from tacit.measures.number import Number


@style.chart
def paired_differences(
    differences: ArrayLike,
    *,
    x_label: str,
    number: Number | None = None,
    below: str = "",
    above: str = "",
    bins: int = 40,
) -> Drawing:
    """How many pairs lie on which side of zero, and how far.

    Args:
        differences: (n,), first minus second; what is not finite is left out and counted.
        x_label: what the difference is, with its unit.
        number: the mean difference with its interval, drawn above the bars.
        below, above: what a difference under and over zero means ("A better", "B better").
        bins: how many bars.
    """
    kept = finite(differences, "differences")
    drawing = style.new_drawing(style.WIDTH, 290)
    axes = drawing.add_subplot()
    reach = np.quantile(np.abs(kept), 0.995) or 1.0  # a few far pairs would flatten all others
    low, high = (
        max(
            kept.min(),
            -reach,
        ),
        min(kept.max(), reach),
    )
    width = (max(high, 0) - min(low, 0)) / bins or 1.0
    edges = np.arange(np.floor(min(low, 0) / width), np.ceil(max(high, 0) / width) + 1) * width
    edges = edges if len(edges) > 1 else np.array([0, width])
    counts, _ = np.histogram(np.clip(kept, edges[0], edges[-1]), edges)
    colours = [style.colour(0) if left < -width / 2 else style.colour(1) for left in edges[:-1]]
    axes.bar(edges[:-1], counts, width * 0.92, align="edge", color=colours, alpha=0.8)
    axes.axvline(0, color=style.INK, linewidth=1)
    axes.margins(x=0.02)
    axes.set_ylim(0, counts.max() * 1.22)
    for share, words, side in ((kept < 0, below, 0.0), (kept > 0, above, 1.0)):
        text = f"{100 * share.mean():.0f} %" + (f" · {words}" if words else "")
        axes.annotate(
            style.plain(f"← {text}" if side == 0 else f"{text} →"),
            (side, 1),
            # On a card there is no room for both on one line.
            (0, 3 + 1.3 * style.FONT_SIZE * (side == 0 and style.on_card())),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="left" if side == 0 else "right",
        )
    if number is not None and number.value is not None:
        height = counts.max() * 1.12
        if number.low is not None and number.high is not None:
            axes.plot([number.low, number.high], [height] * 2, color=style.INK, linewidth=2)
        axes.plot(number.value, height, "o", color=style.INK, markersize=5)
    axes.set_xlabel(style.plain(x_label, 80))
    axes.set_ylabel("pairs")
    style.light_grid(axes, "y")
    return drawing


MOST, CELLS, DARKEST, ALPHA = 2_000, 64, 5, 0.45
"""Dots that are drawn one by one; cells of a side beyond; how many are as dark as can be."""


def dots(
    axes: Axes,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    colour: str,
    marker: str = "o",
) -> None:
    """Dots that stay apart where few and shade where many.

    More than `MOST` are put together by the cells that they lie in, so that a drawing of a million
    is no larger: a dot stands at the mean of its cell's, darker the more they are.
    """
    few = len(x) <= 60
    shades = [(x, y, 0.85 if few else ALPHA)] if len(x) <= MOST else _shaded(x, y)
    for across, up, alpha in shades:
        axes.plot(
            across,
            up,
            color=colour,
            marker=marker,
            markersize=6 if few else 3.2,
            alpha=alpha,
            markeredgewidth=0,
            linestyle="",
        )


def _shaded(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> list[tuple[NDArray[np.float64], NDArray[np.float64], float]]:
    """The mean of the dots of each cell, by how dark so many would be over each other."""
    kept = np.isfinite(x) & np.isfinite(y)
    x, y = x[kept], y[kept]
    cell = np.zeros(len(x), np.int64)
    for values in (x, y):
        low, span = values.min(initial=np.inf), np.ptp(values) if len(values) else 0.0
        place = np.zeros(len(x)) if span == 0 else (values - low) / span * CELLS
        cell = CELLS * cell + np.minimum(place.astype(np.int64), CELLS - 1)
    _, cell, counts = np.unique(cell, return_inverse=True, return_counts=True)
    mean = [np.bincount(cell, values) / counts for values in (x, y)]
    level = np.minimum(counts, DARKEST)
    return [
        (mean[0][level == n], mean[1][level == n], 1 - (1 - ALPHA) ** float(n))
        for n in range(1, DARKEST + 1)
        if (level == n).any()
    ]


def finite(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """The finite ones of `values`, flat; an error where there are none."""
    flat = np.asarray(values, np.float64).ravel()
    kept = flat[np.isfinite(flat)]
    if not len(kept):
        raise ValueError(f"{name} hold {flat.size} values, none of them finite")
    return kept
