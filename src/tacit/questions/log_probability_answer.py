"""What scores of train and test images say: numbers, words, and the rule between them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tacit.measures.classes import TopClass, class_means, top_class
from tacit.measures.correlations import correlation, explained
from tacit.measures.distances import Floats
from tacit.measures.formatting import percent, show, significant
from tacit.measures.intervals import bootstrap_mean, mean_t, stratified_difference, welch
from tacit.measures.number import Number, Undefined
from tacit.questions.base import Measurement
from tacit.questions.verdicts import Difference, difference, given_models
from tacit.streams import numpy_stream

SPLITS = ("train", "test")
NAMED_CLASSES = 12
"""Up to so many classes each have a number of their own."""

MOSTLY = 0.5
"""What explains more than half of a variance explains most of it."""

BESIDE = {
    "mean_image": "the log-likelihood of the mean training image",
    "class_mean_image": "that of the class's own mean image",
    "ink": "ink",
    "within_class_variance": "the variance within the class",
}
"""What log p(x) is read beside; the first decides."""


@dataclass(frozen=True)
class Scores:
    """What was measured on one or several seeds, all on the same images."""

    measured: Mapping[int, Measurement]

    @property
    def n_seeds(self) -> int:
        return len(self.measured)

    @property
    def given(self) -> str:
        return given_models(self.n_seeds)

    @property
    def first(self) -> Measurement:
        """The seed whose images and values are shown."""
        return self.measured[min(self.measured)]

    def by_seed(self, split: str, column: str) -> Floats:
        """One row per seed, (S, n)."""
        name = f"table/{split}/{column}"
        return np.stack([np.asarray(m.arrays[name], np.float64) for m in self.measured.values()])

    def mean(self, split: str, column: str) -> Floats:
        """Per image, averaged over seeds, (n,)."""
        return self.by_seed(split, column).mean(axis=0)

    @cached_property
    def classes(self) -> list[int]:
        """The classes that are compared; none without labels."""
        labels = self.first.arrays.get("table/test/label")
        return [] if labels is None else np.unique(labels).tolist()

    def places(self, split: str) -> NDArray[np.int64]:
        """Each image's class as its place among `classes`, (n,)."""
        return np.searchsorted(self.classes, self.first.arrays[f"table/{split}/label"])

    def class_means(self, split: str, column: str) -> Floats:
        """One row per seed, one mean per class, (S, K)."""
        values, places = self.by_seed(split, column), self.places(split)
        return np.stack([values[:, places == k].mean(1) for k in range(len(self.classes))], axis=1)

    def class_numbers(self, split: str) -> tuple[Number, ...]:
        """The mean log p(x) of each class, over its images."""
        return class_means(
            self.mean(split, "log_prob"),
            self.places(split),
            len(self.classes),
            over=f"{split}{'ing' if split == 'train' else ''} images",
            unit="nats",
            given=self.given,
        )

    def average(self, split: str) -> Number:
        """The mean log p(x) of a split, over images."""
        return bootstrap_mean(
            self.mean(split, "log_prob"),
            numpy_stream(0, "bootstrap", split),
            over="training images" if split == "train" else "test images",
            unit="nats",
            given=self.given,
        )

    def train_minus_test(self) -> Difference:
        """Within each class where there are classes, averaged over them."""
        sides = [self.mean(split, "log_prob") for split in SPLITS]
        if not self.classes:
            over_images = welch(*sides, unit="nats", given=self.given)
            per_seed = np.subtract(*[self.by_seed(s, "log_prob").mean(1) for s in SPLITS])
            return difference(over_images, per_seed.tolist())
        train, test = (self.places(split) for split in SPLITS)
        over_images = stratified_difference(
            sides[0], train, sides[1], test, unit="nats", given=self.given
        )
        per_seed = np.subtract(*[self.class_means(s, "log_prob").mean(1) for s in SPLITS])
        return difference(over_images, per_seed.tolist())

    def top(self, split: str) -> tuple[TopClass, Difference]:
        """The likeliest class and the next, as places among `classes`, and their difference.

        Raises:
            Undefined: where no two classes can be compared.
        """
        found = top_class(
            self.mean(split, "log_prob"),
            self.places(split),
            len(self.classes),
            unit="nats",
            given=self.given,
        )
        means = self.class_means(split, "log_prob")
        per_seed = means[:, found.top] - means[:, found.second]
        return found, difference(found.difference, per_seed.tolist())

    def beside(self, column: str) -> Floats:
        """The test classes' means of what log p(x) is read beside, (K,)."""
        if column == "within_class_variance":
            return np.asarray(self.first.arrays["within-class-variance"], np.float64)
        return self.class_means("test", column).mean(axis=0)

    def shares_explained(self) -> dict[str, Number]:
        """How much of the variance between class means of log p(x) a line in each accounts for."""
        means = self.class_means("test", "log_prob").mean(axis=0)
        return {
            column: explained(
                correlation(means, self.beside(column), over="classes", given=self.given)
            )
            for column in BESIDE
        }

    def correlations(self) -> dict[str, Number]:
        """log p(x) against the rest over single test images."""
        columns = [c for c in BESIDE if f"table/test/{c}" in self.first.arrays]
        log_prob = self.mean("test", "log_prob")
        return {
            column: correlation(
                log_prob, self.mean("test", column), over="test images", given=self.given
            )
            for column in columns
        }

    def flagged(self) -> Number:
        """The share of estimates that diagnostics call unreliable, of both splits."""
        flags = np.concatenate([self.by_seed(split, "flagged").ravel() for split in SPLITS])
        said = f"a count of {len(flags):,} estimates"
        return Number(float(flags.mean()), n=len(flags), unit="share", interval=said)

    def typical(self, column: str) -> float | None:
        """The median of a diagnostic over images of both splits; None where it is undefined."""
        if f"table/test/{column}" not in self.first.arrays:
            return None
        values = np.concatenate([self.by_seed(split, column).ravel() for split in SPLITS])
        values = values[np.isfinite(values)]
        return float(np.median(values)) if len(values) else None

    def ceiling(self) -> float | None:
        """What no Gaussian log p(x) can exceed, in nats; None for other likelihoods."""
        sigma = [m.values["sigma"] for m in self.measured.values() if "sigma" in m.values]
        if not sigma:
            return None
        pixels = self.first.values["pixels"]
        return -pixels * float(np.mean([np.log(s) for s in sigma]) + 0.5 * np.log(2 * np.pi))


def numbers_of(scores: Scores, class_names: tuple[str, ...]) -> dict[str, Number]:
    """All numbers, the important ones first."""
    numbers = {"test.log-prob": scores.average("test"), "train.log-prob": scores.average("train")}
    numbers |= scores.train_minus_test().numbers("train-minus-test.log-prob")
    if scores.n_seeds > 1:
        per_seed = scores.by_seed("test", "log_prob").mean(axis=1)
        numbers["test.log-prob.over-seeds"] = mean_t(per_seed, unit="nats", given="these images")
    if scores.classes:
        try:
            numbers |= scores.top("test")[1].numbers("top-minus-next.log-prob")
        except Undefined as fault:
            numbers["top-minus-next.log-prob"] = Number(None, interval=f"undefined: {fault}")
        shares = scores.shares_explained()
        numbers |= {f"between-classes.explained-by.{kebab(c)}": s for c, s in shares.items()}
    numbers |= {f"images.correlation.{kebab(c)}": r for c, r in scores.correlations().items()}
    numbers["flagged"] = scores.flagged()
    for column, unit in (("standard_error", "nats"), ("effective_samples", "samples")):
        if (median := scores.typical(column)) is not None:
            numbers[f"{kebab(column)}.median"] = Number(median, unit=unit)
    if (ceiling := scores.ceiling()) is not None:
        numbers["ceiling"] = Number(ceiling, unit="nats", interval="exact, from σ and the pixels")
    if len(scores.classes) <= NAMED_CLASSES:
        means = scores.class_numbers("test") if scores.classes else ()
        for c, number in zip(scores.classes, means, strict=True):
            numbers[f"test.log-prob.class.{class_names[c]}"] = number
    return numbers


def kebab(column: str) -> str:
    """A column's name as part of a number's.

    >>> kebab("class_mean_image")
    'class-mean-image'
    """
    return column.replace("_", "-")


def sentences(scores: Scores, samples: int, class_names: tuple[str, ...]) -> str:
    """The answer in words."""
    test, train = scores.average("test"), scores.average("train")
    ceiling = scores.ceiling()
    most = (
        f"; with this noise level no image of {scores.first.values['pixels']:.0f} pixel values "
        f"can exceed {ceiling:.1f}"
        if ceiling is not None
        else ""
    )
    said = [
        f"By {samples:,} importance samples log p(x) is {show(test)} for a test image and "
        f"{show(train)} for a training image on average{most}."
    ]
    if scores.classes:
        said.append(_top_said(scores, class_names))
    said.append(_split_said(scores))
    said.append(_explained_said(scores))
    said.append(_reliability_said(scores, samples))
    return " ".join(said)


def _top_said(scores: Scores, class_names: tuple[str, ...]) -> str:
    try:
        found, gap = scores.top("test")
    except Undefined as fault:
        return f"Which class is likeliest is undefined: {fault}."
    top, second = (f"'{class_names[scores.classes[k]]}'" for k in (found.top, found.second))
    mean = scores.class_numbers("test")[found.top]
    if found.distinguishable and gap.verdict == "higher":
        return (
            f"The likeliest class is {top} with {show(mean)}, {gap} above {second}, the next; "
            f"adjusted over all pairs of classes, p {_p(found.p_values[found.second])}."
        )
    return (
        f"Class {top} has the highest mean, {show(mean)}, but it is not distinguishable from "
        f"{second}, the next ({gap}; adjusted p {_p(found.p_values[found.second])})."
    )


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {significant(value, 2)}"


def _split_said(scores: Scores) -> str:
    gap = scores.train_minus_test()
    how = ", compared within classes" if scores.classes else ""
    if gap.verdict in ("higher", "lower"):
        than = "likelier" if gap.verdict == "higher" else "less likely"
        return f"Training images are {than} than test images: {gap}{how}."
    if gap.verdict == "undefined":
        return f"Whether training images are likelier than test images is undefined: {gap}."
    return f"Training and test images are not distinguishable: {gap}{how}."


def _explained_said(scores: Scores) -> str:
    single = scores.correlations()["mean_image"]
    alone = (
        f"over single test images its correlation with log p(x) is {show(single)}"
        if single.value is not None
        else f"over single test images its correlation is {single.interval}"
    )
    if not scores.classes:
        return (
            "Beside the model stands what a mean image alone would give under the same "
            f"likelihood: {alone}."
        )
    shares = scores.shares_explained()
    share = shares["mean_image"]
    if share.low is None or share.high is None:
        opening = "How much of the difference between classes lies in the images is undefined"
    elif share.low > MOSTLY:
        opening = "Most of what separates the classes lies in the images, not in the model"
    elif share.high < MOSTLY:
        opening = "Most of what separates the classes is not in how near they are to a mean image"
    else:
        opening = f"{len(scores.classes)} classes do not settle how much of this is the image's own"
    parts = [f"{BESIDE[c]} for {show(n)}" for c, n in shares.items() if n.value is not None]
    if not parts:
        return f"{opening}; {alone}."
    parts[0] = parts[0].replace(
        "the mean training image", "the mean training image under the same likelihood accounts"
    )
    return f"{opening}: {', '.join(parts)} of the variance between class means; {alone}."


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
        "bounds that more samples would raise."
    )
