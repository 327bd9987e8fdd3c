"""Numbers of -log p(x) by stage of training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tacit.measures.distances import Floats
from tacit.measures.intervals import mean_t, paired
from tacit.measures.number import Number
from tacit.questions.shared.by_seed import BySeed
from tacit.questions.shared.wider import wider


@dataclass(frozen=True)
class Stages(BySeed):
    """As `BySeed`.

    Attributes:
        protocol: the epochs of every stage of the protocol, trained or not; () where unknown.
        published: for a run, -log p(x) in nats by where it was published.
    """

    runs: Sequence[str]
    samples: int
    protocol: tuple[int, ...]
    published: Mapping[str, Mapping[str, float]]

    def plan(self, run: str) -> Floats:
        """Updates, epochs and rate at the end of each stage, (K, 3)."""
        return self.first.floats(f"stages/{run}")

    def n_stages(self, run: str) -> int:
        return len(self.plan(run))

    def by_seed(self, run: str, stage: int | None, column: str = "nll") -> Floats:
        """One row per seed, (S, n): after a stage, counted from 1; None for the last on all."""
        table = f"{run}.all/" if stage is None else f"{run}/stage-{stage}."
        return self.stacked(f"table/{table}{column}")

    def nll(self, run: str, stage: int | None = None) -> Number:
        """-log p(x) after a stage, or after the last on all test images."""
        values = self.by_seed(run, stage)
        over_images = mean_t(values.mean(axis=0), over="test images", unit="nats", given=self.given)
        return wider(over_images, values.mean(axis=1))

    def difference(self, first: tuple[str, int | None], second: tuple[str, int | None]) -> Number:
        """first - second, each a run and a stage, on the same images and seeds."""
        a, b = self.by_seed(*first), self.by_seed(*second)
        over_images = paired(
            a.mean(axis=0), b.mean(axis=0), over="test images", unit="nats", given=self.given
        )
        return wider(over_images, (a - b).mean(axis=1))

    def last_gain(self, run: str) -> Number | None:
        """By how much the last stage lowered -log p(x); None where there was one stage alone."""
        last = self.n_stages(run)
        return self.difference((run, last - 1), (run, last)) if last > 1 else None

    def above(self, run: str, published: float) -> Number:
        """-log p(x) minus a published value, which has no interval."""
        number = self.nll(run)
        if number.value is None or number.low is None or number.high is None:
            return number
        low, high = number.low - published, number.high - published
        return replace(number, value=number.value - published, low=low, high=high)

    def remaining(self, run: str) -> tuple[int, int, int]:
        """How many stages of the protocol were not trained, their epochs, and their updates."""
        plan = self.plan(run)
        trained = np.diff(plan[:, 1], prepend=0)
        n = len(trained)
        if tuple(trained) != self.protocol[:n]:
            return 0, 0, 0
        epochs = sum(self.protocol[n:])
        return len(self.protocol) - n, epochs, round(epochs * plan[-1, 0] / plan[-1, 1])

    def flagged(self, run: str) -> Number:
        """How many of the estimates after the last stage are flagged."""
        flags = self.by_seed(run, None, "flagged")
        said = f"a count of {flags.size:,} estimates"
        return Number(float(flags.mean()), n=flags.size, unit="share", interval=said)

    def numbers(self) -> dict[str, Number]:
        """All numbers, the important ones first."""
        numbers = {f"{run}.nll": self.nll(run) for run in self.runs}
        for run in self.runs:
            for place, value in enumerate(self.published.get(run, {}).values(), start=1):
                numbers[f"{run}.above-published-{place}"] = self.above(run, value)
        first, *others = self.runs
        for run in others:
            numbers[f"{run}.minus.{first}"] = self.difference((run, None), (first, None))
        for run in self.runs:
            for stage in range(1, self.n_stages(run) + 1):
                numbers[f"{run}.stage-{stage}.nll"] = self.nll(run, stage)
            numbers[f"{run}.flagged"] = self.flagged(run)
        return numbers
