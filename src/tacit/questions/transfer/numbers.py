"""What question `transfer` measures, and its numbers over all seeds, draws and images."""

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from tacit.measures.distances import Floats
from tacit.measures.engine import Measured
from tacit.measures.number import Number
from tacit.questions.base import OverSeeds, Runs
from tacit.questions.shared.curves import Kept
from tacit.questions.shared.majority_class import share_right
from tacit.questions.shared.outputs import comparable, labelled, terms
from tacit.questions.shared.splits import gap, without_draw
from tacit.questions.transfer.question import Transfer
from tacit.questions.typed import InTable


@dataclass(frozen=True)
class Means:
    """Over the images of each draw, (D,) each."""

    train_accuracy: Floats
    train_cross_entropy: Floats
    test_accuracy: Floats
    test_cross_entropy: Floats


@dataclass(frozen=True)
class Draws:
    draw: NDArray[np.int64]
    methods: dict[str, Means]


@dataclass(frozen=True)
class Losses:
    """Of one method by draw: on test images (D, n), on the training images of the draw (D, m)."""

    right: NDArray[np.bool_]
    test: Floats
    train: Floats


@dataclass(frozen=True)
class Numbers:
    """What is measured on one seed.

    Attributes:
        labels: how many are learned from. few: whether they are draws of few labels.
        method: by `METHODS`.
        majority: how often the class that is most frequent in training is right.
        curves: what was seen while each method learned.
        elsewhere: whether an encoder comes from elsewhere.
    """

    labels: int
    few: bool
    method: dict[str, Losses]
    majority: float
    draws: InTable[Draws]
    curves: dict[str, Kept]
    elsewhere: bool | None = None


def measure(runs: Runs, asked: Transfer) -> Numbers:
    """All that is needed of the runs.

    Raises:
        ValueError: if runs learned from different images in the same draw.
    """
    draws = {method: runs.draws(run) for method, run in asked.methods.items()}
    n_draws = min(len(saved) for saved in draws.values())
    losses, means = {}, {}
    for method, saved in draws.items():
        tests, trains = [], []
        for one, base in zip(saved[:n_draws], draws["scratch"], strict=False):
            if not _same_images(one.train_index, base.train_index):
                raise ValueError(
                    f"run '{one.run}' learned from other images in draw {one.draw} than "
                    f"'{base.run}'; runs are compared that have the same `train` table"
                )
            learned = runs.images_of(one)
            trains.append(terms(one, learned, comparable(one, learned, "train")))
            tests.append(terms(one, runs.test, comparable(one, runs.test, "test")))
        train, test = (
            {term: np.stack([found[term] for found in each]) for term in ("accuracy", "loss")}
            for each in (trains, tests)
        )
        losses[method] = Losses(test["accuracy"] == 1, test["loss"], train["loss"])
        means[method] = Means(
            train["accuracy"].mean(axis=1),
            train["loss"].mean(axis=1),
            test["accuracy"].mean(axis=1),
            test["loss"].mean(axis=1),
        )
    first = draws["scratch"][0].train_index
    return Numbers(
        labels=len(runs.train) if first is None else len(first),
        few=first is not None,
        method=losses,
        majority=share_right(
            runs.train.truth[labelled(runs.train)], runs.test.truth[labelled(runs.test)]
        ),
        draws=Draws(np.arange(n_draws), means),
        curves={method: Kept.of(saved[:n_draws]) for method, saved in draws.items()},
        elsewhere=any(saved[0].config.features for saved in draws.values()) or None,
    )


def _same_images(first: NDArray[np.int64] | None, second: NDArray[np.int64] | None) -> bool:
    if first is None or second is None:
        return first is second
    return np.array_equal(first, second)


class Found(OverSeeds[Numbers, Transfer]):
    """The methods over all seeds, draws and images."""

    @property
    def judged(self) -> str:
        """The method that the verdict is on: fine-tuned, or frozen where nothing was."""
        return "transferred" if "transferred" in self.asked.methods else "frozen"

    @property
    def n_draws(self) -> int:
        return len(self.first.draws.draw)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The later method first: what is gained is that of transfer over scratch."""
        return [(second, first) for first, second in combinations(self.asked.methods, 2)]

    def accuracy(self, method: str) -> Measured:
        return without_draw(self._of(method, "right", "accuracy"), self.first.few)

    def cross_entropy(self, method: str) -> Measured:
        return without_draw(self._of(method, "test", "nats"), self.first.few)

    def gap(self, method: str) -> Measured:
        """Test minus training cross-entropy."""
        train, test = (self._of(method, split, "nats") for split in ("train", "test"))
        return gap(train, test, few=self.first.few)

    def points(self, method: str) -> Floats:
        """The test accuracy of every draw of every seed in percent, (S, D)."""
        tables = (one.draws.methods[method] for one in self.seeds)
        return 100 * np.stack([table.test_accuracy for table in tables])

    @cached_property
    def numbers(self) -> dict[str, Number]:
        """Those of the finding, the most telling first."""
        methods = self.asked.methods
        accuracy = {method: self.accuracy(method) for method in methods}
        gaps = {method: self.gap(method) for method in methods}
        found = {}
        for second, first in self.pairs:
            difference = (accuracy[second] - accuracy[first]).mean()
            found[f"{second}-minus-{first}.test-accuracy"] = difference.in_points
        found |= {f"{method}.test-accuracy": one.mean() for method, one in accuracy.items()}
        for second, first in self.pairs:
            found[f"{second}-minus-{first}.gap"] = (gaps[second] - gaps[first]).mean()
        found |= {f"{method}.gap": one.mean() for method, one in gaps.items()}
        for method in methods:
            found[f"{method}.test-cross-entropy"] = self.cross_entropy(method).mean()
        majority = Number(self.first.majority, unit="accuracy")
        return found | {"always-most-frequent-class": majority}

    def _of(self, method: str, name: str, unit: str) -> Measured:
        images = "training images" if name == "train" else "test images"
        return self.seeds.measured(
            lambda one: getattr(one.method[method], name), unit, ("draw", "image"), images=images
        )
