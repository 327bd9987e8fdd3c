"""Which code is enough: the rule, and the numbers that it reads."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tacit.measures.distances import Floats
from tacit.measures.intervals import decide, mean_t, paired, proportion
from tacit.measures.number import Number
from tacit.questions.shared.by_seed import BySeed
from tacit.questions.shared.codes import counted
from tacit.questions.shared.wider import wider
from tacit.streams import numpy_stream

TABLE, LABELLED = "table/test-images", "table/classes"
WAYS = {"probe": "linear probe", "nearest": "nearest training code"}


@dataclass(frozen=True)
class Sizes(BySeed):
    """What was measured of codes of several sizes.

    Attributes:
        runs: as the study's file names them.
        tolerance: the share of the best's gain that may be lost.
    """

    runs: tuple[str, ...]
    tolerance: float

    def code(self, run: str) -> int:
        return int(self.first.values[f"{run}/code"])

    @cached_property
    def by_size(self) -> tuple[str, ...]:
        """The runs, the smallest code first."""
        return tuple(sorted(self.runs, key=self.code))

    @property
    def is_vae(self) -> bool:
        return f"{TABLE}/{self.runs[0]}.elbo" in self.first.arrays

    @property
    def column(self) -> str:
        return "elbo" if self.is_vae else "squared-error"

    @property
    def objective(self) -> str:
        """What is compared, in words."""
        return "ELBO" if self.is_vae else "squared error"

    @property
    def unit(self) -> str:
        return "nats" if self.is_vae else ""

    @property
    def sign(self) -> float:
        """1 where more is better, -1 where less is."""
        return 1.0 if self.is_vae else -1.0

    @cached_property
    def choosing(self) -> NDArray[np.int64]:
        """The test images, as places in the table, that sizes are chosen on: half of them."""
        return self._halves[0]

    @cached_property
    def reporting(self) -> NDArray[np.int64]:
        """The other half; the same where there is a single image."""
        return self._halves[1] if len(self._halves[1]) else self._halves[0]

    @cached_property
    def _halves(self) -> list[NDArray[np.int64]]:
        n = len(self.first.arrays[f"{TABLE}/index"])
        order = numpy_stream(0, "halves of the test images").permutation(n)
        return [np.sort(half) for half in np.array_split(order, 2)]

    def values(self, run: str, column: str = "") -> Floats:
        """One row per seed, (S, n): of every test image."""
        return self.stacked(f"{TABLE}/{run}.{column or self.column}")

    def average(self, run: str, column: str = "") -> Number:
        """The mean over reported test images."""
        values = self.values(run, column)[:, self.reporting]
        unit = "nats" if column else self.unit
        over_images = mean_t(values.mean(axis=0), over="test images", unit=unit, given=self.given)
        return wider(over_images, values.mean(axis=1))

    def shortfall(self, run: str, other: str, images: NDArray[np.int64]) -> Number:
        """By how much `run` is worse than `other`, image by image: above zero where it is worse."""
        mine, theirs = (-self.sign * self.values(name)[:, images] for name in (run, other))
        over_images = paired(
            mine.mean(axis=0),
            theirs.mean(axis=0),
            over="test images",
            unit=self.unit,
            given=self.given,
        )
        return wider(over_images, (mine - theirs).mean(axis=1))

    @cached_property
    def best(self) -> str:
        """The best of all on the images that sizes are chosen on."""
        return max(
            self.by_size, key=lambda run: self.sign * self.values(run)[:, self.choosing].mean()
        )

    @cached_property
    def allowed(self) -> float:
        """How much a code may fall short of the best, in the objective's unit."""
        nothing = np.mean([m.values[f"{self.best}/mean-image"] for m in self.measured.values()])
        gain = self.sign * (self.values(self.best)[:, self.choosing].mean() - nothing)
        return max(0.0, self.tolerance * float(gain))

    @cached_property
    def chosen(self) -> str:
        """The smallest code that is enough."""
        return next(run for run in self.by_size if run == self.best or self._enough(run))

    def _enough(self, run: str) -> bool:
        short = self.shortfall(run, self.best, self.choosing)
        if short.value is None or short.low is None or short.high is None:
            return False
        return short.value < self.allowed and (
            decide(short) != "higher" or short.high < self.allowed
        )

    @property
    def smaller(self) -> str | None:
        """The next smaller code than the chosen one."""
        place = self.by_size.index(self.chosen)
        return self.by_size[place - 1] if place else None

    @property
    def largest(self) -> str:
        return self.by_size[-1]

    @property
    def ways(self) -> tuple[str, ...]:
        """How classes were told; none without labels."""
        return tuple(way for way in WAYS if f"{LABELLED}/{self.runs[0]}.{way}" in self.first.arrays)

    def told(self, run: str, way: str) -> Floats:
        """1 where an image's class was told from its code, (S, n)."""
        return self.stacked(f"{LABELLED}/{run}.{way}")

    def accuracy(self, run: str, way: str) -> Number:
        values = self.told(run, way)
        if len(values) == 1:
            return proportion(values[0], over="test images", unit="accuracy")
        return mean_t(values.mean(axis=1), unit="accuracy", given="these test images")

    def accuracy_difference(self, run: str, other: str, way: str) -> Number:
        """Of `run` minus `other`, in percentage points, paired by image."""
        mine, theirs = 100 * self.told(run, way), 100 * self.told(other, way)
        over_images = paired(
            mine.mean(axis=0),
            theirs.mean(axis=0),
            over="test images",
            unit="percentage points",
            given=self.given,
        )
        return wider(over_images, (mine - theirs).mean(axis=1))

    def used(self, run: str) -> Number:
        """Active units of a VAE, principal directions of an autoencoder."""
        return counted(self.measured, f"{run}/used")

    def train(self, run: str) -> float:
        """The mean over training images, and over seeds."""
        return float(
            np.mean([m.values[f"{run}/train.{self.column}"] for m in self.measured.values()])
        )

    def numbers(self) -> dict[str, Number]:
        """The numbers of the finding, the most telling first."""
        numbers = {
            "chosen-code": Number(float(self.code(self.chosen)), unit="dimensions"),
            "allowed-shortfall": Number(self.allowed, unit=self.unit),
        }
        if self.largest != self.chosen:
            numbers["more-dimensions.gain"] = self.shortfall(
                self.chosen, self.largest, self.reporting
            )
        for run in self.by_size:
            if run != self.best:
                numbers[f"{run}.shortfall"] = self.shortfall(run, self.best, self.reporting)
        numbers |= {f"{run}.{self.column}": self.average(run) for run in self.by_size}
        numbers |= {f"{run}.used-dimensions": self.used(run) for run in self.by_size}
        for way in self.ways[:1]:
            numbers |= {f"{run}.{way}": self.accuracy(run, way) for run in self.by_size}
        return numbers
