"""What the labels at hand say of the pairs, in words, a table and figures."""

from collections.abc import Sequence

import numpy as np

from tacit.figures import charts
from tacit.figures.sink import Figure
from tacit.labels.choosing import Choice
from tacit.measures.formatting import brief, show
from tacit.measures.number import Number, columns, undefined
from tacit.questions.base import Setting
from tacit.questions.finding import Finding, Table
from tacit.questions.label_efficiency.figures import in_percent
from tacit.questions.labels_within.numbers import Judged
from tacit.questions.shared.pairs import Pair
from tacit.questions.shared.rates import stated
from tacit.questions.verdicts import Said, Verdict

WANTED = 0.05
"""The accuracy's half-width that is spoken of: five points."""


def finding_of(
    judged: Judged, setting: Setting, title: str, asks: str, rules: Sequence[str]
) -> Finding:
    """The finding of the question `labels-within`."""
    choice = judged.choice
    figures = (
        ()
        if choice is None
        else (_accuracies(judged, choice, setting), _reliability(judged, setting))
    )
    said = headline(judged)
    return Finding(
        question=setting.question,
        title=title,
        asks=asks,
        answer=recommendation(judged),
        numbers=numbers(judged),
        runs=tuple(dict.fromkeys(pair.run for pair in judged.pairs if pair.run is not None)),
        decided_by=(
            "Labels of all classes are held out together, one of each (a fifth of each where a "
            "class has more than ten), and told by each pair from the rest; all pairs see the "
            "same. To hold out one label alone would make its class the rare one. Recommended is, "
            "in an order of preference that was fixed beforehand, the "
            "first pair that is at most one standard error of the paired difference behind the one "
            "that was right most often. It is compared with every other pair on the same labels, "
            "by intervals so wide that those of every two pairs hold in 95 % of studies, whichever "
            "wins; where one holds zero, the two are not distinguishable. "
        )
        + stated(rules),
        figures=figures,
        tables=(_rows(judged),),
        caveats=caveats(judged),
        sources=(
            "Breiman, Friedman, Olshen and Stone 1984 (the one-standard-error rule)",
            "Varma and Simon 2006 (the winner's own accuracy is too good)",
            "Bengio and Grandvalet 2004 (no unbiased variance of cross-validation)",
            "Guo, Pleiss, Sun and Weinberger 2017 (calibration)",
        ),
        key=said.key,
        verdict=said.verdict,
        headline=said.headline,
        label=said.label,
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


def recommendation(judged: Judged) -> str:
    """Which pair to use, how good it is known to be, and what cannot be known."""
    choice, winner = judged.choice, judged.winner
    if choice is None:
        return (
            f"Use {winner.words}. No class has two labels, so that none can be held out: these "
            f"{len(judged.labelled.y)} labels say nothing of which pair is better or how often it "
            "is right. The recommendation is fixed: with one label per class it was the best that "
            "the study label-efficiency found on MNIST. A second label of each class would let "
            "the pairs be compared."
        )
    own, honest = choice.accuracy(winner.name), choice.honest
    sentences = [
        f"Use {winner.words}: of {choice.n} labels, {held_out(judged)}, it tells {show(own)} "
        f"right from the {left(judged)} others."
    ]
    if choice.best != winner.name:
        best = judged.pair(choice.best)
        sentences.append(
            f"{best.short} tells {show(choice.accuracy(best.name))}, which these labels cannot "
            "tell from it; among such pairs the one that did best on "
            f"{_tuned_on(winner)} is preferred."
        )
    sentences += [_others(judged, choice), *_known(choice, own, honest)]
    return " ".join(sentence for sentence in sentences if sentence)


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


def _others(judged: Judged, choice: Choice) -> str:
    found = choice.comparisons()
    worse = [judged.pair(name).short for name, c in found.items() if c.verdict == "higher"]
    alike = len(found) - len(worse)
    if not found:
        return ""
    if not worse:
        none = "The other is not" if alike == 1 else f"None of the {alike} others is"
        return f"{none} distinguishable from it with so few labels."
    rest = "the other is" if alike == 1 else f"the {alike} others are"
    return f"Worse: {', '.join(worse)}" + (
        f"; {rest} not distinguishable from it." if alike else "."
    )


def _known(choice: Choice, own: Number, honest: Number) -> list[str]:
    assert own.low is not None
    assert own.high is not None
    half = (own.high - own.low) / 2
    said = []
    if len(choice.candidates) > 1:
        said.append(
            "The best of several is often the luckiest of them, and its own number too good: "
            f"choosing anew without the labels that judge gives {show(honest)}."
        )
    needed = round(choice.n * (half / WANTED) ** 2, -1)
    more = f"; ± {100 * WANTED:.0f} points would take about {needed:,.0f}" if half > WANTED else ""
    said.append(
        f"With {choice.n} labels an accuracy is known to about ± {100 * half:.0f} points{more}."
    )
    return said


def numbers(judged: Judged) -> dict[str, Number]:
    """The numbers of the finding."""
    choice = judged.choice
    n = len(judged.labelled.y)
    if choice is None:
        reason = f"none of {n} labels could be held out"
        return {"accuracy": undefined(reason, unit="accuracy")}
    found = {
        "accuracy": choice.accuracy(judged.winner.name),
        "accuracy-of-choosing-anew": choice.honest,
        "temperature": Number(judged.temperature.value, n=judged.temperature.n),
    }
    for name, comparison in choice.comparisons().items():
        found[f"minus-{name}"] = comparison.difference
    return found


def caveats(judged: Judged) -> tuple[str, ...]:
    """What a reader must know before believing the recommendation."""
    said = []
    choice, winner = judged.choice, judged.winner
    if choice is None:
        said.append(
            "Confidence is as the classifier gives it: there is nothing to calibrate it by."
        )
    else:
        said += [
            f"Accuracy and confidence are those of {left(judged)} labels, not of "
            f"{len(judged.labelled.y):,}. Nothing is added for the labels that were held out, with "
            "which both are higher: on scikit-learn's digits by about 11 points with two labels of "
            "each class, 2 with five, and less than 1 with ten.",
            "All of this is of images like the labelled ones. If those were not chosen at random "
            "(the easy ones, or those that were asked for because they are hard), it is not the "
            "accuracy on the rest.",
        ]
    if winner.takes_uniform_shares:
        said.append(
            f"{winner.short} takes classes as about equally frequent. From about two to one on "
            "between the largest and the smallest, propagation without shares (--pairs "
            "vae.poisson) is better."
        )
    if choice is not None:
        counts = np.bincount(judged.labelled.y, minlength=len(judged.class_names))
        single = [judged.class_names[number] for number in np.flatnonzero(counts == 1).tolist()]
        if single:
            said.append(
                f"One label only: {', '.join(single)}. It is never held out, so that nothing here "
                "says how well such a class is told."
            )
        for pair in judged.pairs:
            if pair not in judged.candidates and choice.share(pair.name) > choice.share(
                winner.name
            ):
                said.append(
                    f"{pair.short} is for comparison, since it makes no classifier of other "
                    f"images; it told {show(choice.accuracy(pair.name))}."
                )
    return tuple(said)


def _ranked(judged: Judged) -> list[Pair]:
    choice = judged.choice
    if choice is None:
        return [*judged.candidates, *(p for p in judged.pairs if p not in judged.candidates)]
    return sorted(judged.pairs, key=lambda pair: -choice.share(pair.name))


def _rows(judged: Judged) -> Table:
    choice = judged.choice
    rows: list[tuple[str | float | int | Number | None, ...]] = []
    found = {} if choice is None else choice.comparisons()
    for pair in _ranked(judged):
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


def _accuracies(judged: Judged, choice: Choice, setting: Setting) -> Figure:
    ranked = _ranked(judged)
    shown = [in_percent(choice.accuracy(pair.name)) for pair in ranked]
    said = "; ".join(f"{p.short} {show(n)}" for p, n in zip(ranked, shown, strict=True))
    return setting.figures.chart(
        f"{setting.question}-accuracy",
        charts.intervals(
            [pair.short for pair in ranked], {"": shown}, x_label="held-out labels told right, %"
        ),
        f"How many of {choice.n} labels each pair told right when they were held out, with 95 % "
        "intervals. Pairs share the labels, so that they differ more surely than intervals that "
        "overlap suggest: the table has the differences.",
        f"Held-out labels told right: {said}.",
    )


def _reliability(judged: Judged, setting: Setting) -> Figure:
    found = judged.reliability()
    confidence = [b.confidence for b in found]
    share, low, high = columns([b.right for b in found])
    said = "; ".join(f"{show(b.right)} right at {100 * b.confidence:.0f} % sure" for b in found)
    kind = "its probabilities" if judged.winner.using.confident else "its scores"
    return setting.figures.chart(
        f"{setting.question}-reliability",
        charts.reliability(
            confidence, share, [b.right.n for b in found], low=low, high=high, counted="labels"
        ),
        f"How often {judged.winner.short} is right where it says how sure it is, over the labels "
        f"that were held out. A temperature of {judged.temperature.value:.3g}, fitted on the same "
        f"answers, makes {kind} into confidence; with {judged.temperature.n} labels that is rough.",
        f"Reliability: {said}.",
    )
