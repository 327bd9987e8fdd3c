"""What the labels at hand say of the pairs, in words and a table."""

from collections.abc import Iterator

import numpy as np

from tacit.labels.pairs import Pair
from tacit.measures.formatting import brief, show
from tacit.questions.finding import Row, Table
from tacit.questions.labels_within.numbers import Judged
from tacit.questions.verdicts import Said, Verdict

WANTED = 0.05
"""The accuracy's half-width that is spoken of: five points."""

DECIDED_BY = (
    "Labels of all classes are held out together, one of each (a fifth of each where a class has "
    "more than ten), and told by each pair from the rest; all pairs see the same. To hold out one "
    "label alone would make its class the rare one. Recommended is, in an order of preference that "
    "was fixed beforehand, the first pair that is at most one standard error of the paired "
    "difference behind the one that was right most often. It is compared with every other pair on "
    "the same labels, by intervals so wide that those of every two pairs hold in 95 % of studies, "
    "whichever wins; where one holds zero, the two are not distinguishable."
)


def headline(judged: Judged) -> Said:
    """Which pair to use, and whether the labels tell it from all others."""
    choice, winner = judged.choice, judged.winner
    if choice is None:
        text = f"Use {winner.short}, by an order fixed beforehand: no label could be held out."
        return Said(Verdict.CANNOT_TELL, text)
    right = f"{brief(choice.accuracy(winner.name))} of the labels held out right"
    verdicts = {comparison.verdict for comparison in choice.comparisons().values()}
    key, label = "accuracy", "of the labels held out are told right"
    if verdicts == {"higher"}:
        text = f"Use {winner.short}: it tells {right}, and all others tell fewer."
        return Said(Verdict.YES, text, key, label)
    text = f"Use {winner.short}: it tells {right}, which is not known to be the most."
    return Said(Verdict.CANNOT_TELL, text, key, label)


def sentences(judged: Judged) -> Iterator[str]:
    """How the pairs were judged, what is known of the recommended one, and what cannot be."""
    choice, winner = judged.choice, judged.winner
    if choice is None:
        yield (
            "With one label per class it was the best that the study label-efficiency found on "
            "MNIST. A second label of each class would let the pairs be compared."
        )
        return
    yield f"{choice.n} labels were {held_out(judged)} and told from the {left(judged)} others."
    if choice.best != winner.name:
        best = judged.pair(choice.best)
        yield (
            f"{best.short} tells {show(choice.accuracy(best.name))}, which these labels cannot "
            f"tell from it; among such pairs the one that did best on {_tuned_on(winner)} is "
            "preferred."
        )
    found = choice.comparisons()
    worse = [judged.pair(name).short for name, c in found.items() if c.verdict == "higher"]
    alike = len(found) - len(worse)
    yield f"Worse: {', '.join(worse)}." if worse else ""
    yield f"Pairs that so few labels cannot tell from it: {alike}." if alike else ""
    if len(choice.candidates) > 1:
        yield (
            "The best of several is often the luckiest of them, and its own number too good: "
            f"choosing anew without the labels that judge gives {show(choice.honest)}."
        )
    own = choice.accuracy(winner.name)
    assert own.low is not None
    assert own.high is not None
    half = (own.high - own.low) / 2
    needed = round(choice.n * (half / WANTED) ** 2, -1)
    more = f"; ± {100 * WANTED:.0f} points would take about {needed:,.0f}" if half > WANTED else ""
    yield f"With {choice.n} labels an accuracy is known to about ± {100 * half:.0f} points{more}."


def _tuned_on(pair: Pair) -> str:
    """The sets on which a method earned its place in the order of preference."""
    named = {"mnist": "MNIST", "textures": "photographs of textures", "steel": "of steel surfaces"}
    return " and ".join(named.get(name, name) for name in pair.using.tuned_on or ("mnist",))


def held_out(judged: Judged) -> str:
    """How labels were held out."""
    return f"held out {'one' if judged.held_at_once == 1 else 'a fifth'} of every class together"


def left(judged: Judged) -> str:
    """From how many labels those that were held out were told."""
    numbers = {len(trial.learned.y) for trial in judged.trials}
    return f"{'about ' * (len(numbers) > 1)}{min(numbers):,}"


def caveats(judged: Judged) -> Iterator[str]:
    """What a reader must know before believing the recommendation."""
    choice, winner = judged.choice, judged.winner
    if winner.takes_uniform_shares:
        yield (
            f"{winner.short} takes classes as about equally frequent. From about two to one on "
            "between the largest and the smallest, propagation without shares (--pairs "
            "vae.poisson) is better."
        )
    if choice is None:
        yield "Confidence is as the classifier gives it: there is nothing to calibrate it by."
        return
    yield (
        f"Accuracy and confidence are those of {left(judged)} labels, not of "
        f"{len(judged.labelled.y):,}. Nothing is added for the labels that were held out, with "
        "which both are higher: on scikit-learn's digits by about 11 points with two labels of "
        "each class, 2 with five, and less than 1 with ten."
    )
    yield (
        "All of this is of images like the labelled ones. If those were not chosen at random (the "
        "easy ones, or those that were asked for because they are hard), it is not the accuracy on "
        "the rest."
    )
    counts = np.bincount(judged.labelled.y, minlength=len(judged.class_names))
    if single := [judged.class_names[c] for c in np.flatnonzero(counts == 1).tolist()]:
        yield (
            f"One label only: {', '.join(single)}. It is never held out, so that nothing here says "
            "how well such a class is told."
        )
    for pair in judged.pairs:
        if pair not in judged.candidates and choice.share(pair.name) > choice.share(winner.name):
            yield (
                f"{pair.short} is for comparison, since it makes no classifier of other images; "
                f"it told {show(choice.accuracy(pair.name))}."
            )


def table(judged: Judged) -> Table:
    """The pairs, the one that was right most often first."""
    choice = judged.choice
    rows: list[Row] = []
    found = {} if choice is None else choice.comparisons()
    for pair in judged.ranked:
        mark = " ★" if pair == judged.winner else ""
        if choice is None:
            rows.append((pair.short + mark, None, None, ""))
            continue
        other = found.get(pair.name)
        verdict = "recommended" if other is None else _verdict(other.verdict, pair, judged)
        difference = None if other is None else other.difference
        rows.append((pair.short + mark, choice.accuracy(pair.name), difference, verdict))
    caption = (
        "The pairs; none could be held to the labels"
        if choice is None
        else f"Labels told right, of {choice.n} that were {held_out(judged)} in "
        f"{len(judged.trials)} trials; and the recommended pair's "
        "lead. Intervals of right answers are of each number by itself, those of leads hold "
        "together"
    )
    return Table(caption, ("pair", "right", "lead of ★", "verdict"), tuple(rows))


def _verdict(verdict: str, pair: Pair, judged: Judged) -> str:
    said = {"higher": "worse", "lower": "better", "undefined": "the same answers"}.get(
        verdict, verdict
    )
    return said if pair in judged.candidates else f"{said} (for comparison)"
