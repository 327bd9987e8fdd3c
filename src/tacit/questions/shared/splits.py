"""Training and test images as two samples, under the same seeds and draws of few labels."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tacit.images.dataset import UNLABELLED
from tacit.measures.distances import Floats
from tacit.measures.engine import Measured, difference
from tacit.measures.number import Number, undefined
from tacit.questions.base import N, OverSeeds, Q

SPLITS = ("train", "test")
OVER = {"train": "training images", "test": "test images"}


def gap(train: Measured, test: Measured, *, few: bool) -> Measured:
    """Test minus training images.

    Where every draw of few labels has training images of its own, they are averaged within the
    draw, and the spread between draws holds theirs.

    Args:
        train, test: by seed (where it matters), draw and image.
        few: whether the runs learned from draws of few labels.
    """
    if few and train.size("draw") > 1:
        return test - train.average("image")
    return difference(without_draw(test, few), without_draw(train, few))


def without_draw(values: Measured, few: bool) -> Measured:
    """As they are, or without the draw where all images were learned from: there is no other."""
    return values if few else values.average("draw")


def counted(flags: NDArray[np.generic], of: str) -> Number:
    """How many of all are so, as a share without an interval.

    >>> counted(np.array([True, False]), "images")
    Number(value=0.5, low=None, high=None, n=2, unit='share', interval='a count of 2 images')
    """
    n = flags.size
    return Number(float(flags.mean()), n=n, unit="share", interval=f"a count of {n:,} {of}")


def lacking(missing: Floats) -> Number:
    """What refined posteriors lack of the optimum in reach, at most, in nats: the median.

    missing: of each, (n,); NaN of one that ended before it was known, which counts as the largest.

    >>> lacking(np.array([0.1, 0.3, np.nan])).value, lacking(np.array([0.1, np.nan, np.nan])).value
    (0.3, None)
    """
    median = float(np.median(np.where(np.isnan(missing), np.inf, missing)))
    if median == np.inf:
        return undefined("most refinements ended before it was known", unit="nats")
    how = "an upper estimate, from slope and curvature"
    return Number(median, unit="nats", interval=how)


class BySplit(OverSeeds[N, Q]):
    """Columns of per-image numbers of both splits, over all seeds.

    What was measured has them as `train` and `test`, with the images' `label`.
    """

    def has(self, split: str, column: str) -> bool:
        return getattr(getattr(self.first, split), column) is not None

    def of(self, split: str, column: str, unit: str = "nats") -> Measured:
        """A column by seed and image."""
        return self.seeds.measured(
            lambda one: getattr(getattr(one, split), column), unit, images=OVER[split]
        )

    def pooled(self, column: str) -> Floats:
        """A column of all seeds and both splits."""
        each = (getattr(getattr(one, s), column) for one in self.seeds for s in SPLITS)
        return np.concatenate(list(each)).astype(np.float64)

    def by_image(self, split: str, column: str) -> Floats:
        """A column averaged over seeds, (n,)."""
        each = [getattr(getattr(one, split), column) for one in self.seeds]
        return np.mean(np.stack(each), axis=0)

    def labels(self, split: str) -> NDArray[np.int64]:
        return np.asarray(getattr(self.first, split).label)

    @cached_property
    def classes(self) -> list[int]:
        """The classes of the images of both splits; none without labels."""
        if not all(self.has(split, "label") for split in SPLITS):
            return []
        train, test = (np.unique(self.labels(split)) for split in SPLITS)
        return [c for c in train.tolist() if c in test and c != UNLABELLED]

    def of_classes(self, split: str, column: str) -> tuple[Measured, ...]:
        """A column of the images of each of `classes`."""
        values, labels = self.of(split, column), self.labels(split)
        return tuple(values.take("image", labels == c) for c in self.classes)

    def by_class(self, split: str, column: str) -> tuple[Number, ...]:
        """Its mean in each of `classes`."""
        return tuple(values.mean() for values in self.of_classes(split, column))
