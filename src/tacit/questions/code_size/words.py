"""Which code is enough, in words."""

from collections.abc import Mapping

from tacit.measures.formatting import show, significant
from tacit.measures.intervals import decide
from tacit.measures.number import Number
from tacit.questions.code_size.numbers import WAYS, Sizes
from tacit.questions.shared.wider import magnitude


def words(sizes: Sizes, numbers: Mapping[str, Number]) -> str:
    """The answer: what is enough, what less would cost and more would bring, what is used."""
    sentences = [_enough(sizes, numbers), _smaller(sizes), _more(sizes), _used(sizes)]
    sentences += [_classes(sizes, way) for way in sizes.ways[:1]]
    return " ".join(sentence for sentence in sentences if sentence)


def _enough(sizes: Sizes, numbers: Mapping[str, Number]) -> str:
    code, unit = sizes.code(sizes.chosen), f" {sizes.unit}" if sizes.unit else ""
    allowed = f"{significant(sizes.allowed, 2)}{unit}"
    average = show(numbers[f"{sizes.chosen}.{sizes.column}"])
    if sizes.chosen == sizes.best:
        if sizes.chosen == sizes.by_size[0]:
            return (
                f"The smallest code tried, {code}, is also the best, with a test "
                f"{sizes.objective} of {average}: smaller ones may do as well."
            )
        return (
            f"A code of {code} is the best of those tried, with a test {sizes.objective} of "
            f"{average}, and no smaller one comes within the {allowed} that may be lost."
        )
    short = numbers[f"{sizes.chosen}.shortfall"]
    verdict = {
        "higher": f"falls short of that of {sizes.code(sizes.best)}, the best, by "
        f"{magnitude(short)}",
        "lower": f"is on these images even better than that of {sizes.code(sizes.best)}, the best "
        f"where sizes were chosen, by {magnitude(short)}",
    }.get(
        decide(short),
        f"is not distinguishable from that of {sizes.code(sizes.best)}, the best (shortfall "
        f"{show(short, sign=True)})",
    )
    return (
        f"A code of {code} is enough: its test {sizes.objective}, {average}, {verdict}, where "
        f"{allowed} may be lost."
    )


def _smaller(sizes: Sizes) -> str:
    if sizes.smaller is None:
        if sizes.chosen == sizes.best:
            return ""
        return "It is the smallest that was tried; smaller ones may be enough as well."
    cost = sizes.shortfall(sizes.smaller, sizes.chosen, sizes.reporting)
    code = sizes.code(sizes.smaller)
    return {
        "higher": f"With {code} it would be worse by {magnitude(cost)}.",
        "lower": f"With {code} it would on these images be better by {magnitude(cost)}.",
    }.get(decide(cost), f"With {code} it would be worse by {show(cost)}.")


def _more(sizes: Sizes) -> str:
    """What the largest code brings, and whether a still larger one may bring more."""
    largest = sizes.code(sizes.largest)
    if sizes.largest == sizes.chosen:
        return f"It is the largest that was tried: more than {largest} may bring more."
    gain = sizes.shortfall(sizes.chosen, sizes.largest, sizes.reporting)
    text = {
        "higher": f"With {largest} one would gain {magnitude(gain)}",
        "lower": f"With {largest} one would lose {magnitude(gain)}",
    }.get(
        decide(gain),
        f"Whether {largest} would bring anything is not distinguishable ({show(gain, sign=True)})",
    )
    last = sizes.shortfall(sizes.by_size[-2], sizes.largest, sizes.reporting)
    rising = sizes.by_size[-2] != sizes.chosen and decide(last) == "higher"
    return f"{text}{'; the curve still rises there' if rising else ''}."


def _used(sizes: Sizes) -> str:
    counts = [
        (f"{sizes.used(run).value or 0:.3g}", sizes.code(run))
        for run in dict.fromkeys((sizes.chosen, sizes.largest))
    ]
    if sizes.is_vae:
        said = " and ".join(f"{used} of {code}" for used, code in counts)
        return f"The VAE uses {said} dimensions."
    said = " and ".join(f"{used} directions of a code of {code}" for used, code in counts)
    return f"99 % of the variance lies in {said}."


def _classes(sizes: Sizes, way: str) -> str:
    """Whether the code that tells classes best is another one."""
    top = max(sizes.by_size, key=lambda run: sizes.told(run, way).mean())
    text = (
        f"A {WAYS[way]} tells {show(sizes.accuracy(sizes.chosen, way))} of test images' classes "
        f"from codes of {sizes.code(sizes.chosen)}"
    )
    if top == sizes.chosen:
        return f"{text}, and no fewer than from any other size."
    difference = sizes.accuracy_difference(top, sizes.chosen, way)
    distinct = "" if difference.excludes_zero else ", which is not distinguishable"
    return (
        f"{text}; from codes of {sizes.code(top)}, the best for this, "
        f"{show(difference, sign=True)}{distinct}."
    )
