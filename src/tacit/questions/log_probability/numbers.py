"""Numbers of log p(x): splits, classes, what the images explain, how reliable it is."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tacit.measures.correlations import correlation, explained
from tacit.measures.distances import Floats
from tacit.measures.engine import Best, Measured, best_class, difference
from tacit.measures.number import Number, Undefined, undefined
from tacit.questions.shared.by_seed import BySeed

SPLITS = ("train", "test")
OVER = {"train": "training images", "test": "test images"}
NAMED_CLASSES = 12
"""Up to so many classes each have a number of their own."""

BESIDE = ("class_mean_image", "mean_image", "mean_intensity", "within_class_variance")
"""What log p(x) is read beside. The first that there is decides: the mean image of its class knows
of an image what class it is, and nothing of its hand."""


@dataclass(frozen=True)
class Scores(BySeed):
    """log p(x), and what it is read beside, of every seed."""

    def by_seed(self, split: str, column: str) -> Floats:
        """One row per seed, (S, n)."""
        return self.stacked(f"table/{split}/{column}")

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

    def log_prob(self, split: str) -> Measured:
        """log p(x) by seed and image."""
        return self.of(f"table/{split}/log_prob", "nats", images=OVER[split])

    @cached_property
    def by_class(self) -> dict[str, tuple[Measured, ...]]:
        """log p(x) of the images of each class, by split."""
        k = len(self.classes)
        return {split: self.log_prob(split).by_class(self.places(split), k) for split in SPLITS}

    def class_numbers(self, split: str) -> tuple[Number, ...]:
        """The mean log p(x) of each class."""
        return tuple(values.mean() for values in self.by_class[split])

    def average(self, split: str) -> Number:
        """The mean log p(x) of a split."""
        return self.log_prob(split).mean()

    def train_minus_test(self) -> Number:
        """Within each class where there are classes, averaged over them."""
        train, test = (self.log_prob(split) for split in SPLITS)
        if self.classes:
            k = len(self.classes)
            train = train.stratified(self.places("train"), k)
            test = test.stratified(self.places("test"), k)
        return difference(train, test).mean()

    def top(self) -> Best:
        """The likeliest class of the test images against the others, named by place in `classes`.

        Raises:
            Undefined: where no two classes can be compared.
        """
        return best_class({str(k): values for k, values in enumerate(self.by_class["test"])})

    def beside(self, column: str) -> Floats:
        """The test classes' means of what log p(x) is read beside, (K,)."""
        if column == "within_class_variance":
            return self.first.floats("within-class-variance")
        return self.class_means("test", column).mean(axis=0)

    @property
    def picture(self) -> str:
        """The mean image that decides: of the class, or of all where there are none."""
        return "class_mean_image" if self.classes else "mean_image"

    def shares_explained(self) -> dict[str, Number]:
        """How much of the variance between class means of log p(x) a line in each accounts for."""
        means = self.class_means("test", "log_prob").mean(axis=0)
        return {
            column: explained(correlation(means, self.beside(column), over="classes"))
            for column in BESIDE
        }

    def correlations(self) -> dict[str, Number]:
        """log p(x) against the rest over single test images."""
        columns = [c for c in BESIDE if f"table/test/{c}" in self.first.arrays]
        log_prob = self.mean("test", "log_prob")
        return {
            column: correlation(log_prob, self.mean("test", column), over="test images")
            for column in columns
        }

    @property
    def refined(self) -> bool:
        """Whether samples come from posteriors refined for each image."""
        return bool(self.first.values["refined"])

    @property
    def beside_encoder(self) -> bool:
        """Whether values by the encoder stand beside them."""
        return "table/by-encoder-test/log_prob" in self.first.arrays

    def encoder(self, column: str) -> Floats:
        """Of the shown images of both splits by samples from the encoder, (S, n)."""
        both = [self.stacked(f"table/by-encoder-{split}/{column}") for split in SPLITS]
        return np.concatenate(both, axis=1)

    def encoder_minus_refined(self) -> Number:
        """The report's values minus those from refined posteriors, of the shown images."""
        shown = {"image": "shown images"}
        a, b = (
            Measured.of_seeds(list(self.encoder(column)), "nats", names=shown)
            for column in ("log_prob", "refined")
        )
        return (a - b).mean()

    def flagged(self) -> Number:
        """The share of estimates that diagnostics call unreliable, of both splits."""
        flags = np.concatenate([self.by_seed(split, "flagged").ravel() for split in SPLITS])
        said = f"a count of {len(flags):,} estimates"
        return Number(float(flags.mean()), n=len(flags), unit="share", interval=said)

    def annealed(self) -> Number | None:
        """The share of images whose importance samples were flagged, so that they were annealed."""
        if "table/test/annealed" not in self.first.arrays:
            return None
        annealed = np.concatenate([self.by_seed(split, "annealed").ravel() for split in SPLITS])
        said = f"a count of {len(annealed):,} estimates"
        return Number(float(annealed.mean()), n=len(annealed), unit="share", interval=said)

    def apart(self) -> float | None:
        """The median of upper minus lower bound of what stayed flagged; None where nothing did."""
        if "table/test/upper" not in self.first.arrays:
            return None
        both = [
            (self.by_seed(split, "upper") - self.by_seed(split, "log_prob")).ravel()
            for split in SPLITS
        ]
        apart = np.abs(np.concatenate(both))  # chance may put the upper below the lower
        apart = apart[np.isfinite(apart)]
        return float(np.median(apart)) if len(apart) else None

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
    numbers = {
        "test.log-prob": scores.average("test"),
        "train.log-prob": scores.average("train"),
        "train-minus-test.log-prob": scores.train_minus_test(),
    }
    if scores.classes:
        try:
            numbers["top-minus-next.log-prob"] = scores.top().lead
        except Undefined as fault:
            numbers["top-minus-next.log-prob"] = undefined(str(fault), unit="nats")
        shares = scores.shares_explained()
        numbers |= {f"between-classes.explained-by.{kebab(c)}": s for c, s in shares.items()}
    numbers |= {f"images.correlation.{kebab(c)}": r for c, r in scores.correlations().items()}
    numbers["flagged"] = scores.flagged()
    if (annealed := scores.annealed()) is not None:
        numbers["annealed"] = annealed
    if (apart := scores.apart()) is not None:
        numbers["flagged.upper-minus-lower.median"] = Number(apart, unit="nats")
    if scores.beside_encoder:
        flags = scores.encoder("flagged").ravel()
        said = f"a count of {len(flags):,} estimates"
        numbers["encoder-minus-refined.log-prob"] = scores.encoder_minus_refined()
        numbers["encoder.flagged"] = Number(
            float(flags.mean()), n=len(flags), unit="share", interval=said
        )
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
