"""Which encoder for these images, in words."""

from collections.abc import Iterator

from tacit.labels.pairs import short_name
from tacit.measures.formatting import brief, show
from tacit.measures.number import Number
from tacit.questions.encoders.numbers import Compared
from tacit.questions.label_efficiency import words as of_labels
from tacit.questions.label_efficiency.words import counted
from tacit.questions.shared.words import listed
from tacit.questions.verdicts import Said, Verdict, ruled

BASELINE = "pixels"


def decided_by(compared: Compared) -> str:
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


def sentences(compared: Compared) -> Iterator[str]:
    """How far the others are behind, and what to use at the other budgets."""
    curves, budget = compared.curves, compared.curves.middle
    if better := compared.those("better", budget):
        yield f"The draws disagree: on those that did not choose, {listed(better)} did better."
    worse, alike = (
        [
            f"{short_name(codes)} {points(compared.behind(codes, budget))}"
            for codes in compared.those(verdict, budget)
        ]
        for verdict in ("worse", "alike")
    )
    if worse:
        yield f"Percentage points behind it, each by its best method: {listed(worse)}."
    if alike:
        yield f"Not distinguishable from it, points behind: {listed(alike)}."
    elsewhere = [
        f"with {counted(curves, other)} {curves.winner(other).short}"
        for other in curves.budgets
        if other != budget
    ]
    if elsewhere:
        yield f"Best {'; '.join(elsewhere)}."


def caveats(compared: Compared) -> Iterator[str]:
    """What a reader must know of any comparison with few labels."""
    return of_labels.caveats(compared.curves)


def alerts(compared: Compared) -> tuple[str, ...]:
    """That test images were learned from."""
    return of_labels.alerts(compared.curves)


def points(number: Number) -> str:
    """Percentage points with their interval, the unit being said elsewhere."""
    return show(without_unit(number))


def without_unit(number: Number) -> Number:
    """The same number where its unit is said elsewhere."""
    return number.scaled(1, "")
