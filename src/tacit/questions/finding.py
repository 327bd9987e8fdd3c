"""What a question found: the record that results.json, the report and the command line read."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from tacit import notebook
from tacit.figures.sink import Figure
from tacit.measures.formatting import show, significant
from tacit.measures.number import Number
from tacit.questions.verdicts import Verdict

Cell = str | float | int | Number | None
Row = tuple[Cell, ...]
T = TypeVar("T")


@dataclass(frozen=True)
class Table:
    """A small table of words, plain numbers and `Number`s."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    @classmethod
    def of(
        cls, caption: str, items: Iterable[T], cells: Mapping[str, Callable[[T], Cell]]
    ) -> "Table":
        """A row for each of the items; `cells`: by its heading, what a column says of one."""
        rows = tuple(tuple(cell(item) for cell in cells.values()) for item in items)
        return cls(caption, tuple(cells), rows)

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"table '{self.caption}' has a row of {len(row)} cells, {row}, "
                    f"for {len(self.columns)} columns"
                )
            for cell in row:
                if isinstance(cell, float) and not math.isfinite(cell):
                    raise ValueError(
                        f"table '{self.caption}' holds {cell}; an undefined number is "
                        "a Number whose value is None, with the reason"
                    )

    def _repr_html_(self) -> str:
        rows = [[_words(cell) for cell in row] for row in self.rows]
        return notebook.table(self.columns, rows, self.caption)


def _words(cell: str | float | int | Number | None) -> str:
    if isinstance(cell, Number):
        return show(cell)
    if isinstance(cell, float):
        return significant(cell)
    return "" if cell is None else str(cell)


@dataclass(frozen=True)
class Finding:
    """The answer to one question.

    Attributes:
        question: the question's id, unique in its study.
        title: a few words, as a heading.
        asks: the question in one sentence.
        answer: the headline and a few short sentences, made from `numbers`.
        numbers: what was measured, by name.
        runs: the runs that were looked at.
        decided_by: the rule that turns numbers into the answer.
        figures, tables: what is shown, in reading order.
        key: the one of `numbers` that the verdict rests on, shown beside it; "" for none.
        caveats: what a reader must know before believing the answer.
        sources: published work that the method or a reference value comes from.
        verdict: what the numbers say. headline: the same in one sentence.
        label: what the key number is, for a reader.
        alerts: what a reader must know before anything else, shown on top.
    """

    question: str
    title: str
    asks: str
    answer: str
    numbers: dict[str, Number]
    runs: tuple[str, ...]
    decided_by: str = ""
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    caveats: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    key: str = ""
    verdict: Verdict = Verdict.CANNOT_TELL
    headline: str = ""
    label: str = ""
    alerts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.key and self.key not in self.numbers:
            raise ValueError(
                f"key is '{self.key}', which is none of the numbers: {', '.join(self.numbers)}"
            )

    @property
    def shown(self) -> str:
        """The key, of an answer without a headline the first of the numbers where it has none.

        "" where training had not finished: no number is to be taken for an answer.
        """
        if self.headline and self.verdict is Verdict.NOT_FINISHED:
            return ""
        return self.key or ("" if self.headline else next(iter(self.numbers), ""))

    @property
    def firm(self) -> bool:
        """Whether the key may stand out: not where there is no verdict."""
        return self.verdict in (Verdict.YES, Verdict.NO) or not self.headline

    def _repr_html_(self) -> str:
        """The verdict, its key number and the answer; tables and caveats unfold."""
        found = notebook.paragraph(self.title, "h4") + notebook.paragraph(self.asks, "em")
        verdict = f"{self.verdict.capitalize()}. " if self.headline else ""
        found += notebook.paragraph(f"{verdict}{self.answer}")
        if key := self.shown:
            number = show(self.numbers[key])
            found += notebook.paragraph(
                f"{self.label or key}: {number}", "strong" if self.firm else "p"
            )
        folded = "".join(figure._repr_html_() for figure in self.figures)
        folded += "".join(table._repr_html_() for table in self.tables)
        told = [self.decided_by, *self.caveats]
        folded += "".join(notebook.paragraph(text) for text in told if text)
        if not folded:
            return found
        return f"{found}<details><summary>figures, tables, caveats</summary>{folded}</details>"


def alerts_of(findings: Iterable[Finding]) -> tuple[str, ...]:
    """What is to be said on top of all findings, each once."""
    return tuple(dict.fromkeys(alert for finding in findings for alert in finding.alerts))
