"""Numbers of the inference gap: by split, by class, and which part is the larger."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tacit.images.dataset import UNLABELLED
from tacit.measures.classes import class_means
from tacit.measures.distances import Floats
from tacit.measures.intervals import mean_t, paired, welch
from tacit.measures.number import Number
from tacit.questions.shared.by_seed import BySeed
from tacit.questions.shared.wider import wider

SPLITS = ("train", "test")
PARTS = ("approximation", "amortisation")
OVER = {"train": "training images", "test": "test images"}


@dataclass(frozen=True)
class Gaps(BySeed):
    """What the bound loses, image by image, of every seed."""

    @property
    def amortized(self) -> bool:
        """Whether the model has an encoder."""
        return bool(self.first.values["amortized"])

    @property
    def exact(self) -> bool:
        """Whether log p(x) was integrated; otherwise it is a lower bound."""
        return bool(self.first.values["exact"])

    def has(self, split: str, column: str) -> bool:
        return f"table/{split}/{column}" in self.first.arrays

    @property
    def split(self) -> str:
        """The split that the answer rests on: test images, if the model gives them a posterior."""
        return "test" if self.has("test", "amortisation") else "train"

    def by_seed(self, split: str, column: str) -> Floats:
        """One row per seed, (S, n)."""
        return self.stacked(f"table/{split}/{column}")

    def mean(self, split: str, column: str) -> Floats:
        """Per image, averaged over seeds, (n,)."""
        return self.by_seed(split, column).mean(axis=0)

    @cached_property
    def classes(self) -> list[int]:
        """The classes of the images; none without labels."""
        if not all(self.has(split, "label") for split in SPLITS):
            return []
        train, test = (np.unique(self.first.arrays[f"table/{s}/label"]) for s in SPLITS)
        return [c for c in train.tolist() if c in test and c != UNLABELLED]

    def average(self, split: str, column: str) -> Number:
        """The mean of a column over images."""
        values = self.mean(split, column)
        over_images = mean_t(values, over=OVER[split], unit="nats", given=self.given)
        return wider(over_images, self.by_seed(split, column).mean(axis=1))

    def larger(self) -> Number:
        """amortisation - approximation gap of the same images."""
        a, b = (self.by_seed(self.split, part) for part in reversed(PARTS))
        over_images = paired(
            a.mean(axis=0), b.mean(axis=0), over=OVER[self.split], unit="nats", given=self.given
        )
        return wider(over_images, (a - b).mean(axis=1))

    def train_minus_test(self, part: str) -> Number:
        """Of a gap, between two samples of images."""
        over_images = welch(
            self.mean("train", part), self.mean("test", part), unit="nats", given=self.given
        )
        per_seed = [self.by_seed(split, part).mean(axis=1) for split in SPLITS]
        return wider(over_images, np.subtract(*per_seed))

    def by_class(self, split: str, part: str) -> tuple[Number, ...]:
        """The mean of a gap in each of `classes`, over its images."""
        labels = np.asarray(self.first.arrays[f"table/{split}/label"])
        known = np.isin(labels, self.classes)
        return class_means(
            self.mean(split, part)[known],
            np.searchsorted(self.classes, labels[known]),
            len(self.classes),
            over=OVER[split],
            unit="nats",
            given=self.given,
        )

    def share(self, column: str) -> Number:
        """Of all images of both splits, how many are so."""
        values = np.concatenate([self.by_seed(split, column).ravel() for split in SPLITS])
        return Number(
            float(values.mean()), n=len(values), unit="share",
            interval=f"a count of {len(values):,} images",
        )  # fmt: skip

    @property
    def missing(self) -> float:
        """What a refined posterior lacks of the optimum in reach, at most, nats: the median."""
        both = [self.by_seed(split, "missing").ravel() for split in SPLITS]
        return float(np.median(np.concatenate(both)))

    def numbers(self) -> dict[str, Number]:
        """All numbers, the important ones first."""
        splits = sorted(SPLITS, key=lambda split: split != self.split)
        numbers = {
            f"{split}.{part}-gap": self.average(split, part)
            for split in splits
            for part in PARTS
            if self.has(split, part)
        }
        numbers["amortisation-minus-approximation"] = self.larger()
        for part in PARTS:
            if all(self.has(split, part) for split in SPLITS):
                numbers[f"train-minus-test.{part}-gap"] = self.train_minus_test(part)
        for split in splits:
            for name, column in (
                ("log-prob", "log_prob"),
                ("refined-elbo", "refined_elbo"),
                ("own-elbo", "own_elbo"),
            ):
                if self.has(split, column):
                    numbers[f"{split}.{name}"] = self.average(split, column)
        numbers["flagged"] = self.share("flagged")
        numbers["refinements-converged"] = self.share("converged")
        numbers["refinements-missing.median"] = Number(
            self.missing, unit="nats", interval="an upper estimate, from slope and curvature"
        )
        return numbers
