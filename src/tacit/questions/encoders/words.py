"""Which encoder for these images, in words."""

from typing import Literal

from tacit.measures.formatting import brief, show
from tacit.measures.number import Number
from tacit.questions.encoders.numbers import INDICATORS, Compared
from tacit.questions.label_efficiency.words import counted
from tacit.questions.shared.pairs import short_name
from tacit.questions.shared.words import listed
from tacit.questions.verdicts import Said, Verdict, ruled

BASELINE = "pixels"


def decided_by(compared: Compared) -> str:
    """The rule."""
    curves = compared.curves
    return (
        f"Every representation is tried with every method on the same {curves.n_draws} draws. At "
        "each budget the pair with the highest mean accuracy on half of the draws and test images "
        "wins, and its accuracy is reported of the others; of each other representation the pair "
        "that was best on that half is compared with it, on all draws and images, seed by seed, "
        "draw by draw and image by image. Intervals are so wide that those of every two pairs hold "
        "in 95 % of studies; where one holds zero, the two are not distinguishable. The verdict "
        "says whether anything is ahead of the pixels themselves. An indicator chooses the "
        "representation in which it is largest."
    )


def headline(compared: Compared) -> Said:
    """What to use at the middle budget; the verdict is on it against the pixels."""
    curves, budget = compared.curves, compared.curves.middle
    best, pair = compared.winner(budget), curves.winner(budget)
    worse, alike = compared.those("worse", budget), compared.those("alike", budget)
    at, accuracy = counted(curves, budget), brief(curves.reported(pair, budget))
    found = Verdict.CANNOT_TELL
    if not compared.those("better", budget):
        if best == BASELINE:
            found = Verdict.NO if worse and not alike else found
        elif BASELINE in compared.pairs:
            found = ruled(compared.behind(BASELINE, budget))
        elif worse and not alike:
            found = Verdict.YES
    also = f"; {short_name(alike[0])} may be as good" if len(alike) == 1 else ""
    text = {
        Verdict.YES: f"With {at} use {pair.short}: {accuracy} right{also}.",
        Verdict.NO: f"With {at} no encoder gains on the pixels: {accuracy} right.",
    }.get(found, f"With {at} {pair.short} did best, but may not be the best.")
    return Said(found, text, f"at-{budget}.accuracy", f"accuracy with {at}")


def sentences(compared: Compared) -> list[str]:
    """The answer: what to use, how far the others are behind, and what could have chosen it."""
    return [
        _use(compared),
        _behind(compared, "worse", "Percentage points behind it, each by its best method"),
        _behind(compared, "alike", "Not distinguishable from it, points behind"),
        *_elsewhere(compared),
        _indicators(compared),
    ]


def _use(compared: Compared) -> str:
    curves, budget = compared.curves, compared.curves.middle
    pair = curves.winner(budget)
    accuracy = show(curves.reported(pair, budget))
    better = compared.those("better", budget)
    if better:
        return (
            f"With {counted(curves, budget)} the draws disagree: {pair.words} was best where it "
            f"was chosen and has {accuracy} elsewhere, where {listed(better)} did better."
        )
    return f"That is {pair.words}: {accuracy}."


def _behind(compared: Compared, verdict: Literal["worse", "alike"], opening: str) -> str:
    """How far those of a verdict are behind, in points, each by its best method."""
    budget = compared.curves.middle
    those = compared.those(verdict, budget)
    said = [f"{short_name(codes)} {points(compared.behind(codes, budget))}" for codes in those]
    return f"{opening}: {listed(said)}." if said else ""


def _elsewhere(compared: Compared) -> list[str]:
    """What to use at the other budgets."""
    curves = compared.curves
    said = [
        f"with {counted(curves, budget)} {curves.winner(budget).short}, "
        f"{show(curves.reported(curves.winner(budget), budget))}"
        for budget in curves.budgets
        if budget != curves.middle
    ]
    return [f"Best {'; '.join(said)}."] if said else []


def _indicators(compared: Compared) -> str:
    """What would have been chosen without a label, and what that would have cost."""
    budget = compared.curves.middle
    said = []
    for name, words in INDICATORS.items():
        codes = compared.chosen_by(name)
        if codes is None:
            continue
        best = codes == compared.winner(budget)
        cost = "the best" if best else f"{points(compared.behind(codes, budget))} points behind"
        said.append(f"by {words} {short_name(codes)} would have been chosen, {cost}")
    return f"Without labels, {'; '.join(said)}." if said else ""


def points(number: Number) -> str:
    """Percentage points with their interval, the unit being said elsewhere."""
    return show(without_unit(number))


def without_unit(number: Number) -> Number:
    """The same number where its unit is said elsewhere."""
    return number.scaled(1, "")
