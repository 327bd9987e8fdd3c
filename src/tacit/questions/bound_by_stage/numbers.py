"""-log p(x) by stage of training: what is measured, and the numbers over seeds and images."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from tacit.images.dataset import Images
from tacit.measures.distances import Floats
from tacit.measures.engine import Measured
from tacit.measures.number import Number
from tacit.models.models import VAE
from tacit.questions.base import Arrays, OverSeeds, Runs
from tacit.questions.bound_by_stage.question import BoundByStage
from tacit.questions.shared.samples import Rows, of_all
from tacit.questions.shared.scoring import estimated, observed
from tacit.questions.shared.splits import counted
from tacit.questions.typed import OfImages
from tacit.training.run_folder import SavedRun


@dataclass(frozen=True)
class Scored:
    """Of images, (n,) each: -log p(x) in nats, its standard error, and 1 where it is flagged."""

    nll: Floats
    standard_error: Floats
    flagged: Rows

    def take(self, rows: Rows) -> "Scored":
        """Some of the images."""
        return Scored(self.nll[rows], self.standard_error[rows], self.flagged[rows])


@dataclass(frozen=True)
class Numbers:
    """What is measured on one seed.

    Attributes:
        stages: by run, updates, epochs and rate at the end of each stage, (K, 3).
        table: by run the same images after every stage, by "stage-1", …; as RUN.all all test images
            after the last, by "".
    """

    stages: dict[str, Floats]
    table: dict[str, OfImages[Scored]]


def measure(runs: Runs, asked: BoundByStage) -> Numbers:
    found = Numbers({}, {})
    rows, everything = of_all(runs.test, asked.images, "test"), np.arange(len(runs.test))
    for name in asked.runs:
        run = runs[name]
        schedule = run.schedule
        phases = schedule.phases or ((schedule.updates, schedule.rate),)
        found.stages[name] = np.array([(end, schedule.epoch_of(end), rate) for end, rate in phases])
        stages = {}
        for stage, (end, _) in enumerate(phases, start=1):
            last = stage == len(phases)
            score = partial(
                _scored, run, end, runs.test, everything if last else rows, asked.samples
            )
            kept: dict[str, NDArray[np.generic]] = runs.kept(f"{name}-stage-{stage}", score)
            scored = Scored(**kept)  # type: ignore[arg-type]
            stages[f"stage-{stage}"] = scored.take(rows) if last else scored
        found.table[name] = OfImages(rows, runs.test.labels_of(rows), stages)
        found.table[f"{name}.all"] = OfImages(everything, runs.test.labels, {"": scored})
    return found


def _scored(run: SavedRun, update: int, images: Images, rows: Rows, samples: int) -> Arrays:
    """The columns of `Scored`, by the model as it was after `update`."""
    model = run.model_as(VAE, update)
    # The names of streams do not tell runs apart: all see the same binarised pixels and noise.
    data = observed(model, images, rows, run.seed, "test")
    estimate = estimated(model, data, samples, run.seed, "test", by_encoder=True)
    return {
        "nll": -estimate.log_prob,
        "standard_error": estimate.standard_error,
        "flagged": estimate.flagged.astype(np.int64),
    }


class Found(OverSeeds[Numbers, BoundByStage]):
    """What was measured after every stage."""

    def published(self, run: str) -> Mapping[str, float]:
        """-log p(x) in nats of a run by where it was published, for these images."""
        here = self.setting.source == self.asked.published_for
        return self.asked.published.get(run, {}) if here else {}

    def plan(self, run: str) -> Floats:
        """Updates, epochs and rate at the end of each stage, (K, 3)."""
        return self.first.stages[run]

    def n_stages(self, run: str) -> int:
        return len(self.plan(run))

    def scored(self, run: str, stage: int | None) -> Measured:
        """-log p(x) after a stage, counted from 1, or after the last on all test images."""
        table, key = (f"{run}.all", "") if stage is None else (run, f"stage-{stage}")
        return self.seeds.measured(lambda one: one.table[table].of[key].nll, "nats")

    def nll(self, run: str, stage: int | None = None) -> Number:
        """Its mean."""
        return self.scored(run, stage).mean()

    def difference(self, first: tuple[str, int | None], second: tuple[str, int | None]) -> Number:
        """first - second, each a run and a stage, on the same images and seeds."""
        return (self.scored(*first) - self.scored(*second)).mean()

    def last_gain(self, run: str) -> Number | None:
        """By how much the last stage lowered -log p(x); None where there was one stage alone."""
        last = self.n_stages(run)
        return self.difference((run, last - 1), (run, last)) if last > 1 else None

    def above(self, run: str, published: float) -> Number:
        """-log p(x) minus a published value, which has no interval."""
        number = self.nll(run)
        value, low, high = (
            None if end is None else end - published
            for end in (number.value, number.low, number.high)
        )
        return replace(number, value=value, low=low, high=high)

    def remaining(self, run: str) -> tuple[int, int, int]:
        """How many stages of the protocol were not trained, their epochs, and their updates."""
        plan, protocol = self.plan(run), self.asked.stages
        trained = np.diff(plan[:, 1], prepend=0)
        n = len(trained)
        if tuple(trained) != protocol[:n]:
            return 0, 0, 0
        epochs = sum(protocol[n:])
        return len(protocol) - n, epochs, round(epochs * plan[-1, 0] / plan[-1, 1])

    def flagged(self, run: str) -> Number:
        """How many of the estimates after the last stage are flagged."""
        flags = self.seeds.pooled(lambda one: one.table[f"{run}.all"].of[""].flagged)
        return counted(flags, "estimates")

    @cached_property
    def numbers(self) -> dict[str, Number]:
        runs = self.asked.runs
        numbers = {f"{run}.nll": self.nll(run) for run in runs}
        for run in runs:
            for place, value in enumerate(self.published(run).values(), start=1):
                numbers[f"{run}.above-published-{place}"] = self.above(run, value)
        first, *others = runs
        for run in others:
            numbers[f"{run}.minus.{first}"] = self.difference((run, None), (first, None))
        for run in runs:
            for stage in range(1, self.n_stages(run) + 1):
                numbers[f"{run}.stage-{stage}.nll"] = self.nll(run, stage)
            numbers[f"{run}.flagged"] = self.flagged(run)
            if (gain := self.last_gain(run)) is not None:
                numbers[f"{run}.last-stage-gain"] = gain
        return numbers
