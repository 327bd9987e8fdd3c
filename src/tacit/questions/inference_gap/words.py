"""The inference gap in words."""

from collections.abc import Iterator

from tacit.measures.formatting import brief, significant
from tacit.questions.inference_gap.numbers import PARTS, Found
from tacit.questions.shared.words import flagged, unconverged, verdict
from tacit.questions.verdicts import Said, Verdict, ruled

DECIDED_BY = (
    "One gap is called the larger where the 95 % interval of their difference on the same images, "
    "over images and seeds together, excludes zero. Training and test images are two samples; they "
    "differ where the interval of the difference of their means excludes zero."
)


def headline(gaps: Found) -> Said:
    """Whether the encoder loses more than the family of posteriors."""
    larger = gaps.larger.mean()
    loser = "the encoder" if gaps.first.amortized else "codes that are not at their best"
    text = {
        Verdict.YES: f"Most is lost to {loser}: {brief(larger)} more than to Gaussian posteriors.",
        Verdict.NO: f"Most is lost to Gaussian posteriors: {brief(-larger)} more than to {loser}.",
        Verdict.CANNOT_TELL: f"Whether {loser} or Gaussian posteriors lose more cannot be told.",
    }
    found = ruled(larger)
    key, label = "amortisation-minus-approximation", "lost to the encoder, beyond the family"
    return Said(found, text[found], key, label)


def alerts(gaps: Found) -> tuple[str, ...]:
    """That many values of log p(x) are unreliable."""
    return flagged(gaps.share("flagged"))


def sentences(gaps: Found) -> Iterator[str]:
    """Whether the gaps of training images differ from those of test images."""
    for part in PARTS:
        if gaps.has("test", part):
            yield verdict(
                gaps.train_minus_test(part).mean(),
                higher=f"On training images the {part} gap is larger than on test images by {{}}.",
                lower=f"On training images the {part} gap is smaller than on test images by {{}}.",
                alike=f"Between training and test images the {part} gap is not distinguishable, "
                "{}.",
            )


def caveats(gaps: Found) -> Iterator[str]:
    missing = gaps.missing.value
    at_most = "how much is not known"
    if missing is not None:
        at_most = f"at most {significant(missing, 2)} nats at the median"
    yield (
        "What a refined posterior lacks of the best diagonal Gaussian is counted as approximation, "
        f"and taken from amortisation: by slope and curvature of its bound, {at_most}."
    )
    if not gaps.first.exact:
        yield (
            "log p(x) is itself a lower bound here, by importance samples around the refined "
            "posterior and annealing from there, and so is the approximation gap; a mode of the "
            "true posterior far from it would be missed by all, and no flag would see it."
        )
    if not gaps.first.amortized:
        yield (
            "This VAE has no encoder: it gives test images no posterior, so that they have no "
            "amortisation gap. Refinement starts at an image's own posterior on training images, "
            "and at the prior on test images."
        )
    yield unconverged(
        gaps.share("converged").value or 0.0,
        "move nats of the others from approximation to amortisation",
    )
