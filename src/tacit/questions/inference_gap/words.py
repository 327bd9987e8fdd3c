"""The inference gap in words, and the rule that they follow."""

from tacit.evidence.refine import TOLERANCE
from tacit.measures.formatting import percent, show, significant
from tacit.measures.intervals import decide
from tacit.questions.inference_gap.numbers import OVER, PARTS, Gaps
from tacit.questions.shared.wider import magnitude

MOSTLY_CONVERGED = 0.95


def rule(gaps: Gaps) -> str:
    """How the numbers decide."""
    both = "over images and over seeds" if gaps.n_seeds > 1 else "over images"
    return (
        "One gap is called the larger where the 95 % interval of their difference on the same "
        f"images excludes zero {both}; training and test images, two samples, differ where the "
        "interval of the difference of their means does."
    )


def sentences(gaps: Gaps) -> str:
    """The answer in words."""
    split = gaps.split
    log_prob, refined, own = (
        gaps.average(split, column) for column in ("log_prob", "refined_elbo", "own_elbo")
    )
    approximation, amortisation = (gaps.average(split, part) for part in PARTS)
    whose = "the encoder's posterior" if gaps.amortized else "the posterior it learned for an image"
    least = "is" if gaps.exact else "is at least"
    said = [
        f"For {OVER[split]} log p(x) {least} {show(log_prob)} on average, and the bound by {whose} "
        f"{show(own)}.",
        f"A Gaussian posterior optimised for each image reaches {show(refined)}: "
        f"{show(approximation)} are lost to the family of posteriors (the approximation gap), and "
        f"{show(amortisation)} to {_loser(gaps)} (the amortisation gap).",
        _larger_said(gaps),
    ]
    said += [_splits_said(gaps, part) for part in PARTS if gaps.has("test", part)]
    if not gaps.exact:
        said.append(
            "log p(x) is itself a lower bound here, and so is the approximation gap, but for what "
            "the optimisation of posteriors missed."
        )
    flagged = gaps.share("flagged")
    said.append(
        "No value of log p(x) is flagged."
        if not flagged.value
        else f"{percent(flagged.value)} of {flagged.n} values of log p(x) are flagged as "
        "unreliable: more samples would raise them, and the approximation gap with them."
    )
    return " ".join(said)


def _loser(gaps: Gaps) -> str:
    return "the encoder" if gaps.amortized else "codes that are not at their best"


def _larger_said(gaps: Gaps) -> str:
    difference = gaps.larger()
    verdict = decide(difference)
    if verdict == "undefined":
        return f"Which is the larger: {show(difference)}."
    if verdict == "not distinguishable":
        return f"Which is the larger is not distinguishable, {show(difference, sign=True)}."
    larger = PARTS[1] if verdict == "higher" else PARTS[0]
    return f"The {larger} gap is the larger by {magnitude(difference)}."


def _splits_said(gaps: Gaps, part: str) -> str:
    difference = gaps.train_minus_test(part)
    verdict = decide(difference)
    if verdict in ("undefined", "not distinguishable"):
        said = show(difference, sign=True)
        return f"Between training and test images the {part} gap is {verdict}, {said}."
    than = "larger" if verdict == "higher" else "smaller"
    return f"On training images the {part} gap is {than} than on test images by " + (
        f"{magnitude(difference)}."
    )


def caveats(gaps: Gaps) -> tuple[str, ...]:
    """What a reader must know."""
    said = [
        "What a refined posterior lacks of the best diagonal Gaussian is counted as approximation, "
        "and taken from amortisation: by slope and curvature of its bound, at most "
        f"{significant(gaps.missing, 2)} nats at the median."
    ]
    if not gaps.exact:
        said.append(
            "log p(x) comes from importance samples around the refined posterior; a mode of the "
            "true posterior far from it would be missed by both, and no flag would see it."
        )
    if not gaps.amortized:
        said.append(
            "This VAE has no encoder: it gives test images no posterior, so that they have no "
            "amortisation gap. Refinement starts at an image's own posterior on training images, "
            "and at the prior on test images."
        )
    converged = gaps.share("converged").value or 0.0
    if converged < MOSTLY_CONVERGED:
        said.append(
            f"Only {percent(converged)} of the refinements were found to lack at most "
            f"{TOLERANCE:g} nats; more steps would move nats of the others from approximation to "
            "amortisation."
        )
    if gaps.n_seeds == 1:
        said.append("One seed: every interval is given this one model.")
    return tuple(said)
