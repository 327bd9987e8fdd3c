"""What is said about generated images, from the numbers alone."""

import math
from collections.abc import Mapping, Sequence

from tacit.measures.formatting import show, significant
from tacit.measures.intervals import decide
from tacit.measures.number import Number
from tacit.questions.shared.sample_quality import on_features
from tacit.questions.verdicts import Said, Verdict

Numbers = Mapping[str, Number]


def headline(numbers: Numbers, networks: Sequence[str]) -> Said:
    """Whether samples pass for images."""
    key = f"{networks[0]}.samples"
    p = numbers[f"{networks[0]}.p"].value
    gap = numbers[f"{networks[0]}.samples-minus-drawn-codes"]
    if p is None:
        return Said(Verdict.CANNOT_TELL, "How near samples come to images is undefined.")
    label = "kernel distance of samples to test images; 0 where they are alike"
    if p >= 0.05:
        text = "By this test, samples cannot be told from images: they may pass for some."
        return Said(Verdict.CANNOT_TELL, text, key, label)
    part = (
        "and drawing from the prior is a part of it"
        if decide(gap) == "higher"
        else "and the prior is not shown to be the reason"
    )
    return Said(Verdict.NO, f"Samples can be told from images, {part}.", key, label)


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
    kl, least = numbers["codes.kl"], numbers["codes.mutual-information"]
    rest, n = numbers["codes.aggregate-kl"], round(math.exp(_value(numbers, "codes.ln-n")))
    most = significant(_value(numbers, "codes.mutual-information-high"), 3)
    null = _value(numbers, "codes.aggregate-kl-null")
    if _value(numbers, "codes.aggregate-kl-beyond-null") <= 0:
        return (
            f"An image's code differs from N(0, I) by {show(kl)}, of which at least {show(least)} "
            f"and at most {most} nats tell images apart. Whether all codes together differ from "
            f"N(0, I) cannot be told by the {show(rest)} that may be left: {n:,} codes that "
            f"together are exactly N(0, I) leave up to {significant(null, 3)} nats as well."
            + _of_mmd(numbers, seen=False)
        )
    single = _value(numbers, "codes.aggregate-kl-one-dimension-each")
    where = (
        "much of it in single dimensions"
        if single > 0.5 * (_value(numbers, "codes.aggregate-kl") - null)
        else "in how dimensions depend on each other rather than in single dimensions"
    )
    fewest = significant(_value(numbers, "codes.aggregate-kl-low"), 3)
    return (
        f"Of the {show(kl)} by which an image's code differs from N(0, I), at least {show(least)} "
        f"and at most {most} nats tell images apart. All codes together differ from N(0, I), by at "
        f"least {fewest} nats and at most {show(rest)}, where {n:,} codes that together are "
        f"exactly N(0, I) leave up to {significant(null, 3)} nats: {where} "
        f"({significant(single, 2)} nats one dimension at a time)." + _of_mmd(numbers, seen=True)
    )


def _of_mmd(numbers: Numbers, *, seen: bool) -> str:
    """What the MMD of the same codes says of that, so that a page does not contradict itself."""
    mmd, null = numbers["codes.mmd"].value, numbers["codes.mmd-null"].value
    if mmd is None or null is None:
        return ""
    values = f"{significant(mmd, 2)}; 97.5 % of its null is {significant(null, 2)}"
    if mmd > null:
        return f" Their MMD {'says so too' if seen else 'does tell that they differ'} ({values})."
    return f" Their MMD does not tell them from N(0, I){' ' if seen else ' either '}({values})."


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
