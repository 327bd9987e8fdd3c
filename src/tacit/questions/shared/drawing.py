"""Charts and grids as several questions draw them, each with the words of what it shows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tacit.figures.charts import Panel, Series, curves, intervals
from tacit.figures.grids import grid
from tacit.figures.sink import Figure
from tacit.measures.distances import Floats
from tacit.measures.formatting import brief, significant
from tacit.measures.number import Number, columns
from tacit.questions.base import Setting


def interval_chart(
    setting: Setting,
    name: str,
    groups: Mapping[str, Mapping[str, Number]],
    caption: str,
    *,
    x_label: str,
    reference: tuple[float, str] | None = None,
) -> Figure:
    """Numbers with their intervals, in words all of the numbers.

    Args:
        groups: by group, "" where there is one, and row; all have the same rows.
        reference: a value to compare with, and what it is.
    """
    rows = list(next(iter(groups.values())))
    at, what = reference or (None, "")
    svg = intervals(
        rows,
        {group: list(numbers.values()) for group, numbers in groups.items()},
        x_label=x_label,
        reference=at,
        reference_label=what,
    )
    said = "; ".join(
        f"{row}: " + ", ".join(f"{group} {brief(of[row])}".strip() for group, of in groups.items())
        for row in rows
    )
    return setting.chart(name, svg, caption, f"{x_label[0].upper()}{x_label[1:]}: {said}.")


def curve_chart(
    setting: Setting, name: str, panels: Sequence[Panel], caption: str, **look: float
) -> Figure:
    """Curves, in words where each of them ends.

    look: as of `tacit.figures.charts.curves`.
    """
    said = "; ".join(
        f"{panel.title or panel.y_label}: "
        + ", ".join(f"{one.label} {_end(one)}".strip() for one in panel.series)
        for panel in panels
    )
    svg = curves(*panels, **look)  # type: ignore[arg-type]
    by = panels[0].x_label
    return setting.chart(name, svg, caption, f"Curves by {by}; at the end, {said}.")


def _end(series: Series) -> str:
    _, y = series.arrays()
    return significant(float(y[np.isfinite(y)][-1]), 3)


def picture_grid(
    setting: Setting,
    name: str,
    rows: Iterable[tuple[str, Iterable[Any]]],
    caption: str,
    *,
    columns: Sequence[str] = (),
    notes: Sequence[Sequence[str]] = (),
    told: str = "",
) -> Figure:
    """Pictures in rows, None for an empty place; in words the rows' names and what is `told`.

    rows: with their names; all have one, or "".
    """
    named = [(label, list(pictures)) for label, pictures in rows]
    labels = [label for label, _ in named if label]
    png = grid([row for _, row in named], row_labels=labels, column_labels=columns, notes=notes)
    said = [f"rows of pictures: {', '.join(labels)}"] if labels else []
    return setting.grid(name, png, caption, f"{'; '.join([*said, told] if told else said)}.")


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


def class_names_of(classes: NDArray[np.int64] | None, setting: Setting) -> list[str]:
    """The names of the classes of pictures, as columns; none where one is unknown."""
    if classes is None or (classes < 0).any():
        return []
    return [setting.class_names[c] for c in classes]
