"""What a question found: the record that results.json, the report and the command line read."""

from dataclasses import dataclass, field

from tacit.measures.number import Number


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


@dataclass(frozen=True)
class Table:
    """A small table of words, plain numbers and `Number`s."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | float | int | Number | None, ...], ...]


@dataclass(frozen=True)
class Finding:
    """The answer to one question.

    Attributes:
        question: the question's id, unique in its study.
        title: a few words, as a heading.
        asks: the question in one sentence.
        answer: the answer in words, made from `numbers`.
        numbers: what was measured, by name.
        runs: the runs that were looked at.
        decided_by: the rule that turns numbers into the answer.
        figures, tables: what is shown, in reading order.
        cautions: what a reader must know before believing the answer.
        sources: published work that the method or a reference value comes from.
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
    cautions: tuple[str, ...] = ()
    sources: tuple[str, ...] = field(default=())
