"""How far does training get, stage by stage, beside what was published for the same protocol?"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from tacit.questions.base import Learns, OfRuns


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

    name = "bound-by-stage"
    title = "Does training reach what was published?"
    asks = (
        "Are test images as likely under the model as was published, how likely are they after "
        "each stage of training, and what would the stages that remain cost?"
    )
    rules = ("lower-error",)
    sources = (
        "Burda, Grosse and Salakhutdinov 2016, Importance weighted autoencoders",
        "Tucker, Lawson, Gu and Maddison 2019, Doubly reparameterized gradient estimators",
    )
    weight = 500.0
    quick: ClassVar[Mapping[str, int]] = {"images": 200, "samples": 1000}

    runs: Annotated[tuple[str, ...], Learns("vae"), Field(max_length=6)]
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
