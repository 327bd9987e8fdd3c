"""What is said about generated images, from the numbers alone."""

from collections.abc import Mapping, Sequence

from tacit.measures.formatting import show, significant
from tacit.measures.intervals import decide
from tacit.measures.number import Number
from tacit.questions.shared.sample_quality import on_features

NEAR_CEILING = 0.5
"""Nats below ln N from which on an estimate of mutual information says nothing but ln N."""

Numbers = Mapping[str, Number]


def words(numbers: Numbers, networks: Sequence[str]) -> str:
    """Can samples be told from images, is it the prior's doing, are they copies, and the codes."""
    return " ".join(
        sentence
        for sentence in (
            _of_samples(numbers, networks),
            _of_nearest(numbers["nearest.samples-minus-test-images"]),
            _of_codes(numbers),
            _of_units(numbers),
        )
        if sentence
    )


def agreement(numbers: Sequence[Number]) -> str:
    """Whether verdicts on two networks agree, as a verb."""
    return "agree" if len({decide(number) for number in numbers}) == 1 else "do not agree"


def _of_samples(numbers: Numbers, networks: Sequence[str]) -> str:
    network = networks[0]
    p, gap = numbers[f"{network}.p"], numbers[f"{network}.samples-minus-drawn-codes"]
    if p.value is None or gap.value is None:
        return f"How near samples come to images is {gap.interval}."
    cost = {
        "higher": f"drawing codes from N(0, I) instead costs {show(gap)}",
        "lower": f"samples from N(0, I) come nearer to images ({show(gap)})",
        "not distinguishable": (
            "what drawing codes from N(0, I) instead costs is not distinguishable from nothing "
            f"({show(gap, sign=True)})"
        ),
        "undefined": f"the samples' distance less that of drawn codes is {show(gap)}",
    }[decide(gap)]
    text = (
        f"Samples {'can' if p.value < 0.05 else 'cannot'} be told from test images "
        f"(permutation test, p = {significant(p.value, 1)}). "
        f"On {on_features(network)} their kernel distance to test images is "
        f"{show(numbers[f'{network}.samples'])}, that of codes drawn from training images' own "
        f"posteriors {show(numbers[f'{network}.drawn-codes'])} (of reconstructions, from their "
        f"means, {show(numbers[f'{network}.reconstructions'])}) and that of training images "
        f"themselves {show(numbers[f'{network}.training-images'])}: {cost}."
    )
    for other in networks[1:]:
        beside = numbers[f"{other}.samples-minus-drawn-codes"]
        text += (
            f" {on_features(other).capitalize()} {agreement([gap, beside])} "
            f"({show(beside, sign=True)})."
        )
    return text


def _of_nearest(number: Number) -> str:
    verdict = decide(number)
    if verdict == "higher":
        return (
            f"They are no copies: samples lie {show(number)} farther from their nearest training "
            "image than test images do."
        )
    if verdict == "lower":
        return (
            "Samples lie nearer to their nearest training image than test images do "
            f"({show(number)}), as smooth pictures may; the grid shows whether they are copies."
        )
    return ""


def _of_codes(numbers: Numbers) -> str:
    kl, shared = numbers["codes.kl"], numbers["codes.mutual-information"]
    rest, ceiling = numbers["codes.aggregate-kl"], _value(numbers, "codes.ln-n")
    limit = f"ln N = {significant(ceiling, 3)}"
    if _value(numbers, "codes.mutual-information") > ceiling - NEAR_CEILING:
        return (
            f"An image's code differs from N(0, I) by {show(kl)}. Mutual information of code and "
            f"image is estimated at {show(shared)}, which is no more than the limit of such an "
            f"estimate ({limit}), so the {show(rest)} that are left are the most by which all "
            "codes together differ from N(0, I)."
        )
    single = _value(numbers, "codes.aggregate-kl-one-dimension-each")
    seen = single > 0.5 * _value(numbers, "codes.aggregate-kl")
    where = (
        "most of which shows in single dimensions"
        if seen
        else "which lies in how dimensions depend on each other rather than in single dimensions"
    )
    return (
        f"Of the {show(kl)} by which an image's code differs from N(0, I), {show(shared)} tell "
        f"images apart ({limit} at most), and {show(rest)} are the distance of all codes "
        f"together from N(0, I), {where} ({significant(single, 2)} nats one dimension at a time)."
    )


def _of_units(numbers: Numbers) -> str:
    if numbers["codes.active-units"].value is None:
        return f"How many units are active is {show(numbers['codes.active-units'])}."
    active = _value(numbers, "codes.active-units")
    start = _value(numbers, "codes.active-units-at-start")
    return (
        f"{significant(active, 3)} units are active; at the initialisation "
        f"{significant(start, 3)} were."
    )


def _value(numbers: Numbers, name: str) -> float:
    value = numbers[name].value
    if value is None:
        raise ValueError(f"number '{name}' has no value: {numbers[name].interval}")
    return value
