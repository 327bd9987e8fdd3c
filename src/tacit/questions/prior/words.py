"""What is said about the prior of optimised codes, from the numbers alone."""

from collections.abc import Iterator, Mapping, Sequence

from tacit.measures.formatting import percent, show, significant
from tacit.measures.intervals import decide
from tacit.measures.number import Number
from tacit.questions.prior.numbers import CODES_FITTED, DRAWN, MIXTURE, PRIOR, Found
from tacit.questions.shared.sample_quality import (
    agreement,
    no_better_than_one_class,
    on_features,
)
from tacit.questions.shared.words import listed
from tacit.questions.verdicts import Said, Verdict, had_not

Numbers = Mapping[str, Number]


def decided_by(compared: Found) -> str:
    return (
        "What the prior costs is the kernel distance to test images of samples from N(0, I) minus "
        "that of what the same model decodes from its training images' own codes, so that a "
        "blurred decoder is not held against the prior. N(0, I) works less well for optimised "
        "codes where the interval of their cost minus the amortised VAE's lies above zero; where "
        "only the samples' own distance does, the decoder is the reason. A fit repairs samples "
        "where it lowers their distance, and wholly where what is left above own codes is not "
        "distinguishable from zero. The initialisation is to blame for as much as the cost (or "
        "else the distance) falls when codes start near zero instead; all on "
        f"{on_features(compared.quality.networks[0])}."
    )


def headline(compared: Found) -> Said:
    """Whether samples from the prior still work, by the first of the per-image runs."""
    main = compared.per_image[0]
    found = prior_verdict(compared)
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
    left = had_not(compared.left) if main not in compared.left else ""
    verdict = {"worse": Verdict.NO, "better": Verdict.YES}.get(found, Verdict.CANNOT_TELL)
    return Said(
        verdict,
        f"{text}{left}.",
        f"{main}.prior-cost-minus-{compared.asked.amortized}",
        f"cost of sampling from the prior: {main} minus an encoder's",
        (compared.asked.amortized, main),
    )


def prior_verdict(compared: Found) -> str:
    """By cost, and by the samples themselves, of the first per-image run: "worse", "better",
    "not the prior" (samples are worse, the cost is no higher), "open" or "undecided"."""
    main, amortized, numbers = compared.per_image[0], compared.asked.amortized, compared.numbers
    cost = decide(numbers[f"{main}.prior-cost-minus-{amortized}"])
    samples = decide(numbers[f"{main}.samples-minus-{amortized}"])
    if "undefined" in (cost, samples):
        return "undecided"
    if cost == "higher":
        return "worse"
    if samples == "higher":
        return "not the prior"
    return "better" if cost == "lower" else "open"


def sentences(compared: Found) -> Iterator[str]:
    """The fit, the initialisation, and whether the other features agree."""
    difference = compared.numbers[
        f"{compared.per_image[0]}.prior-cost-minus-{compared.asked.amortized}"
    ]
    if difference.value is None:
        yield f"Whether N(0, I) still works for optimised codes is {difference.interval}."
        return
    yield _of_fit(compared)
    yield _of_start(compared)
    yield _of_features(compared)


def fit_verdict(numbers: Numbers, run: str) -> str:
    """What a mixture fitted to a run's codes does, as a verb with its object to come."""
    if decide(numbers[f"{run}.prior-cost"]) != "higher":
        return "has nothing to repair in the samples of"
    part = decide(numbers[f"{run}.left-by-mixture"]) == "higher"
    return {
        "higher": f"repairs {'in part' if part else 'wholly, as far as can be told,'} those of",
        "lower": "makes worse those of",
        "not distinguishable": "changes nothing that can be told in those of",
        "undefined": "has an undecided effect on those of",
    }[decide(numbers[f"{run}.repaired-by-mixture"])]


def _of_fit(compared: Found) -> str:
    groups: dict[str, list[str]] = {}
    for run in compared.models:
        groups.setdefault(fit_verdict(compared.numbers, run), []).append(f"'{run}'")
    said = "; it ".join(f"{outcome} {listed(runs)}" for outcome, runs in groups.items())
    return f"A Gaussian mixture fitted to the codes afterwards {said}."


def _of_start(compared: Found) -> str:
    if not compared.other_starts:
        return "Whether the initialisation matters is not known: no run starts from another spread."
    (wide, narrow), numbers = compared.other_starts[0], compared.numbers
    # Blame is sought for what is worse: the prior's cost, or else the samples themselves.
    judged = "samples" if prior_verdict(compared) == "not the prior" else "prior-cost"
    difference = numbers[f"{wide}.{judged}-minus-{narrow}"]
    worse, rest = (
        decide(numbers[f"{run}.{judged}-minus-{compared.asked.amortized}"]) == "higher"
        for run in (wide, narrow)
    )
    blamed = f"The initialisation was to blame{', in part' if rest else ''}"
    nothing = "There is nothing to blame on the initialisation"
    verdict = {
        "higher": blamed if worse else "The initialisation does add to the cost",
        "lower": "The initialisation was not to blame, rather the reverse",
        "not distinguishable": "That the initialisation was to blame cannot be told"
        if worse
        else nothing,
        "undefined": "Whether the initialisation was to blame is not decided",
    }[decide(difference)]
    what = "the distance of samples" if judged == "samples" else "the cost"
    began, instead = (significant(compared.start(run).mean_std, 2) for run in (wide, narrow))
    still = percent(numbers[f"{wide}.share-of-start"].value or 0.0)
    return (
        f"{verdict}: codes started at sd {instead} in place of {began} change {what} by "
        f"{show(-difference, sign=True)}. In '{wide}', {still} of the variance of codes is still "
        "their random start's."
    )


def _of_features(compared: Found) -> str:
    """Verdicts on the other features, where they differ."""
    if len(compared.quality.networks) == 1:
        return ""
    main, amortized = compared.per_image[0], compared.asked.amortized
    networks = compared.quality.networks
    asked: dict[str, Sequence[Number]] = {
        f"on the prior of '{main}'": [
            compared.cost_difference(n, main, amortized) for n in networks
        ],
        "on the fit": [compared.difference(n, main, PRIOR, MIXTURE) for n in networks],
        "on what the fit leaves": [compared.difference(n, main, MIXTURE, DRAWN) for n in networks],
    }
    apart = [
        f"{what} ({show(pair[1], sign=True)})"
        for what, pair in asked.items()
        if agreement(pair) != "agree"
    ]
    name = on_features(networks[1]).capitalize()
    return f"{name} say otherwise {listed(apart)}." if apart else f"{name} agree."


def caveats(compared: Found) -> Iterator[str]:
    yield no_better_than_one_class(compared.quality)
    yield "All pictures are decoded means, not noisy draws of p(x | z)."
    yield (
        "A VAE's own codes are one draw of q(z | x) for each training image, as the decoder saw "
        "them while it learned, and not posterior means, which in many dimensions can lie where no "
        "draw does; reconstructions are from the means. The Gaussian and the mixture (of "
        f"{compared.asked.components} Gaussians with full covariances) are fitted to such codes of "
        f"at most {CODES_FITTED:,} training images, after training. With few codes to a component "
        "a mixture stays near these codes."
    )
    yield (
        "Costs are differences, since a ratio to a floor near zero says nothing. They do not "
        "compare between features."
    )
    yield (
        "A per-image VAE whose codes hardly moved has codes like its initialisation, N(0, I), for "
        "no merit of the prior; the share of the codes' variance that is still that of their start "
        "says how far this goes."
    )
    yield (
        "The KL of all codes together is an upper bound. Beside it stands what as many codes of "
        "the same variances leave that together are exactly N(0, I): no more than that is no "
        "distance."
    )
