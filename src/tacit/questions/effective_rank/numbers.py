"""What question `effective-rank` measures, and its numbers over seeds."""

from dataclasses import dataclass

import numpy as np

from tacit.measures.distances import Floats
from tacit.measures.engine import Measured
from tacit.measures.number import Number
from tacit.models.parts import part_of
from tacit.questions.base import OverSeeds, Runs
from tacit.questions.effective_rank.question import EffectiveRank
from tacit.training.collapse import NEIGHBOUR, effective_rank
from tacit.training.evaluation import sample_of
from tacit.training.many import of_images
from tacit.training.objectives.base import codes_in
from tacit.training.run_folder import SavedRun


@dataclass(frozen=True)
class OfRun:
    """One run of one seed.

    Attributes:
        width: dimensions of the code. test: the effective rank on test images.
        epoch, rank, spread: the evaluations of a contrastive run on training images, (E,); spread
            is the mean standard deviation of a dimension. Empty for other runs.
        neighbour: with them the share of training images whose nearest other one is of the same
            class, (E,); empty where there are no labels.
    """

    width: int
    test: float
    epoch: Floats
    rank: Floats
    spread: Floats
    neighbour: Floats


@dataclass(frozen=True)
class Numbers:
    """What is measured on one seed, by run."""

    run: dict[str, OfRun]


def measure(runs: Runs, asked: EffectiveRank) -> Numbers:
    return Numbers({name: _of_run(runs[name], runs) for name in asked.runs})


def _of_run(run: SavedRun, runs: Runs) -> OfRun:
    encoder, index = part_of(run.model(), "encoder"), sample_of(len(runs.test), "test")
    codes = of_images(lambda batch: codes_in(encoder, batch), runs.test, index)
    updates, rank, _ = run.history.curve("train", "effective rank")
    _, spread, _ = run.history.curve("train", "spread")
    _, neighbour, _ = run.history.curve("train", NEIGHBOUR)
    epochs = np.array([run.schedule.epoch_of(update) for update in updates], dtype=float)
    return OfRun(codes.shape[1], effective_rank(codes), epochs, rank, spread, neighbour)


class Found(OverSeeds[Numbers, EffectiveRank]):
    """The effective rank of each run's codes of test images."""

    def rank(self, name: str) -> Number:
        values = np.array([one.run[name].test for one in self.seeds])
        return Measured(values, ("seed",), given="these test images").mean()

    def width(self, name: str) -> int:
        return self.first.run[name].width

    @property
    def numbers(self) -> dict[str, Number]:
        return {f"{name}.effective-rank": self.rank(name) for name in self.asked.runs}
