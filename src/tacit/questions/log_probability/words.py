"""How likely an image is, in words, and the rule that they follow."""

import numpy as np

from tacit.measures.formatting import percent, show, significant
from tacit.measures.intervals import decide
from tacit.measures.number import Undefined
from tacit.questions.log_probability.numbers import Scores
from tacit.questions.shared.wider import magnitude

MOSTLY = 0.5
"""What explains more than half of a variance explains most of it."""


def rule(scores: Scores) -> str:
    """How the numbers decide."""
    seeds = " and the interval of its lead over seeds excludes zero" if scores.n_seeds > 1 else ""
    both = "both over images and over seeds" if scores.n_seeds > 1 else "over images"
    within = " within classes, which count alike," if scores.classes else ""
    top = (
        "A class is called the likeliest where Welch's test tells its mean over test images from "
        f"that of each other class{seeds}; that it was chosen in the same images needs no "
        "correction (Hung and Fithian 2019). "
        if scores.classes
        else ""
    )
    explain = (
        " The share of the variance between class means that the class's mean image accounts for "
        "is called most where its interval lies above one half."
        if scores.classes
        else ""
    )
    return (
        f"{top}Training and test images, two independent samples, differ where the 95 % interval "
        f"of their difference{within} excludes zero {both}.{explain}"
    )


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
    return "posteriors refined for each image" if scores.refined else "the encoder"


def _encoder_said(scores: Scores, samples: int) -> str:
    """What the report's own method gives for the images that are shown."""
    flags, difference = scores.encoder("flagged"), scores.encoder_minus_refined()
    effective = significant(float(np.median(scores.encoder("effective_samples"))), 2)
    gap = {
        "lower": f"{magnitude(difference)} lower",
        "higher": f"{magnitude(difference)} higher",
    }.get(decide(difference), f"not distinguishable ({show(difference, sign=True)})")
    return (
        f"By as many samples from the encoder, the report's own method, the {flags.shape[1]} "
        f"images shown are {gap}; {percent(float(flags.mean()))} of those values are flagged "
        f"({samples:,} samples are worth {effective} on the median image)."
    )


def _top_said(scores: Scores, class_names: tuple[str, ...]) -> str:
    try:
        found, gap = scores.top()
    except Undefined as fault:
        return f"Which class is likeliest is undefined: {fault}."
    top, second = (f"'{class_names[scores.classes[k]]}'" for k in (found.top, found.second))
    mean = scores.class_numbers("test")[found.top]
    if found.distinguishable and decide(gap) == "higher":
        return (
            f"The likeliest class is {top} with {show(mean)}, {show(gap)} above {second}, the next."
        )
    return (
        f"Class {top} has the highest mean, {show(mean)}, but it is not distinguishable from "
        f"{second}, the next ({show(gap, sign=True)})."
    )


def _split_said(scores: Scores) -> str:
    gap = scores.train_minus_test()
    how = ", compared within classes" if scores.classes else ""
    verdict = decide(gap)
    if verdict == "undefined":
        return f"Whether training images are likelier than test images: {show(gap)}."
    if verdict == "not distinguishable":
        said = show(gap, sign=True)
        return f"Training and test images are not distinguishable, {said}{how}."
    than = "likelier" if verdict == "higher" else "less likely"
    return f"Training images are {than} than test images by {magnitude(gap)}{how}."


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
    if share == 0:
        return f"No estimate is flagged as unreliable{worth}."
    return (
        f"{percent(share)} of the estimates are flagged as unreliable{worth}: they are lower "
        "bounds that more samples would raise, and not by the same for every image."
    )
