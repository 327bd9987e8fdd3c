"""What is said about the prior of optimised codes, from the numbers alone."""

from collections.abc import Mapping, Sequence

from tacit.measures.formatting import percent, show, significant
from tacit.measures.intervals import decide
from tacit.measures.number import Number
from tacit.questions.generation.words import agreement
from tacit.questions.prior.numbers import DRAWN, MIXTURE, PRIOR, Compared
from tacit.questions.shared.sample_quality import on_features
from tacit.questions.shared.words import listed
from tacit.questions.verdicts import Said, Verdict, had_not

Numbers = Mapping[str, Number]
NOTHING = "has nothing to repair in the samples of"
WHOLLY = "repairs, as far as can be told wholly, the samples of"


def headline(compared: Compared, numbers: Numbers, unfinished: Sequence[str] = ()) -> Said:
    """Whether samples from the prior still work, by the first of the per-image runs."""
    main = compared.per_image[0]
    found = prior_verdict(compared, numbers)
    text = {
        "worse": "The standard normal prior works less well for optimised codes than for an "
        "encoder's",
        "better": "Sampling from the standard normal prior costs optimised codes less than an "
        "encoder's",
        "not the prior": "Samples of optimised codes are worse, but the prior is not shown to be "
        "the reason",
        "open": "That the prior works less well for optimised codes cannot be told",
        "undecided": "Whether the prior still works for optimised codes is not decided",
    }[found]
    left = had_not(unfinished) if main not in unfinished else ""
    verdict = {"worse": Verdict.NO, "better": Verdict.YES}.get(found, Verdict.CANNOT_TELL)
    return Said(
        verdict,
        f"{text}{left}.",
        f"{main}.prior-cost-minus-{compared.amortized}",
        f"cost of sampling from the prior: {main} minus an encoder's",
        (compared.amortized, main),
    )


def words(compared: Compared, numbers: Numbers) -> str:
    """The prior, the fit, the initialisation, and whether the other features agree."""
    main = compared.per_image[0]
    difference = numbers[f"{main}.prior-cost-minus-{compared.amortized}"]
    if difference.value is None:
        return f"Whether N(0, I) still works for optimised codes is {difference.interval}."
    return " ".join(
        sentence
        for sentence in (
            _of_prior(compared, numbers),
            _of_others(compared, numbers),
            _of_fit(compared, numbers),
            _of_start(compared, numbers),
            _of_features(compared),
        )
        if sentence
    )


def prior_verdict(compared: Compared, numbers: Numbers) -> str:
    """By cost, and by the samples themselves, of the first per-image run: "worse", "better",
    "not the prior" (samples are worse, the cost is no higher), "open" or "undecided"."""
    main, amortized = compared.per_image[0], compared.amortized
    cost = decide(numbers[f"{main}.prior-cost-minus-{amortized}"])
    samples = decide(numbers[f"{main}.samples-minus-{amortized}"])
    if "undefined" in (cost, samples):
        return "undecided"
    if cost == "higher":
        return "worse"
    if samples == "higher":
        return "not the prior"
    return "better" if cost == "lower" else "open"


def _of_prior(compared: Compared, numbers: Numbers) -> str:
    main, amortized = compared.per_image[0], compared.amortized
    verdict = prior_verdict(compared, numbers)
    said = {
        "worse": "N(0, I) works less well for optimised codes than for an encoder's",
        "better": "N(0, I) works better for optimised codes than for an encoder's",
        "not the prior": (
            "Samples of optimised codes are worse than those of an encoder's, but N(0, I) is not "
            "the reason"
        ),
        "open": (
            "That N(0, I) works less well for optimised codes than for an encoder's cannot be told"
        ),
        "undecided": "Whether N(0, I) works less well for optimised codes is not decided",
    }[verdict]
    cost, usual = numbers[f"{main}.prior-cost"], numbers[f"{amortized}.prior-cost"]
    text = (
        f"{said}: what its samples cost, their distance from test images beyond that of "
        f"training images' own codes decoded, is {show(cost)} for '{main}' and {show(usual)} for "
        f"'{amortized}', a difference of "
        f"{show(numbers[f'{main}.prior-cost-minus-{amortized}'], sign=True)}."
    )
    if verdict == "not the prior":
        text += (
            f" The samples of '{main}' are farther from images "
            f"({show(numbers[f'{main}.samples-minus-{amortized}'], sign=True)}) because what "
            "it decodes from its own codes is; where a decoder makes little of any code, a low "
            "cost is no merit of the prior."
        )
    return text


def _of_others(compared: Compared, numbers: Numbers) -> str:
    named = {
        "higher": "costs more",
        "lower": "costs less",
        "not distinguishable": "no distinguishable difference",
        "undefined": "undecided",
    }
    parts = [
        f"'{run}' ({_start(compared, run)}) {named[decide(number)]}, {show(number, sign=True)}"
        for run in compared.per_image[1:]
        if (number := numbers[f"{run}.prior-cost-minus-{compared.amortized}"])
    ]
    return f"Of the others, against '{compared.amortized}': {'; '.join(parts)}." if parts else ""


def _start(compared: Compared, run: str) -> str:
    updates = compared.setting(run, "updates")
    spread = significant(compared.setting(run, "mean-std"), 2)
    return f"{updates:g} update{'s' if updates > 1 else ''} a visit, means started at sd {spread}"


def _of_fit(compared: Compared, numbers: Numbers) -> str:
    groups: dict[str, list[str]] = {}
    for run in compared.models:
        repaired, left = numbers[f"{run}.repaired-by-mixture"], numbers[f"{run}.left-by-mixture"]
        needed = decide(numbers[f"{run}.prior-cost"]) == "higher"
        outcome = (
            NOTHING
            if not needed
            else {
                "higher": "repairs in part the samples of" if decide(left) == "higher" else WHOLLY,
                "lower": "makes worse the samples of",
                "not distinguishable": "changes nothing that can be told for",
                "undefined": "has an undecided effect for",
            }[decide(repaired)]
        )
        groups.setdefault(outcome, []).append(f"'{run}'")
    main = compared.per_image[0]
    said = "; it ".join(f"{outcome} {listed(runs)}" for outcome, runs in groups.items())
    falls = (
        f" (for '{main}' the distance falls by {show(numbers[f'{main}.repaired-by-mixture'])}, to "
        f"{show(numbers[f'{main}.left-by-mixture'], sign=True)} above own codes)"
    )
    shown = f"'{main}'" not in groups.get(NOTHING, [])
    return f"A Gaussian mixture fitted to the codes afterwards {said}{falls if shown else ''}."


def _of_start(compared: Compared, numbers: Numbers) -> str:
    if not compared.other_starts:
        return "Whether the initialisation matters is not known: no run starts from another spread."
    wide, narrow = compared.other_starts[0]
    # Blame is sought for what is worse: the prior's cost, or else the samples themselves.
    judged = "samples" if prior_verdict(compared, numbers) == "not the prior" else "prior-cost"
    difference = numbers[f"{wide}.{judged}-minus-{narrow}"]
    share = numbers[f"{wide}.share-of-start"].value
    sds = [significant(compared.setting(run, "mean-std"), 2) for run in (wide, narrow)]
    changed = (
        f"codes started at sd {sds[1]} in place of {sds[0]} change "
        f"{'the distance of samples' if judged == 'samples' else 'the cost'} by "
        f"{show(-difference, sign=True)}"
    )
    worse = decide(numbers[f"{wide}.{judged}-minus-{compared.amortized}"]) == "higher"
    rest = decide(numbers[f"{narrow}.{judged}-minus-{compared.amortized}"]) == "higher"
    verdict = {
        "higher": (
            f"The initialisation was to blame{', in part' if rest else ''}"
            if worse
            else "The initialisation does add to the cost"
        ),
        "lower": "The initialisation was not to blame, rather the reverse",
        "not distinguishable": (
            "That the initialisation was to blame cannot be told"
            if worse
            else "There is nothing to blame on the initialisation"
        ),
        "undefined": "Whether the initialisation was to blame is not decided",
    }[decide(difference)]
    sentence = f"{verdict}: {changed}."
    if share is not None:
        sentence += (
            f" In '{wide}', {percent(share)} of the variance of codes is still their random "
            "start's."
        )
    return sentence


def _of_features(compared: Compared) -> str:
    """Verdicts on the other features, where they differ."""
    if len(compared.networks) == 1:
        return ""
    main, amortized = compared.per_image[0], compared.amortized
    asked: dict[str, Sequence[Number]] = {
        f"on the prior of '{main}'": [
            compared.cost_difference(n, main, amortized) for n in compared.networks
        ],
        "on the fit": [compared.difference(n, main, PRIOR, MIXTURE) for n in compared.networks],
        "on what the fit leaves": [
            compared.difference(n, main, MIXTURE, DRAWN) for n in compared.networks
        ],
    }
    apart = [
        f"{what} ({show(pair[1], sign=True)})"
        for what, pair in asked.items()
        if agreement(pair) != "agree"
    ]
    name = on_features(compared.networks[1]).capitalize()
    return f"{name} say otherwise {listed(apart)}." if apart else f"{name} agree."
