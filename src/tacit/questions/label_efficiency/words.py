"""Which representation for how many labels, in words."""

from collections.abc import Sequence

from tacit.measures.formatting import show
from tacit.measures.intervals import decide
from tacit.measures.number import Number
from tacit.questions.label_efficiency.numbers import POINTS, Curves
from tacit.questions.shared.pairs import Pair

IT = "the one recommended"
NAMED = 3
"""At most so many pairs that are not distinguishable from the winner are named."""


def words(curves: Curves) -> str:
    """The answer: what to use at the middle budget, at the others, and what more would bring."""
    sentences = [
        _use(curves),
        _others(curves),
        *_elsewhere(curves),
        _more(curves),
        _confidence(curves),
        _oracle(curves),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _use(curves: Curves) -> str:
    budget = curves.middle
    winner, base = curves.winner(budget), curves.baseline
    accuracy = show(curves.reported(winner, budget))
    better = _better(curves)
    if better:
        return (
            f"With {_count(curves, budget)} the draws disagree: {winner.words} was the best of "
            f"those that chose and has {accuracy} on the others, where "
            f"{_listed([p.short for p in better])} did better."
        )
    text = f"With {_count(curves, budget)} use {winner.words}: {accuracy}"
    savings = curves.savings(budget)
    if savings is None or base is None:
        return text + _never_beaten(curves) + "."
    if savings.factor == 0:
        text += f"; {base.words} does as well with {savings.words()} as many labels"
    elif savings.censored and curves.budgets[-1] == budget:
        text += f"; {base.words} does not reach it with any number of labels tried"
    else:
        text += f"; {base.words} needs {savings.words()} as many labels to match it"
    return text + _at_the_end(curves, winner, base) + "."


def _never_beaten(curves: Curves) -> str:
    return "" if curves.baseline is None else ", for which no representation was needed"


def _at_the_end(curves: Curves, winner: Pair, base: Pair) -> str:
    """How the two compare at the largest budget, where that is another one."""
    last = curves.budgets[-1]
    if last == curves.middle:
        return ""
    best = curves.winner(last)
    at = f"; at {last:,} {curves.unit}"
    if best == base:
        verdict = curves.comparisons(last)[winner.name].verdict
        said = {"higher": f"{base.words} is ahead", "lower": f"{base.words} is behind"}
        return f"{at} {said.get(verdict, 'the two are not distinguishable')}"
    if best == winner:
        verdict = curves.comparisons(last)[base.name].verdict
        said = {"higher": "it is still behind", "lower": "it is ahead"}
        return f"{at} {said.get(verdict, 'the two are not distinguishable')}"
    return ""


def _others(curves: Curves) -> str:
    """Whether the winner stands out among the other candidates."""
    budget = curves.middle
    found = curves.comparisons(budget)
    if not found:
        return ""
    if all(c.verdict == "undefined" for c in found.values()):
        return (
            f"With {curves.n_draws} draws, of which {len(curves.reporting)} may be reported, it "
            "cannot be told whether the others are worse."
        )
    alike = curves.alike(budget)
    if _better(curves):
        return ""
    if not alike:
        return (
            f"{IT.capitalize()} is better than each of the {len(found)} others on the same draws."
        )
    return (
        f"Not distinguishable from {IT} on the same draws: {_listed([p.short for p in alike])}; "
        f"{_rest(len(found) - len(alike))}."
    )


def _better(curves: Curves) -> list[Pair]:
    """Candidates that beat the winner on the draws that did not choose."""
    found = curves.comparisons(curves.middle)
    return [p for p in curves.candidates if p.name in found and found[p.name].verdict == "lower"]


def _rest(n_worse: int) -> str:
    if n_worse == 0:
        return "nothing that was tried is worse with certainty"
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
    it = curves.winner(curves.middle).short if _better(curves) else IT
    return {
        "higher": f"{step} brings {it} {show(gain, sign=True)}.",
        "lower": f"{step} costs {it} accuracy: {show(gain)}.",
        "not distinguishable": f"{step} brings {it} nothing that can be told from zero: "
        f"{show(gain, sign=True)}.",
    }.get(decide(gain), f"{step} changes the accuracy of {it} by {show(gain, sign=True)}.")


def _oracle(curves: Curves) -> str:
    said = [
        f"{pair.codes} {show(_plain(curves.reported(pair, curves.budgets[-1])))}"
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
    text = (
        f"{at} its confidence differs from its accuracy by {show(in_points(error))} on average, "
        "what chance makes of so many images taken off"
    )
    scaled = curves.calibration_error(winner, budget, "-with-temperature")
    if scaled.value is not None:
        text += f", and by {show(in_points(scaled))} with a temperature fitted within the labels"
    return f"{text}."


def in_points(error: Number) -> Number:
    """A difference of shares in percentage points."""
    value, low, high = (
        None if end is None else 100 * end for end in (error.value, error.low, error.high)
    )
    return Number(value, low, high, error.n, POINTS, error.interval)


def _plain(number: Number) -> Number:
    """A number that does not depend on the draws, without the reason for having no interval."""
    if number.low is None and number.value is not None:
        return Number(number.value, n=number.n, unit=number.unit)
    return number


def _count(curves: Curves, budget: int) -> str:
    return f"{budget:,} label{'s' * (budget != 1)} {curves.unit}"


def _listed(names: Sequence[str]) -> str:
    """
    >>> _listed(["a", "b", "c"]), _listed(["a", "b", "c", "d", "e"])
    ('a, b and c', 'a, b, c and 2 more')
    """
    if len(names) > NAMED:
        return f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
