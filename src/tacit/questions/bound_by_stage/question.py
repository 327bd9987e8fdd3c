"""How far does training get, stage by stage, beside what was published for the same protocol?"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from tacit.questions.base import Measurement, OfRuns, Runs, Setting
from tacit.questions.bound_by_stage import figures, numbers, words
from tacit.questions.shared.seeds import Seeds


class BoundByStage(OfRuns):
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
    rooms: ClassVar[tuple[Any, Any]] = (words, figures)
    title: ClassVar[str] = "Does training reach what was published?"
    asks: ClassVar[str] = (
        "Are test images as likely under the model as was published, how likely are they after "
        "each stage of training, and what would the stages that remain cost?"
    )
    rules: ClassVar[tuple[str, ...]] = ("lower-error",)
    sources: ClassVar[tuple[str, ...]] = (
        "Burda, Grosse and Salakhutdinov 2016, Importance weighted autoencoders",
        "Tucker, Lawson, Gu and Maddison 2019, Doubly reparameterized gradient estimators",
    )
    weight: ClassVar[float] = 500.0
    kinds: ClassVar[tuple[str, ...]] = ("vae",)
    quick: ClassVar[Mapping[str, int]] = {"images": 200, "samples": 1000}

    runs: Annotated[tuple[str, ...], Field(max_length=6)]
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
        return Measurement.of(numbers.measure(runs, self.runs, self.images, self.samples))

    def found(self, measured: Mapping[int, Measurement], setting: Setting) -> Any:
        seeds, here = Seeds.of(numbers.Numbers, measured), setting.source == self.published_for
        published = self.published if here else {}
        not_compared = (
            f"Published values are of the images '{self.published_for}', and are not compared with "
            f"those of '{setting.source}'."
        )
        left_out = not_compared if self.published and not published else ""
        return numbers.Stages(seeds, self.runs, self.samples, self.stages, published, left_out)
