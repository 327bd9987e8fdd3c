"""Where a classifier is right, where it is wrong, and how sure it is of it."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure as Drawing
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from tacit.figures import style


@style.chart
def confusion(counts: ArrayLike, class_names: Sequence[str]) -> Drawing:
    """The confusion matrix: rows are true classes, columns what was answered, cells count images.

    The diagonal is blue, mistakes are orange, both darker the larger their share of the row.

    Args:
        counts: (K, K), images of class i called class j.
        class_names: (K,).
    """
    cells = np.asarray(counts)
    size = len(class_names)
    if cells.shape != (size, size) or not size:
        raise ValueError(f"counts are of shape {cells.shape} for {size} classes; they are (K, K)")
    drawing = style.new_drawing(*(2 * [min(800, max(360, 90 + 40 * size))]))
    axes = drawing.add_subplot()
    share = cells / np.maximum(cells.sum(1, keepdims=True), 1)
    for i, j in np.argwhere(cells):
        # Shares of mistakes are small: their root tells 1 % from 5 %.
        alpha = 0.6 * (share[i, j] if i == j else np.sqrt(share[i, j]))
        colour = style.colour(0 if i == j else 1)
        axes.add_patch(Rectangle((j, i), 1, 1, facecolor=colour, alpha=alpha, linewidth=0))
        axes.text(
            j + 0.5,
            i + 0.5,
            f"{cells[i, j]:g}",
            ha="center",
            va="center",
            fontsize=style.SMALL if size <= 12 else 6,
            fontweight="bold" if i == j else "normal",
        )
    names = [style.plain(name, 14) for name in class_names]
    axes.set(xlim=(0, size), ylim=(size, 0), aspect="equal", xlabel="answered", ylabel="true class")
    axes.set_yticks(np.arange(size) + 0.5, names)
    axes.set_xticks(np.arange(size) + 0.5, names)
    if max(map(len, names)) > 3:
        axes.tick_params(axis="x", labelrotation=90)
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
    for line in range(size + 1):
        axes.axhline(line, color=style.INK, alpha=0.12, linewidth=0.6)
        axes.axvline(line, color=style.INK, alpha=0.12, linewidth=0.6)
    return drawing


@style.chart
def reliability(
    confidence: ArrayLike,
    accuracy: ArrayLike,
    counts: ArrayLike,
    *,
    low: ArrayLike | None = None,
    high: ArrayLike | None = None,
    counted: str = "images",
) -> Drawing:
    """Reliability diagram: how often the classifier is right where it says it is p sure.

    Args:
        confidence: mean confidence in each bin, (B,), in [0, 1]; bins without images are left out.
        accuracy: share of right answers in each bin, (B,).
        counts: images in each bin, (B,).
        low, high: ends of the interval of `accuracy`, (B,).
        counted: what `counts` count.
    """
    x, y, n = (np.asarray(values, np.float64) for values in (confidence, accuracy, counts))
    if not x.shape == y.shape == n.shape or x.ndim != 1:
        raise ValueError(
            f"bins have confidence {x.shape}, accuracy {y.shape}, counts {n.shape}; all are (B,)"
        )
    kept = n > 0
    if not kept.any():
        raise ValueError("every bin is empty; there is nothing to draw")
    drawing = style.new_drawing(420, 470)
    axes, below = drawing.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    axes.plot([0, 1], [0, 1], color=style.INK, alpha=0.55, linewidth=0.9)
    axes.annotate("as sure as right", (0.03, 0.06), rotation=42, fontsize=style.SMALL, alpha=0.75)
    if low is not None and high is not None:
        ends = [np.asarray(end, np.float64)[kept] for end in (low, high)]
        axes.vlines(x[kept], *ends, color=style.colour(0), linewidth=1.6, alpha=0.6)
    # Bins of few images jump about: where intervals say how far, no line joins them.
    join = "o" if low is not None else "o-"
    axes.plot(x[kept], y[kept], join, color=style.colour(0), markersize=5, clip_on=False)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    style.headings(axes, "", "share of right answers")
    style.light_grid(axes, "both")
    below.bar(x[kept], n[kept], 0.7 / max(len(x), 15), color=style.colour(4))
    below.yaxis.set_major_locator(MaxNLocator(3, integer=True, prune="lower"))
    below.set_xlabel("confidence")
    style.headings(below, "", counted)
    style.light_grid(below, "y")
    return drawing
