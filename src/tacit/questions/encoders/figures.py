"""Encoders side by side, drawn: accuracy against labels, distances from the best, and tables."""

from collections.abc import Mapping

from rich.filesize import decimal

from tacit.encoders.base import About
from tacit.figures.sink import Figure
from tacit.labels.pairs import BUILT_IN, short_name
from tacit.measures.formatting import significant
from tacit.measures.number import Number
from tacit.questions.base import Setting
from tacit.questions.encoders.numbers import INDICATORS, Compared
from tacit.questions.encoders.words import points, without_unit
from tacit.questions.finding import Row, Table
from tacit.questions.label_efficiency.figures import (
    WINNER,
    Line,
    accuracies,
    against_labels,
    behind_winner,
    short,
    transductive,
)

GREY = 4
"""The colour of codes that need no learning."""


def draw(compared: Compared, setting: Setting) -> tuple[Figure, ...]:
    """The figures in reading order; the first opens the page."""
    drawn = [_curves(compared, setting)]
    if len(compared.pairs) > 1:
        drawn.append(_behind(compared, setting))
    return tuple(drawn)


def _curves(compared: Compared, setting: Setting) -> Figure:
    """Each representation by its best method at each budget."""
    ranked = compared.ranked(compared.curves.middle)
    free = [index for index in range(6) if index != GREY]
    learned = [codes for codes in ranked if codes not in BUILT_IN]
    colours = {codes: free[place % len(free)] for place, codes in enumerate(learned)}
    lines = [
        Line(
            short_name(codes),
            {b: compared.best(codes, b) for b in compared.curves.budgets},
            colours.get(codes, GREY),
            codes in BUILT_IN,
        )
        for codes in ranked
    ]
    return against_labels(
        compared.curves,
        lines,
        setting,
        "each representation with the method that was best on it where methods are chosen, the "
        "mean over all draws and images with its interval. Grey and dashed is what needs no "
        "learning.",
    )


def _behind(compared: Compared, setting: Setting) -> Figure:
    def leads(budget: int) -> dict[str, Number | None]:
        winner, order = compared.winner(budget), compared.ranked(compared.curves.middle)
        behind = {codes: compared.behind(codes, budget) for codes in order}
        return {short_name(codes): n if codes != winner else None for codes, n in behind.items()}

    what = "representation, by its best method,"
    each = {budget: leads(budget) for budget in compared.curves.budgets}
    return behind_winner(compared.curves, what, each, setting)


def tables(compared: Compared, setting: Setting) -> tuple[Table, ...]:
    """Methods by representation, what each costs, what indicators say, and every pair."""
    found = _by_method(compared), _costs(compared, setting.encoders), _choices(compared)
    return (*found, accuracies(compared.curves), *transductive(compared.curves))


def _by_method(compared: Compared) -> Table:
    curves, at = compared.curves, compared.curves.middle
    methods = list(dict.fromkeys(p.using.short for p in curves.candidates))
    rows: list[Row] = []
    for codes in compared.ranked(at):
        own = {pair.using.short: pair for pair in compared.pairs[codes]}
        cells = [
            "–" if m not in own
            else f"{short(curves.number(own[m], at))} {WINNER * (own[m] == curves.winner(at))}"
            for m in methods
        ]  # fmt: skip
        last = None if codes == compared.winner(at) else without_unit(compared.behind(codes, at))
        rows.append((short_name(codes), *(cell.strip() for cell in cells), last))
    return Table(
        f"Accuracy by representation and method at {at:,} labels {curves.unit}, %, and how many "
        f"points the best method on each is behind the winner {WINNER}",
        ("representation", *methods, "points behind"),
        tuple(rows),
    )


def _costs(compared: Compared, encoders: Mapping[str, About]) -> Table:
    elsewhere = {about.name: about for about in encoders.values()}
    rows = []
    for codes in compared.ranked(compared.curves.middle):
        found, about = compared.of_codes.first.codes[codes], elsewhere.get(codes)
        size = found.size if about is None else about.n_bytes
        rows.append(
            (
                short_name(codes),
                found.width,
                "–" if size is None else decimal(size),
                "these images" if about is None and size is not None
                else "–" if about is None else f"elsewhere: {about.trained_on}",
            )
        )  # fmt: skip
    return Table(
        "What each representation costs; the seconds that learning or encoding took stand with the "
        "runs, under how it was made",
        ("representation", "dimensions", "weights", "learned from"),
        tuple(rows),
    )


def _choices(compared: Compared) -> Table:
    """What codes show without labels, and what would have been chosen by it."""
    at = compared.curves.middle
    rows: list[Row] = [
        (
            short_name(codes),
            *(_cell(compared.indicator(name, codes)) for name in INDICATORS),
        )
        for codes in compared.ranked(at)
    ]
    chosen: list[str | None] = []
    for name in INDICATORS:
        codes = compared.chosen_by(name)
        if codes is None:
            chosen.append("–")
        elif codes == compared.winner(at):
            chosen.append(f"{short_name(codes)}, the winner")
        else:
            behind = points(compared.behind(codes, at))
            chosen.append(f"{short_name(codes)}, {behind} points behind")
    correlations = [compared.correlation(name) for name in INDICATORS]
    rows += [
        ("would have chosen", *chosen),
        (
            "rank correlation with accuracy",
            *("–" if c is None else significant(c, 2) for c in correlations),
        ),
    ]
    return Table(
        "What codes of test images show without a label: about how many directions they vary "
        "along, and what share of an image's ten nearest neighbours its view has too; and how well "
        f"that would have chosen at {at:,} labels {compared.curves.unit}",
        ("representation", *INDICATORS.values()),
        tuple(rows),
    )


def _cell(number: Number) -> str:
    """An indicator in a table of few columns; a lone seed has no interval to give."""
    if number.value is None:
        return "–"
    return (
        short(number, interval=True) + " %"
        if number.unit == "share"
        else significant(number.value, 3)
    )
