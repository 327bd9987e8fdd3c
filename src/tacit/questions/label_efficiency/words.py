"""Which representation for how many labels, in words."""

from collections.abc import Sequence

from tacit.measures.formatting import brief, show
from tacit.measures.intervals import decide
from tacit.questions.label_efficiency.numbers import POINTS, Curves
from tacit.questions.shared.pairs import Pair
from tacit.questions.shared.words import many
from tacit.questions.verdicts import Said, Verdict, ruled

IT = "the one recommended"
NAMED = 3
"""At most so many pairs that are not distinguishable from the winner are named."""


def decided_by(curves: Curves) -> str:
    """The rule."""
    choose, report = len(curves.choosing), len(curves.reporting)
    chosen = f"over {choose} of the {curves.n_draws} draws"
    others = f"of the other {report}"
    if not curves.pooled:
        n = int((~curves.told).sum())
        chosen += f" and {n:,} of the {len(curves.told):,} test images"
        others += f" draws and {len(curves.told) - n:,} images"
    return (
        f"At each budget the pair with the highest mean accuracy {chosen} is the winner; its "
        f"accuracy, what more labels bring it and how sure it is are {others}. Pairs are compared "
        "on all draws and images, seed by seed, draw by draw and image by image: intervals are "
        "over all of them together, and so wide that those of every two pairs hold in 95 % of "
        "studies, whichever wins; where one holds zero, the two are not distinguishable. How many "
        "times as many labels from scratch needs is read from its curve of accuracy against the "
        "logarithm of the number of labels; the interval holds all factors at which the two are "
        "not distinguishable. Pairs that know more than the labels (all labels, or the class "
        "shares) cannot win."
    )


def headline(curves: Curves) -> Said:
    """What to use at the middle budget; the verdict is on it against a network from scratch."""
    budget = curves.middle
    winner, base = curves.winner(budget), curves.baseline(budget)
    accuracy = curves.reported(winner, budget)
    found = Verdict.CANNOT_TELL
    if base is not None and base != winner:
        found = ruled(curves.leads(budget)[base.name])
    elif "worse" in curves.verdicts(budget).values() and not curves.those("better", budget):
        found = Verdict.YES
    if curves.those("better", budget):
        found = Verdict.CANNOT_TELL
    text = f"With {counted(curves, budget)} use {winner.short}: {brief(accuracy)} right."
    if found is Verdict.CANNOT_TELL:
        text = f"With {counted(curves, budget)} {winner.short} did best, but may not be the best."
    return Said(found, text, f"at-{budget}.accuracy", f"accuracy with {counted(curves, budget)}")


def alerts(curves: Curves) -> tuple[str, ...]:
    """That test images were learned from."""
    n = curves.first.copies
    return (f"{many(n, 'test image')} also found among the training images.",) if n else ()


def sentences(curves: Curves) -> list[str]:
    """The answer: what to use at the middle budget, at the others, and what more would bring."""
    return [
        _use(curves),
        _others(curves),
        *_elsewhere(curves),
        _more(curves),
        _moved_by(curves),
        _confidence(curves),
        _oracle(curves),
    ]


def _use(curves: Curves) -> str:
    budget = curves.middle
    winner, base = curves.winner(budget), curves.baseline(budget)
    accuracy = show(curves.reported(winner, budget))
    better = curves.those("better", budget)
    if better:
        return (
            f"With {counted(curves, budget)} the draws disagree: {winner.words} was the best of "
            f"those that chose and has {accuracy} on the others, where "
            f"{_listed([p.short for p in better])} did better."
        )
    text = f"With {counted(curves, budget)} use {winner.words}: {accuracy}"
    found = curves.efficiency(budget)
    if found is None or base is None:
        return text + ("" if base is None else ", for which no representation was needed") + "."
    if found.factor == 0:
        text += f"; {base.words} does as well with {found.words()} as many labels"
    elif found.censored and curves.budgets[-1] == budget:
        text += f"; {base.words} does not reach it with any number of labels tried"
    else:
        text += f"; {base.words} needs {found.words()} as many labels to match it"
    return text + _at_the_end(curves, winner, base) + "."


def _at_the_end(curves: Curves, winner: Pair, base: Pair) -> str:
    """How the two compare at the largest budget, where that is another one."""
    last = curves.budgets[-1]
    if last == curves.middle:
        return ""
    best = curves.winner(last)
    other = {base.name: winner, winner.name: base}.get(best.name)
    if other is None:
        return ""
    found = curves.leads(last)[other.name]
    said = (
        {"higher": "it is still behind", "lower": "it is ahead"}
        if best == winner
        else {"higher": f"{base.words} is ahead", "lower": f"{base.words} is behind"}
    )
    return (
        f"; at {last:,} {curves.unit} {said.get(decide(found), 'the two are not distinguishable')}"
    )


def _others(curves: Curves) -> str:
    """Whether the winner stands out among the other candidates."""
    budget = curves.middle
    found = list(curves.verdicts(budget).values())
    if not found or "better" in found:
        return ""
    others, worse, alike = len(found), found.count("worse"), curves.those("alike", budget)
    if found.count("undefined") == others:
        return (
            f"With {many(curves.n_draws, 'draw')} it cannot be told whether the others are worse."
        )
    if worse == others:
        return f"{IT.capitalize()} is better than each of the {others} others on the same draws."
    text = f"Not distinguishable from {IT} on the same draws: {_listed([p.short for p in alike])}"
    if not alike:
        text = f"Of {IT} and {many(found.count('undefined'), 'other')} nothing can be told"
    return f"{text}; {_rest(worse)}."


def _rest(n_worse: int) -> str:
    if n_worse == 0:
        return "nothing that was tried is known to be worse"
    return f"the {'other is' if n_worse == 1 else f'{n_worse} others are'} worse"


def _elsewhere(curves: Curves) -> list[str]:
    """The winners at the other budgets, neighbours with the same winner together."""
    place = curves.budgets.index(curves.middle)
    sentences = []
    for budgets in (curves.budgets[:place], curves.budgets[place + 1 :]):
        groups: list[tuple[Pair, list[int]]] = []
        for budget in budgets:
            winner = curves.winner(budget)
            if groups and groups[-1][0] == winner:
                groups[-1][1].append(budget)
            else:
                groups.append((winner, [budget]))
        said = [_group(curves, winner, members) for winner, members in groups]
        if said:
            sentences.append(f"With {'; with '.join(said)}.")
    return sentences


def _group(curves: Curves, winner: Pair, budgets: Sequence[int]) -> str:
    same = winner == curves.winner(curves.middle)
    named = f"as with {curves.middle:,}" if same else winner.words
    first, last = budgets[0], budgets[-1]
    accuracy = show(curves.reported(winner, first))
    if first == last:
        return f"{first:,} {curves.unit}, {named}: {accuracy}"
    return (
        f"{first:,} to {last:,} {curves.unit}, {named}: {accuracy} at {first:,}, "
        f"{show(curves.reported(winner, last))} at {last:,}"
    )


def _more(curves: Curves) -> str:
    gain = curves.gain(curves.middle)
    if gain is None:
        return ""
    following = curves.budgets[curves.budgets.index(curves.middle) + 1]
    step = f"Going from {curves.middle:,} to {following:,} {curves.unit}"
    it = curves.winner(curves.middle).short if curves.those("better", curves.middle) else IT
    return {
        "higher": f"{step} brings {it} {show(gain, sign=True)}.",
        "lower": f"{step} costs {it} accuracy: {show(gain)}.",
        "not distinguishable": f"{step} brings {it} nothing that can be told from zero: "
        f"{show(gain, sign=True)}.",
    }.get(decide(gain), f"{step} changes the accuracy of {it} by {show(gain, sign=True)}.")


def _moved_by(curves: Curves) -> str:
    """What the accuracy hangs on."""
    parts = curves.reporting_of(curves.winner(curves.middle), curves.middle).parts
    if not parts.shares:
        return ""
    return f"Of its accuracy at {curves.middle:,} {curves.unit}: {_lower(parts.words())}"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _oracle(curves: Curves) -> str:
    said = [
        f"{pair.codes} {show(curves.reported(pair, curves.budgets[-1]))}, which is "
        f"{show(curves.behind(pair), sign=True)} against {curves.middle:,} {curves.unit}"
        for pair in curves.oracles
        if pair.using.oracle
    ]
    return f"For comparison, with all labels: {_listed(said)}." if said else ""


def _confidence(curves: Curves) -> str:
    winner, budget = curves.winner(curves.middle), curves.middle
    error = curves.calibration_error(winner, budget)
    if error.value is None:
        return ""
    at = f"At {budget:,} {curves.unit}"
    points = error.scaled(100, POINTS)
    text = f"{at} its confidence differs from its accuracy by {show(points)} on average"
    scaled = curves.calibration_error(winner, budget, with_temperature=True)
    if scaled.value is not None:
        points = scaled.scaled(100, POINTS)
        text += f", and by {show(points)} with a temperature fitted within the labels"
    return f"{text}."


def counted(curves: Curves, budget: int) -> str:
    return f"{budget:,} label{'s' * (budget != 1)} {curves.unit}"


def _listed(names: Sequence[str]) -> str:
    """
    >>> _listed(["a", "b", "c"]), _listed(["a", "b", "c", "d", "e"])
    ('a, b and c', 'a, b, c and 2 more')
    """
    if len(names) > NAMED:
        return f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
