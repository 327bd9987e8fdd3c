"""The inference gap in words."""

from collections.abc import Iterator

from tacit.evidence.refine import TOLERANCE
from tacit.measures.formatting import brief, percent, show, significant
from tacit.questions.inference_gap.numbers import OVER, PARTS, Gaps
from tacit.questions.shared.words import flagged, verdict
from tacit.questions.verdicts import Said, Verdict, ruled

MOSTLY_CONVERGED = 0.95

DECIDED_BY = (
    "One gap is called the larger where the 95 % interval of their difference on the same images, "
    "over images and seeds together, excludes zero. Training and test images are two samples; they "
    "differ where the interval of the difference of their means excludes zero."
)


def headline(gaps: Gaps) -> Said:
    """Whether the encoder loses more than the family of posteriors."""
    larger = gaps.larger.mean()
    loser = "the encoder" if gaps.amortized else "codes that are not at their best"
    text = {
        Verdict.YES: f"Most is lost to {loser}: {brief(larger)} more than to Gaussian posteriors.",
        Verdict.NO: f"Most is lost to Gaussian posteriors: {brief(-larger)} more than to {loser}.",
        Verdict.CANNOT_TELL: f"Whether {loser} or Gaussian posteriors lose more cannot be told.",
    }
    found = ruled(larger)
    key, label = "amortisation-minus-approximation", "lost to the encoder, beyond the family"
    return Said(found, text[found], key, label)


def alerts(gaps: Gaps) -> tuple[str, ...]:
    """That many values of log p(x) are unreliable."""
    return flagged(gaps.share("flagged"))


def sentences(gaps: Gaps) -> Iterator[str]:
    """The answer: what is lost, to what, which is the larger, and whether training differs."""
    split = gaps.split
    log_prob, refined, own = (
        show(gaps.mean(split, column)) for column in ("log_prob", "refined_elbo", "own_elbo")
    )
    approximation, amortisation = (show(gaps.mean(split, part)) for part in PARTS)
    whose, loser = "the encoder's posterior", "the encoder"
    if not gaps.amortized:
        whose, loser = "the posterior it learned for an image", "codes that are not at their best"
    yield (
        f"For {OVER[split]} log p(x) {'is' if gaps.exact else 'is at least'} {log_prob} on "
        f"average, and the bound by {whose} {own}."
    )
    yield (
        f"A Gaussian posterior optimised for each image reaches {refined}: {approximation} are "
        f"lost to the family of posteriors (the approximation gap), and {amortisation} to {loser} "
        "(the amortisation gap)."
    )
    yield verdict(
        gaps.larger.mean(),
        higher="The amortisation gap is the larger by {}.",
        lower="The approximation gap is the larger by {}.",
        alike="Which is the larger is not distinguishable, {}.",
        undefined="Which is the larger: {}.",
    )
    for part in PARTS:
        if gaps.has("test", part):
            yield verdict(
                gaps.train_minus_test(part).mean(),
                higher=f"On training images the {part} gap is larger than on test images by {{}}.",
                lower=f"On training images the {part} gap is smaller than on test images by {{}}.",
                alike=f"Between training and test images the {part} gap is not distinguishable, "
                "{}.",
                undefined=f"Between training and test images the {part} gap is undefined, {{}}.",
            )
    if not gaps.exact:
        yield (
            "log p(x) is itself a lower bound here, and so is the approximation gap, but for what "
            "the optimisation of posteriors missed."
        )
    flagged = gaps.share("flagged")
    yield (
        "No value of log p(x) is flagged."
        if not flagged.value
        else f"{percent(flagged.value)} of {flagged.n} values of log p(x) are flagged as "
        "unreliable: more samples would raise them, and the approximation gap with them."
    )


def caveats(gaps: Gaps) -> Iterator[str]:
    """What a reader must know."""
    yield (
        "What a refined posterior lacks of the best diagonal Gaussian is counted as approximation, "
        "and taken from amortisation: by slope and curvature of its bound, at most "
        f"{significant(gaps.missing, 2)} nats at the median."
    )
    if not gaps.exact:
        yield (
            "log p(x) comes from importance samples around the refined posterior, and annealing "
            "from there; a mode of the true posterior far from it would be missed by all, and no "
            "flag would see it."
        )
    if not gaps.amortized:
        yield (
            "This VAE has no encoder: it gives test images no posterior, so that they have no "
            "amortisation gap. Refinement starts at an image's own posterior on training images, "
            "and at the prior on test images."
        )
    converged = gaps.share("converged").value or 0.0
    if converged < MOSTLY_CONVERGED:
        yield (
            f"Only {percent(converged)} of the refinements were found to lack at most "
            f"{TOLERANCE:g} nats; more steps would move nats of the others from approximation to "
            "amortisation."
        )
