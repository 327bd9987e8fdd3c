"""How likely an image is, in words, and the rule that they follow."""

import numpy as np

from tacit.measures.formatting import brief, percent, show, significant
from tacit.measures.number import Undefined
from tacit.questions.log_probability.numbers import Scores
from tacit.questions.shared.words import flagged, verdict
from tacit.questions.verdicts import Said, Verdict, ruled

MOSTLY = 0.5
"""What explains more than half of a variance explains most of it."""


def rule(scores: Scores) -> str:
    """How the numbers decide."""
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


def headline(scores: Scores) -> Said:
    """Whether training images are likelier than test images."""
    difference = scores.train_minus_test()
    text = {
        Verdict.YES: f"Training images are likelier than test images, by {brief(difference)}.",
        Verdict.NO: f"Training images are less likely than test images, by {brief(-difference)}.",
        Verdict.CANNOT_TELL: "Whether training images are likelier than test ones cannot be told.",
    }
    key, label = "train-minus-test.log-prob", "log p(x) of training minus test images"
    return Said(found := ruled(difference), text[found], key, label)


def alerts(scores: Scores) -> tuple[str, ...]:
    """That many values of log p(x) are unreliable."""
    return flagged(scores.flagged())


def sentences(scores: Scores, samples: int, class_names: tuple[str, ...], checked: str = "") -> str:
    """The answer in words; checked: what other methods say of these values."""
    test, train = scores.average("test"), scores.average("train")
    said = [
        f"By {samples:,} importance samples from {_where(scores)} log p(x) is {show(test)} for a "
        f"test image and {show(train)} for a training image on average."
    ]
    if checked:
        said.append(checked)
    if scores.classes:
        said.append(_top_said(scores, class_names))
    said.append(_split_said(scores))
    said.append(_explained_said(scores))
    ceiling = scores.ceiling()
    if ceiling is not None:
        said.append(
            f"With this noise level no image of {scores.first.values['pixels']:.0f} pixel values "
            f"can exceed {ceiling:.1f} nats."
        )
    said.append(_reliability_said(scores, samples))
    if scores.beside_encoder:
        said.append(_encoder_said(scores, samples))
    return " ".join(said)


def _where(scores: Scores) -> str:
    if not scores.refined:
        return "the encoder"
    annealed = scores.annealed()
    beside = ", and annealing where they are flagged," if annealed and annealed.value else ""
    return f"posteriors refined for each image{beside}"


def _encoder_said(scores: Scores, samples: int) -> str:
    """What the report's own method gives for the images that are shown."""
    flags, difference = scores.encoder("flagged"), scores.encoder_minus_refined()
    effective = significant(float(np.median(scores.encoder("effective_samples"))), 2)
    gap = verdict(
        difference, higher="{} higher", lower="{} lower", alike="not distinguishable ({})"
    )
    return (
        f"By as many samples from the encoder, the report's own method, the {flags.shape[1]} "
        f"images shown are {gap}; {percent(float(flags.mean()))} of those values are flagged "
        f"({samples:,} samples are worth {effective} on the median image)."
    )


def _top_said(scores: Scores, class_names: tuple[str, ...]) -> str:
    try:
        found = scores.top()
    except Undefined as fault:
        return f"Which class is likeliest is undefined: {fault}."
    top, second = (f"'{class_names[scores.classes[int(k)]]}'" for k in (found.best, found.second))
    mean = show(scores.class_numbers("test")[int(found.best)])
    if found.distinguishable:
        lead = show(found.lead)
        return f"The likeliest class is {top} with {mean}, {lead} above {second}, the next."
    return (
        f"Class {top} has the highest mean, {mean}, but it is not distinguishable from "
        f"{second}, the next ({show(found.lead, sign=True)})."
    )


def _split_said(scores: Scores) -> str:
    how = ", compared within classes" if scores.classes else ""
    return verdict(
        scores.train_minus_test(),
        higher=f"Training images are likelier than test images by {{}}{how}.",
        lower=f"Training images are less likely than test images by {{}}{how}.",
        alike=f"Training and test images are not distinguishable, {{}}{how}.",
        undefined="Whether training images are likelier than test images: {}.",
    )


def _explained_said(scores: Scores) -> str:
    single = scores.correlations()[scores.picture]
    if not scores.classes:
        return (
            "Beside the model stands what the mean training image alone would give under the same "
            f"likelihood; over test images its correlation with log p(x) is {show(single)}."
        )
    shares = scores.shares_explained()
    share = shares[scores.picture]
    if share.low is None or share.high is None:
        return (
            "How much of the difference between classes lies in the images is "
            f"{show(share)}; over single test images log p(x) and what the class's mean image "
            f"alone would give have a correlation of {show(single)}."
        )
    if share.low > MOSTLY:
        opening = "Most of what separates the classes lies in the images, not in the model"
    elif share.high < MOSTLY:
        opening = "Most of what separates the classes is not in how alike their images are"
    else:
        opening = f"{len(scores.classes)} classes do not settle how much of this is the images' own"
    others = {
        "that of the mean of all training images": shares["mean_image"],
        "the mean intensity": shares["mean_intensity"],
        "the variance within the class": shares["within_class_variance"],
    }
    also = "".join(f", {name} for {show(n)}" for name, n in others.items() if n.value is not None)
    return (
        f"{opening}: under the same likelihood, the log-likelihood of the class's mean image alone "
        f"accounts for {show(share)}{also} of the variance between class means; over single test "
        f"images its correlation with log p(x) is {show(single)}."
    )


def _reliability_said(scores: Scores, samples: int) -> str:
    share = scores.flagged().value or 0.0
    effective = scores.typical("effective_samples")
    worth = (
        f" ({samples:,} samples are worth {significant(effective, 2)} on the median image)"
        if effective is not None
        else ""
    )
    said = []
    annealed = scores.annealed()
    if annealed is not None and annealed.value:
        said.append(
            f"Importance samples are flagged for {percent(annealed.value)} of the images{worth}; "
            "these have their values by annealing from the same posteriors."
        )
        worth = ""
    if share == 0:
        said.append(f"No estimate is flagged as unreliable{worth}.")
        return " ".join(said)
    apart = scores.apart()
    bounds = (
        "lower bounds that more samples would raise, and not by the same for every image"
        if apart is None
        else f"lower bounds, and upper bounds lie {significant(apart, 2)} nats away at the median"
    )
    said.append(f"{percent(share)} of the estimates are flagged as unreliable{worth}: {bounds}.")
    return " ".join(said)
