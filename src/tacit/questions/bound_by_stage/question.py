"""How far does training get, stage by stage, beside what was published for the same protocol?"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from pydantic import Field, model_validator

from tacit.evidence.observed import observe
from tacit.images.dataset import Images
from tacit.models.models import VAE
from tacit.questions.base import Measurement, Question, Runs, Setting
from tacit.questions.bound_by_stage.numbers import Stages
from tacit.questions.bound_by_stage.words import caveats, curve, rule, sentences, tables_of
from tacit.questions.finding import Finding
from tacit.questions.shared.samples import Rows, of_all
from tacit.questions.shared.scoring import Columns, estimated
from tacit.streams import torch_stream
from tacit.training.run_folder import SavedRun


class BoundByStage(Question):
    """-log p(x) of test images by importance sampling, at the end of every phase of training.

    Attributes:
        runs: VAEs of one likelihood, trained in phases.
        samples: importance samples per image.
        images: test images at the end of every phase; the last is evaluated on all of them.
        stages: the epochs of every stage of the protocol, so that the page can say what those that
            were not trained would cost.
        published: for a run, -log p(x) in nats by where it was published.
        published_for: the images that it was published for; of others, nothing is compared.
    """

    name: ClassVar[str] = "bound-by-stage"
    title: ClassVar[str] = "How far does training get, stage by stage?"
    asks: ClassVar[str] = (
        "How unlikely are test images under the model after each stage of training, how far is "
        "that from what was published, and what would the stages that remain cost?"
    )
    weight: ClassVar[float] = 500.0

    runs: Annotated[tuple[str, ...], Field(min_length=1, max_length=6)]
    samples: Annotated[int, Field(ge=1, le=10**6)] = 5000
    images: Annotated[int, Field(ge=2, le=10**6)] = 1000
    stages: tuple[Annotated[int, Field(ge=1, le=10**6)], ...] = ()
    published: dict[str, dict[str, float]] = Field(default_factory=dict)
    published_for: str = "mnist"

    @model_validator(mode="after")
    def _published_for_runs(self) -> "BoundByStage":
        for run in self.published:
            if run not in self.runs:
                raise ValueError(
                    f"published names '{run}', which is none of runs: {', '.join(self.runs)}"
                )
        return self

    def needs(self) -> dict[str, tuple[str, ...]]:
        return dict.fromkeys(self.runs, ("vae",))

    def without(self, run: str) -> "BoundByStage | None":
        """The same of the other runs, where there are any."""
        left = tuple(name for name in self.runs if name != run)
        published = {name: self.published[name] for name in left if name in self.published}
        changed = {"runs": left, "published": published}
        return self.model_copy(update=changed) if left else None

    def errors(self, runs: Mapping[str, Any]) -> Iterator[str]:
        """Values of different likelihoods do not stand side by side."""
        first, *others = self.runs
        for name in others:
            if runs[name].likelihood != runs[first].likelihood:
                yield (
                    f"runs '{first}' and '{name}' differ in likelihood; log p(x) of one scale "
                    "cannot stand beside that of another"
                )

    def measure(self, runs: Runs) -> Measurement:
        found = Measurement()
        rows = of_all(runs.test, self.images, "test")
        everything = np.arange(len(runs.test))
        for name in self.runs:
            run = runs[name]
            schedule = run.schedule
            phases = schedule.phases or ((schedule.updates, schedule.rate),)
            found.arrays[f"stages/{name}"] = np.array(
                [(end, schedule.epoch_of(end), rate) for end, rate in phases]
            )
            found.arrays |= _named(f"table/{name}", runs.test, rows)
            for stage, (end, _) in enumerate(phases, start=1):
                last = stage == len(phases)
                score = partial(self._scored, run, end, runs.test, everything if last else rows)
                columns = runs.kept(f"{name}-stage-{stage}", score)
                if last:
                    found.arrays |= _named(f"table/{name}.all", runs.test, everything)
                    found.arrays |= {f"table/{name}.all/{c}": v for c, v in columns.items()}
                    columns = {column: values[rows] for column, values in columns.items()}
                prefix = f"table/{name}/stage-{stage}"
                found.arrays |= {f"{prefix}.{c}": values for c, values in columns.items()}
        return found

    def answer(self, measured: Mapping[int, Measurement], setting: Setting) -> Finding:
        same = setting.source == self.published_for
        published = self.published if same else {}
        stages = Stages(measured, self.runs, self.samples, self.stages, published)
        return Finding(
            question=setting.question,
            title=self.title,
            asks=self.asks,
            answer=sentences(stages),
            numbers=stages.numbers(),
            runs=self.runs,
            decided_by=rule(stages),
            figures=(curve(stages, setting),),
            tables=tables_of(stages),
            caveats=caveats(stages) + self._not_compared(setting.source),
            sources=(
                "Burda, Grosse and Salakhutdinov 2016, Importance weighted autoencoders",
                "Tucker, Lawson, Gu and Maddison 2019, Doubly reparameterized gradient estimators",
            ),
        )

    def _not_compared(self, source: str) -> tuple[str, ...]:
        if not self.published or source == self.published_for:
            return ()
        return (
            f"Published values are of the images '{self.published_for}', and are not compared with "
            f"those of '{source}'.",
        )

    def _scored(self, run: SavedRun, update: int, images: Images, rows: Rows) -> Columns:
        """-log p(x) with its error and flag, (n,) each, by the model as it was after `update`."""
        model = run.model(update)
        assert isinstance(model, VAE)
        x = torch.from_numpy(images.scaled(rows))
        # The names of streams do not tell runs apart: all see the same binarised pixels and noise.
        data = observe(model, x, torch_stream(run.seed, "observed", "test"))
        estimate = estimated(model, data, self.samples, run.seed, "test")
        return {
            "nll": -estimate.log_prob,
            "standard_error": estimate.standard_error,
            "flagged": estimate.flagged.astype(np.int64),
        }


def _named(table: str, images: Images, rows: Rows) -> Columns:
    columns: Columns = {f"{table}/index": rows}
    if images.labels is not None:
        columns[f"{table}/label"] = images.labels[rows]
    return columns
