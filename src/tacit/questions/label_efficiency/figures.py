"""What few labels bring, drawn: curves, differences, confidence, and a table of all of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tacit.figures import charts
from tacit.figures.sink import Figure
from tacit.labels.choosing import share_of
from tacit.labels.pairs import Pair
from tacit.measures.distances import Floats
from tacit.measures.formatting import brief, rounded, show, significant
from tacit.measures.intervals import decide
from tacit.measures.number import Number, columns
from tacit.questions.base import Setting
from tacit.questions.finding import Table
from tacit.questions.label_efficiency.numbers import Curves
from tacit.questions.shared.drawing import with_intervals

FAMILIES = {"propagation": 0, "network": 1, "codes": 2}
"""The colours of methods: by what they do with labels."""

OTHERS = 4
WINNER, ALIKE = "★", "≈"


def draw(curves: Curves, setting: Setting) -> tuple[Figure, ...]:
    """The figures in reading order; the first opens the page."""
    drawn = [_overview(curves, setting), _all(curves, setting)]
    if len(curves.candidates) > 1:
        drawn.append(_behind(curves, setting))
    winner = curves.winner(curves.middle)
    bins = curves.bins(winner, curves.middle)
    if bins is not None:
        drawn.append(_reliability(curves, winner, bins, setting))
    return tuple(drawn)


class Line(NamedTuple):
    """A curve of accuracies: of which pair at each budget, and how it is drawn."""

    label: str
    pairs: Mapping[int, Pair]
    colour: int
    dashed: bool = False


def against_labels(
    curves: Curves,
    lines: Sequence[Line],
    setting: Setting,
    caption: str,
    levels: Sequence[tuple[float, str]] = (),
) -> Figure:
    """Mean accuracies with their intervals against the number of labels."""
    series, at = [], curves.middle
    for line in lines:
        numbers = [in_percent(curves.number(line.pairs[b], b)) for b in curves.budgets]
        x = curves.budgets if curves.per_class else curves.labels
        found = with_intervals(line.label, x, numbers, line.colour)
        series.append(replace(found, dashed=line.dashed))
    panel = charts.Panel(
        series,
        x_label=f"labels {curves.unit}",
        y_label=f"{_what(curves)} right, %",
        log_x=len(curves.budgets) > 1,
        accuracy=True,
        x_ticks=curves.budgets,
        levels=levels,
    )
    said = "; ".join(f"{line.label} {show(curves.number(line.pairs[at], at))}" for line in lines)
    return setting.chart(
        "curves",
        charts.curves(panel, height=330),
        f"Accuracy against labels {curves.unit}: {caption} Every halving of the errors takes the "
        "same height.",
        f"Accuracy at {at:,} labels {curves.unit}: {said}.",
    )


def behind_winner(
    curves: Curves,
    what: str,
    leads: Mapping[int, Mapping[str, Number | None]],
    setting: Setting,
) -> Figure:
    """How far each is from the winner of each budget.

    Args:
        what: they are. leads: by budget and name, the winner's lead; None of the winner.
    """
    panels, said = [], []
    for budget, of in leads.items():
        found = list(of.values())
        others = [number for number in found if number is not None]
        panels.append(
            charts.Behind(
                f"{budget:,} {curves.unit}",
                [None if number is None else -number for number in found],
                [number is not None and number.excludes_zero for number in found],
            )
        )
        n_worse = sum(decide(number) == "higher" for number in others)
        said.append(f"at {budget:,} ahead of {n_worse} of {len(others)}")
    return setting.chart(
        "differences",
        charts.behind(list(of), panels, x_label="accuracy minus the winner's, points"),
        f"How far each {what} is from the winner (star), paired, with intervals that hold together "
        "in 95 % of studies. Filled: distinguishable; hollow: not distinguishable. Each panel has "
        "its own scale.",
        f"Distinguishable from the winner: {'; '.join(said)}.",
    )


def reliability(
    confidence: Sequence[float],
    right: Sequence[Number],
    counts: Sequence[int],
    caption: str,
    setting: Setting,
    counted: str = "images",
) -> Figure:
    """How often answers are right by how sure they are, in bins of confidence."""
    share, low, high = columns(right)
    bins = zip(right, confidence, strict=True)
    said = "; ".join(f"{brief(r)} right at {100 * c:.0f} % sure" for r, c in bins)
    return setting.chart(
        "reliability",
        charts.reliability(confidence, share, counts, low=low, high=high, counted=counted),
        caption,
        f"Reliability: {said}.",
    )


def _overview(curves: Curves, setting: Setting) -> Figure:
    """The recommended pair, the baseline and the best of every other family."""
    shown, base = representatives(curves), curves.baseline(curves.middle)
    lines = [
        Line(
            pair.short,
            dict.fromkeys(curves.budgets, pair),
            _colour(pair),
            dashed=pair == base != shown[0],
        )
        for pair in shown
    ]
    return against_labels(
        curves,
        lines,
        setting,
        f"the pair recommended at {curves.middle:,}, the best of each other kind"
        f"{'' if base is None else ', and from scratch'}; means with their intervals over all "
        "draws and images (the answer's numbers are of those that chose nothing).",
        [(_oracle(curves, pair), pair.short) for pair in curves.oracles if pair.using.oracle],
    )


def representatives(curves: Curves) -> list[Pair]:
    """The winner at the middle budget, the best of each other family, and the baseline."""
    at = curves.middle
    shown = [curves.winner(at)]
    for pair in curves.ranked(curves.candidates):
        if all(pair.using.family != other.using.family for other in shown):
            shown.append(pair)
    base = curves.baseline(at)
    if base is not None and base not in shown:
        shown.append(base)
    return shown


def _all(curves: Curves, setting: Setting) -> Figure:
    at = curves.middle
    pairs = curves.ranked(curves.curved)
    methods = [
        charts.Trials(
            pair.short,
            np.stack([100 * curves.accuracy(pair, b).ravel() for b in curves.budgets]),
            [in_percent(curves.number(pair, b)) for b in curves.budgets],
            remark=f"{short(curves.number(pair, at))} %",
            colour=_colour(pair) if pair in curves.candidates else OTHERS,
        )
        for pair in pairs
    ]
    base = curves.baseline(at)
    oracle = next((p for p in curves.oracles if p.using.oracle), None)
    said = "; ".join(f"{p.short} {show(curves.number(p, at))}" for p in pairs)
    return setting.chart(
        "trials",
        charts.trials(
            curves.budgets if curves.per_class else curves.labels,
            methods,
            x_label=f"labels {curves.unit}",
            reference=None if base is None else pairs.index(base),
            reference_label="" if base is None else base.short,
            oracle=None if oracle is None else (_oracle(curves, oracle), oracle.short),
        ),
        f"Every draw of every pair as a dot ({_what(curves)} right, %), the mean with its "
        f"interval, and at the top right the mean at {at:,} {curves.unit}, by which the panels are "
        "ordered. Blue pairs propagate labels, orange ones train a network, green ones use codes "
        "as they are"
        + ("" if len(pairs) == len(curves.candidates) else ", grey ones know more than the labels")
        + ". Thin lines are the means of the other pairs"
        + ("." if base is None else f", the dashed one that of {base.short}."),
        f"Mean accuracy at {at:,} labels {curves.unit}: {said}.",
    )


def _behind(curves: Curves, setting: Setting) -> Figure:
    order = curves.ranked(curves.candidates)
    leads = {b: {p.short: curves.leads(b).get(p.name) for p in order} for b in curves.budgets}
    return behind_winner(curves, "pair", leads, setting)


def _reliability(curves: Curves, winner: Pair, bins: Floats, setting: Setting) -> Figure:
    count, confidence, right = bins[bins[:, 0] > 0].T
    error = curves.calibration_error(winner, curves.middle)
    return reliability(
        confidence / count,
        [share_of(float(r / n), int(n)) for r, n in zip(right, count, strict=True)],
        count,
        f"How often {winner.short} with {curves.middle:,} labels {curves.unit} is right where it "
        "says how sure it is, over the draws that chose nothing; intervals are 95 %, as if the "
        "draws had images of their own. Its confidence is off by "
        f"{show(error.in_points)} on average.",
        setting,
    )


def tables(curves: Curves, setting: Setting) -> tuple[Table, ...]:
    """Every pair at every budget, and what the best of each budget is worth."""
    return accuracies(curves), _verdicts(curves), *transductive(curves)


def accuracies(curves: Curves) -> Table:
    """Every pair at every budget."""
    alike = {b: [p.name for p in curves.those("alike", b)] for b in curves.budgets}
    rows = []
    for pair in curves.ranked(curves.pairs):
        cells = []
        for budget in curves.budgets:
            mark = WINNER if curves.winner(budget) == pair else ALIKE * (pair.name in alike[budget])
            cells.append(f"{short(curves.number(pair, budget), interval=True)} {mark}".strip())
        rows.append((pair.short, *cells))
    caption = (
        f"{_what(curves, capital=True)} right, %, mean over all draws and its interval. {WINNER} "
        f"the winner of the draws and images that choose; {ALIKE} not distinguishable from it"
    )
    return Table(caption, ("pair", *(f"{b:,} {curves.unit}" for b in curves.budgets)), tuple(rows))


def _verdicts(curves: Curves) -> Table:
    scratch = any(curves.baseline(budget) is not None for budget in curves.budgets)
    rows = []
    for budget in curves.budgets:
        winner, base = curves.winner(budget), curves.baseline(budget)
        found = curves.efficiency(budget)
        cells: list[str | int | Number | None] = [
            f"{budget:,} {curves.unit}", winner.short, curves.reported(winner, budget)
        ]  # fmt: skip
        if scratch:
            cells += [
                None if base is None else curves.reported(base, budget),
                "–" if found is None else found.words(),
            ]
        rows.append((*cells, ", ".join(p.short for p in curves.those("alike", budget)) or "none"))
    columns = ["labels", "best", "accuracy"]
    columns += ["from scratch", "as many labels needed"] if scratch else []
    return Table(
        "The best at each budget, on the draws and images that did not choose it; how many times "
        "as many labels from scratch needs for the same accuracy; and which pairs are not "
        "distinguishable",
        (*columns, "not distinguishable from it"),
        tuple(rows),
    )


def transductive(curves: Curves) -> tuple[Table, ...]:
    """Answers for the graph's own images beside those for others, where there are both."""
    at = curves.middle
    rows = []
    if not any(curves.has(p, "test") and curves.has(p, "unlabelled") for p in curves.curved):
        return ()
    for pair in curves.curved:
        if curves.has(pair, "unlabelled"):
            for column, what in (
                ("unlabelled", "transductive: unlabelled training images, which are in the graph"),
                ("test", "inductive: test images, which are not"),
            ):
                rows.append((pair.short, what, curves.accuracy_of(pair, at, column).mean()))
    caption = (
        f"Methods that propagate labels answer for two kinds of images; accuracy at {at:,} labels "
        f"{curves.unit}"
    )
    return (Table(caption, ("pair", "which images", "accuracy"), tuple(rows)),)


def in_percent(number: Number) -> Number:
    """A share as a percentage."""
    return number.scaled(100, "%")


def short(number: Number, *, interval: bool = False) -> str:
    """An accuracy in percent without its unit, where the unit is said elsewhere."""
    if number.value is None:
        return "–"
    if number.low is None or number.high is None:
        return significant(100 * number.value, 3)
    half = 50 * (number.high - number.low)
    value, low, high = (rounded(100 * end, half) for end in (number.value, number.low, number.high))
    return f"{value} ({low} to {high})" if interval else value


def _oracle(curves: Curves, pair: Pair) -> float:
    return 100 * float(curves.accuracy(pair, curves.budgets[-1]).mean())


def _colour(pair: Pair) -> int:
    return FAMILIES[pair.using.family]


def _what(curves: Curves, capital: bool = False) -> str:
    text = "unlabelled images" if curves.pooled else "test images"
    return text.capitalize() if capital else text
