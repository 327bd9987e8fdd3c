"""What an answer may refer to besides its own numbers, and how it keeps what it draws."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tacit.encoders.base import About
from tacit.figures.sink import Figure, Figures
from tacit.measures.formatting import brief, significant
from tacit.measures.number import Number
from tacit.measures.unfinished import StillFalling

if TYPE_CHECKING:
    from tacit.figures.charts import Panel, Series


@dataclass(frozen=True)
class Setting:
    """What an answer may refer to besides its own numbers.

    Attributes:
        question: the question's id in its study; names of figures begin with it.
        figures: where figures go.
        class_names: of the images; empty without labels.
        n_train, n_test: how many images there are.
        source: the images' name.
        unfinished: runs whose training had not finished (`tacit.measures.unfinished`).
        encoders: from elsewhere, by what names them.
    """

    question: str
    figures: Figures
    class_names: tuple[str, ...]
    n_train: int
    n_test: int
    source: str
    unfinished: Mapping[str, StillFalling] = field(default_factory=dict)
    encoders: Mapping[str, About] = field(default_factory=dict)

    def chart(self, name: str, svg: bytes, caption: str, alt: str) -> Figure:
        """Keep a chart as ``QUESTION-NAME.svg``."""
        return self.figures.chart(f"{self.question}-{name}", svg, caption, alt)

    def grid(self, name: str, png: bytes, caption: str, alt: str) -> Figure:
        """Keep a grid of images as ``QUESTION-NAME.png``."""
        return self.figures.grid(f"{self.question}-{name}", png, caption, alt)

    def names(self, classes: NDArray[np.int64] | None) -> list[str]:
        """Of the classes of pictures, as columns; none where one is unknown."""
        if classes is None or (classes < 0).any():
            return []
        return [self.class_names[c] for c in classes]

    def intervals(
        self,
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
        # matplotlib loads only where something is drawn.
        from tacit.figures import charts

        rows = list(next(iter(groups.values())))
        at, what = reference or (None, "")
        svg = charts.intervals(
            rows,
            {group: list(numbers.values()) for group, numbers in groups.items()},
            x_label=x_label,
            reference=at,
            reference_label=what,
        )
        said = "; ".join(
            f"{row}: "
            + ", ".join(f"{group} {brief(of[row])}".strip() for group, of in groups.items())
            for row in rows
        )
        return self.chart(name, svg, caption, f"{x_label[0].upper()}{x_label[1:]}: {said}.")

    def curves(self, name: str, panels: "Sequence[Panel]", caption: str, **look: float) -> Figure:
        """Curves, in words where each of them ends.

        look: as of `tacit.figures.charts.curves`.
        """
        from tacit.figures import charts

        said = "; ".join(
            f"{panel.title or panel.y_label}: "
            + ", ".join(f"{one.label} {_end(one)}".strip() for one in panel.series)
            for panel in panels
        )
        svg = charts.curves(*panels, **look)  # type: ignore[arg-type]
        by = panels[0].x_label
        return self.chart(name, svg, caption, f"Curves by {by}; at the end, {said}.")

    def pictures(
        self,
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
        from tacit.figures.grids import grid

        named = [(label, list(pictures)) for label, pictures in rows]
        labels = [label for label, _ in named if label]
        png = grid([row for _, row in named], row_labels=labels, column_labels=columns, notes=notes)
        said = [f"rows of pictures: {', '.join(labels)}"] if labels else []
        return self.grid(name, png, caption, f"{'; '.join([*said, told] if told else said)}.")


def _end(series: "Series") -> str:
    _, y = series.arrays()
    return significant(float(y[np.isfinite(y)][-1]), 3)
