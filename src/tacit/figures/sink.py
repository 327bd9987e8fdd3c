"""Figures are kept in a folder, each with the record that the report reads."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tacit import notebook
from tacit.files import write_atomically


@dataclass(frozen=True)
class Figure:
    """A figure that lies in the study's folder.

    Attributes:
        name: the file's stem under ``figures/``; a chart is an SVG, a grid of images a PNG.
        kind: "chart" or "grid".
        caption: one or two sentences below the figure.
        alt: what the figure shows, for those who do not see it, numbers included.
    """

    name: str
    kind: str
    caption: str
    alt: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+([-_.][a-z0-9]+)*", self.name):
            raise ValueError(
                f"figure name {self.name!r} is no file stem of lower-case letters, digits "
                "and single '-', '_' or '.' between them"
            )
        if self.kind not in ("chart", "grid"):
            raise ValueError(
                f"figure '{self.name}' is a {self.kind!r}; it is a 'chart' or a 'grid'"
            )
        if not self.alt.strip():
            raise ValueError(f"figure '{self.name}' has no text alternative (`alt`)")

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self.name}.{'svg' if self.kind == 'chart' else 'png'}"

    @property
    def small(self) -> str:
        """The file of a chart's small picture, which need not be there."""
        return f"{self.name}.small.svg"

    def _repr_html_(self) -> str:
        # The record does not know the folder that the picture lies in.
        return notebook.facts(self.caption, [("file", self.file), ("shows", self.alt)])


class Figures:
    """Writes figures into `folder` (made if missing), whole or not at all.

    A name is used once: two figures of the same name would be one file.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._names: set[str] = set()
        self._smaller: dict[str, Callable[[], bytes | None]] = {}

    def chart(self, name: str, svg: bytes, caption: str, alt: str) -> Figure:
        """Keep a chart (the bytes of an SVG) as ``name.svg``."""
        # matplotlib loads only where something is drawn.
        from tacit.figures.style import Chart, identify

        if isinstance(svg, Chart):
            self._smaller[name] = svg.smaller
        return self._keep(Figure(name, "chart", caption, alt), identify(svg, name, alt))

    def grid(self, name: str, png: bytes, caption: str, alt: str) -> Figure:
        """Keep a grid of images (the bytes of a PNG) as ``name.png``."""
        return self._keep(Figure(name, "grid", caption, alt), png)

    def keep_small(self, figure: Figure) -> None:
        """Keep a chart as it is drawn for the foot of a card, too; a grid is cut out there."""
        from tacit.figures.style import identify

        drawn = self._smaller.get(figure.name, lambda: None)()
        if drawn is not None:
            svg = identify(drawn, f"small-{figure.name}", figure.alt)
            path = self.folder / figure.small
            write_atomically(path, lambda file: file.write_bytes(svg), durable=False)

    def _keep(self, figure: Figure, content: bytes) -> Figure:
        if figure.name in self._names:
            raise ValueError(f"there already is a figure '{figure.name}' in {self.folder}")
        self._names.add(figure.name)
        path = self.folder / figure.file
        write_atomically(path, lambda file: file.write_bytes(content), durable=False)
        return figure
