"""What is said about generated images, from the numbers alone."""

from collections.abc import Iterator

from tacit.measures.formatting import show
from tacit.measures.intervals import decide
from tacit.questions.generation.numbers import Found
from tacit.questions.shared.sample_quality import (
    agreement,
    no_better_than_one_class,
    on_features,
)
from tacit.questions.shared.seeds import present
from tacit.questions.shared.words import verdict
from tacit.questions.verdicts import Said, Verdict


def decided_by(found: Found) -> str:
    return (
        "Samples differ from images where a permutation test of their kernel distance to test "
        "images says so (p < 0.05 for every seed). The prior is a part of the reason where the "
        "interval of the samples' distance minus that of drawn codes lies above zero, on "
        f"{on_features(found.quality.networks[0])}."
    )


def headline(found: Found) -> Said:
    """Whether samples pass for images."""
    numbers, networks, run = found.numbers, found.quality.networks, found.asked.run
    key, runs = f"{networks[0]}.samples", (run,)
    p = numbers[f"{networks[0]}.p"].value
    gap = numbers[f"{networks[0]}.samples-minus-drawn-codes"]
    if p is None:
        text = "How near samples come to images is undefined."
        return Said(Verdict.CANNOT_TELL, text, runs=runs)
    label = "kernel distance of samples to test images; 0 where they are alike"
    if p >= 0.05:
        text = "By this test, samples cannot be told from images: they may pass for some."
        return Said(Verdict.CANNOT_TELL, text, key, label, runs)
    part = (
        "and drawing from the prior is a part of it"
        if decide(gap) == "higher"
        else "and the prior is not shown to be the reason"
    )
    return Said(Verdict.NO, f"Samples can be told from images, {part}.", key, label, runs)


def sentences(found: Found) -> Iterator[str]:
    """What drawing from the prior costs, whether samples are copies, and the codes' distance."""
    numbers, networks = found.numbers, found.quality.networks
    gaps = [numbers[f"{network}.samples-minus-drawn-codes"] for network in networks]
    yield verdict(
        gaps[0],
        higher="Drawing codes from N(0, I) and not from training images' own posteriors costs {}.",
        lower="Codes drawn from N(0, I) come nearer to images than training images' own, by {}.",
        alike="What drawing codes from N(0, I) costs is not distinguishable from nothing ({}).",
        undefined="What drawing codes from N(0, I) costs is {}.",
    )
    if len(networks) > 1:
        beside = show(gaps[1], sign=True)
        yield f"{on_features(networks[1]).capitalize()} {agreement(gaps)} ({beside})."
    yield verdict(
        numbers["nearest.samples-minus-test-images"],
        higher="They are no copies: samples lie {} farther from their nearest training image than "
        "test images do.",
        lower="Samples lie nearer to their nearest training image than test images do, by {}, as "
        "smooth pictures may; the grid shows whether they are copies.",
        alike="",
    )
    if (numbers["codes.aggregate-kl-beyond-null"].value or 0.0) > 0:
        yield "All codes together differ from N(0, I)."
    else:
        yield "Whether all codes together differ from N(0, I) cannot be told by their KL."


def caveats(found: Found) -> Iterator[str]:
    n = len(present(found.codes.first.divergence).kl)
    yield no_better_than_one_class(found.quality)
    yield (
        "Samples and reconstructions are decoded means, not noisy draws of p(x | z): they lack the "
        "model's pixel noise, and images have their own."
    )
    yield (
        "Drawn codes are one draw of q(z | x) for each training image, as the decoder saw them "
        "while it learned: N(0, I) would serve as well if the codes of all images together were "
        "distributed like it. Reconstructions are from posterior means."
    )
    yield (
        "The kernel distance (unbiased MMD², cubic kernel) is in units of its features, centred on "
        "and scaled to those of training images; values on two networks do not compare. It is "
        "unbiased, so near zero it may be negative; there its interval is rough, and the "
        "permutation test decides."
    )
    yield (
        "Decoded means are smoother than images, which alone brings them nearer to their nearest "
        "training image."
    )
    yield (
        "A unit counts as active where its posterior mean varies over images by more than 0.01. "
        "Codes initialised from N(0, I) make every unit active before anything is learned; see the "
        "value at the start."
    )
    yield (
        f"Mutual information is bounded over {n:,} images: from below by weighing "
        "a code against all of them, which cannot exceed the logarithm of their number, from above "
        "by weighing it against the others alone. All codes together are said to differ from "
        "N(0, I) only where more is left than codes leave that have the same variances and are "
        "exactly N(0, I) together (97.5 %, every seed)."
    )
