"""Along how many directions do codes tell images apart?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tacit.figures.charts import Panel, Series, curves
from tacit.figures.sink import Figure
from tacit.measures.engine import Measured
from tacit.measures.formatting import brief, show, significant
from tacit.models.parts import part_of
from tacit.questions.base import Measurement, Question, Runs, Setting
from tacit.questions.finding import Finding, Table
from tacit.questions.shared.run_names import RunNames
from tacit.questions.shared.seeds import Seeds
from tacit.questions.verdicts import Said, Verdict
from tacit.training.collapse import effective_rank
from tacit.training.evaluation import sample_of
from tacit.training.many import of_images
from tacit.training.objectives.base import codes_in
from tacit.training.run_folder import SavedRun

Line = NDArray[np.float64]

DECIDED_BY = (
    "Nothing is decided. The effective rank is exp of the entropy of the shares that the singular "
    "values of the centred codes have: as many as the dimensions where all vary alike and apart, 1 "
    "where codes lie along one direction. A high one is no proof of good codes, a low one says "
    "that little can be told from them. A contrastive run whose codes are all alike stops by "
    "itself."
)


@dataclass(frozen=True)
class OfRun:
    """One run of one seed.

    Attributes:
        width: dimensions of the code. test: the effective rank on test images.
        epoch, rank, spread: the evaluations of a contrastive run on training images, (E,); spread
            is the mean standard deviation of a dimension. Empty for other runs.
    """

    width: int
    test: float
    epoch: Line
    rank: Line
    spread: Line


@dataclass(frozen=True)
class Numbers:
    """What is measured on one seed, by run."""

    run: dict[str, OfRun]


class EffectiveRank(Question):
    """The effective rank of codes, and how it went while contrastive runs learned.

    Attributes:
        runs: what has an encoder.
    """

    name: ClassVar[str] = "effective-rank"
    title: ClassVar[str] = "Do the codes tell images apart?"
    asks: ClassVar[str] = (
        "Along how many directions do the codes of unseen images vary, and did they fall together "
        "while they were learned?"
    )
    decided_by: ClassVar[str] = DECIDED_BY
    sources: ClassVar[tuple[str, ...]] = ("Roy and Vetterli 2007 (effective rank)",)
    as_trained: ClassVar[bool] = True
    reads_features: ClassVar[bool] = True
    weight: ClassVar[float] = 0.2

    runs: Annotated[RunNames, Field(min_length=1)]

    def needs(self) -> dict[str, tuple[str, ...]]:
        kinds = ("autoencoder", "amortized vae", "classifier", "contrastive")
        return dict.fromkeys(self.runs, kinds)

    def without(self, run: str) -> "Question | None":
        left = tuple(name for name in self.runs if name != run)
        return self.model_copy(update={"runs": left}) if left else None

    def measure(self, runs: Runs) -> Measurement:
        return Measurement.of(Numbers({name: _of_run(runs[name], runs) for name in self.runs}))

    def answer(self, measured: Mapping[int, Measurement], setting: Setting) -> Finding:
        seeds = Seeds.of(Numbers, measured)
        found = {
            name: Measured(
                np.array([one.run[name].test for one in seeds]),
                ("seed",),
                given="these test images",
            ).mean()
            for name in self.runs
        }
        width = {name: seeds.first.run[name].width for name in self.runs}
        learned = [name for name in self.runs if len(seeds.first.run[name].epoch)]
        said = [f"{show(found[name])} of {width[name]} with {name}" for name in self.runs]
        least = min(self.runs, key=lambda name: (found[name].value or 0.0) / width[name])
        return self.finding(
            setting,
            seeds,
            Said(
                Verdict.CANNOT_TELL,
                f"Codes of {least} vary along about {brief(found[least])} of {width[least]} "
                "directions, which alone decides nothing.",
                f"{least}.effective-rank",
                f"effective rank of the codes of {least}",
            ),
            {f"{name}.effective-rank": found[name] for name in self.runs},
            answer=[f"The effective rank of the codes of test images is {'; '.join(said)}."],
            figures=[_drawn(seeds, learned, setting)] if learned else [],
            tables=[
                Table(
                    "Codes of test images after the last update.",
                    ("run", "dimensions", "effective rank"),
                    tuple((name, width[name], found[name]) for name in self.runs),
                )
            ],
        )


def _of_run(run: SavedRun, runs: Runs) -> OfRun:
    encoder = part_of(run.model(), "encoder")
    codes = of_images(
        lambda batch: codes_in(encoder, batch), runs.test, sample_of(len(runs.test), "test")
    )
    updates, rank, _ = run.history.curve("train", "effective rank")
    _, spread, _ = run.history.curve("train", "spread")
    epochs = np.array([run.schedule.epoch_of(update) for update in updates], dtype=float)
    return OfRun(codes.shape[1], effective_rank(codes), epochs, rank, spread)


def _drawn(seeds: Seeds[Numbers], names: list[str], setting: Setting) -> Figure:
    panels = []
    for term, label in (
        ("rank", "effective rank"),
        ("spread", "standard deviation of a dimension"),
    ):
        series = []
        for colour, name in enumerate(names):
            lines = np.stack([getattr(one.run[name], term) for one in seeds])
            ends = lines.min(axis=0), lines.max(axis=0)
            x = seeds.first.run[name].epoch
            series.append(Series(name, x, lines.mean(axis=0), *ends, colour=colour))
        panels.append(Panel(series, x_label="epochs", y_label=label, title=label))
    bands = f"; bands reach over {len(seeds)} seeds" if len(seeds) > 1 else ""
    first = seeds.first.run
    return setting.chart(
        "learning",
        curves(*panels),
        f"Codes of training images while they were learned{bands}.",
        "Effective rank and spread of codes by epoch; at the end "
        + "; ".join(
            f"{name} {significant(float(first[name].rank[-1]))} and "
            f"{significant(float(first[name].spread[-1]))}"
            for name in names
        )
        + ".",
    )
