"""How likely an image is, in words, and the rule that they follow."""

from collections.abc import Iterator

import numpy as np

from tacit.evidence.methods import CHAINS
from tacit.evidence.precision import FEWER_DISTRIBUTIONS
from tacit.measures.formatting import brief, percent, show, significant
from tacit.measures.number import Undefined
from tacit.questions.log_probability.annealing import words as annealing
from tacit.questions.log_probability.numbers import MOSTLY, Found
from tacit.questions.shared.words import flagged, left_out, verdict
from tacit.questions.verdicts import Said, Verdict, ruled


def decided_by(scores: Found) -> str:
    return _rule(scores) + annealing.RULE * scores.asked.is_checked


def _rule(scores: Found) -> str:
    together = "over images and seeds together"
    if not scores.classes:
        return (
            "Training and test images, two independent samples, differ where the 95 % interval of "
            f"their difference, {together}, excludes zero."
        )
    return (
        "A class is called the likeliest where the 95 % intervals of its lead over every other "
        f"class, {together}, lie above zero; that it was chosen in the same images needs no "
        "correction (Hung and Fithian 2019). Training and test images, two independent samples, "
        "differ where the interval of their difference within classes, which count alike, excludes "
        "zero. The share of the variance between class means that the class's mean image accounts "
        "for is called most where its interval lies above one half."
    )


def headline(scores: Found) -> Said:
    """Whether training images are likelier than test images."""
    difference = scores.train_minus_test()
    text = {
        Verdict.YES: f"Training images are likelier than test images, by {brief(difference)}.",
        Verdict.NO: f"Training images are less likely than test images, by {brief(-difference)}.",
        Verdict.CANNOT_TELL: "Whether training images are likelier than test ones cannot be told.",
    }
    key, label = "train-minus-test.log-prob", "log p(x) of training minus test images"
    return Said(found := ruled(difference), text[found], key, label)


def alerts(scores: Found) -> tuple[str, ...]:
    """That many values of log p(x) are unreliable."""
    return flagged(scores.flagged())


def sentences(scores: Found) -> Iterator[str]:
    """Which class is likeliest, what of it the images explain, and how reliable values are."""
    if scores.checks is not None:
        yield from annealing.sentences(scores.checks)
    samples = scores.asked.samples
    if scores.classes:
        yield _top(scores)
        yield _explained(scores)
    effective = scores.typical("effective_samples")
    worth = "" if effective is None else f" ({samples:,} {_worth(effective)})"
    annealed, share, apart = scores.annealed(), scores.flagged().value or 0.0, scores.apart()
    if annealed is not None and annealed.value:
        yield (
            f"Importance samples are flagged for {percent(annealed.value)} of the images{worth}; "
            "these have their values by annealing from the same posteriors."
        )
        worth = ""
    flags = "No estimate is" if share == 0 else f"{percent(share)} of the estimates are"
    bounds = (
        f": lower bounds, and upper bounds lie {significant(apart, 2)} nats away at the median"
        if share and apart is not None
        else ""
    )
    yield f"{flags} flagged as unreliable{worth}{bounds}."
    if scores.beside_encoder:
        gap = verdict(
            scores.encoder_minus_refined(),
            higher="{} higher",
            lower="{} lower",
            alike="not distinguishable ({})",
        )
        worth = _worth(float(np.median(scores.of_encoder("effective_samples"))))
        flags = percent(float(scores.of_encoder("flagged").mean()))
        yield (
            "By samples from the encoder, the report's own method, the images shown are "
            f"{gap}; {flags} of those values are flagged ({samples:,} {worth})."
        )


def _worth(effective: float) -> str:
    return f"samples are worth {significant(effective, 2)} on the median image"


def _top(scores: Found) -> str:
    try:
        found = scores.top()
    except Undefined as error:
        return f"Which class is likeliest is undefined: {error}."
    names = scores.setting.class_names
    top, second = (f"'{names[scores.classes[int(k)]]}'" for k in (found.best, found.second))
    if found.distinguishable:
        return f"The likeliest class is {top}, {show(found.lead)} above {second}, the next."
    lead = show(found.lead, sign=True)
    return (
        f"Class {top} has the highest mean, not distinguishable from {second}, the next ({lead})."
    )


def _explained(scores: Found) -> str:
    share = scores.shares_explained()[scores.picture]
    if share.low is None or share.high is None:
        return f"How much of the difference between classes lies in the images is {show(share)}."
    if share.low > MOSTLY:
        opening = "Most of what separates the classes lies in the images, not in the model"
    elif share.high < MOSTLY:
        opening = "Most of what separates the classes is not in how alike their images are"
    else:
        opening = f"{len(scores.classes)} classes do not settle how much of this is the images' own"
    return (
        f"{opening}: the log-likelihood of the class's mean image alone accounts for {show(share)} "
        "of the variance between class means."
    )


def caveats(scores: Found) -> Iterator[str]:
    yield (
        "Every value is a lower bound in expectation. It is looser where the proposal fits worse, "
        "so that a difference of a few nats may be the proposal's and not the model's."
    )
    yield "A flag sees heavy weights, not a mode of the posterior that no sample fell into."
    if scores.ceiling() is not None:
        yield (
            "These are densities over pixels scaled to [0, 1]; on another scale all of them shift "
            "by the same number of nats, and they are no code lengths."
        )
    if scores.first.refined:
        yield (
            "Samples come from posteriors that were optimised for each image, train and test "
            "alike, against the frozen decoder, and one in a hundred from N(0, I). Where they are "
            f"flagged, {CHAINS} chains are annealed from there by "
            f"{' distributions, then by '.join(map(str, FEWER_DISTRIBUTIONS))}, until none is."
        )
    yield left_out(len(scores.setting.class_names), len(scores.classes), "training or test images")
    if scores.asked.is_checked:
        yield from annealing.CAVEATS
