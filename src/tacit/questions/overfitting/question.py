"""Is a model overfitted: does it fit the images it learned from better than others?"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from tacit.questions.base import Measurement, OfRuns, Runs, Setting
from tacit.questions.overfitting import figures, numbers, words
from tacit.questions.shared.seeds import Seeds


class Overfitting(OfRuns):
    """The gap between test and training loss, and whether the test loss turned.

    Attributes:
        runs: any kinds of model.
        refine_images, refine_steps: for VAEs without an encoder, how many images of each split
            get posteriors of their own, by how many steps.
    """

    name: ClassVar[str] = "overfitting"
    rooms: ClassVar[tuple[Any, Any]] = (words, figures)
    title: ClassVar[str] = "Is it overfitted?"
    asks: ClassVar[str] = (
        "Does each model fit the images that it learned from better than images that it has not "
        "seen, and did its test loss rise again while it learned?"
    )
    rules: ClassVar[tuple[str, ...]] = ("train-test-gap", "risen")
    reads_features: ClassVar[bool] = True
    weight: ClassVar[float] = 3.0
    quick: ClassVar[Mapping[str, int]] = {"refine_images": 50}
    kinds: ClassVar[tuple[str, ...]] = ("autoencoder", "vae", "classifier")

    refine_images: Annotated[int, Field(ge=2, le=10_000)] = 200
    refine_steps: Annotated[int, Field(ge=1, le=10_000)] = 100

    def measure(self, runs: Runs) -> Measurement:
        return Measurement.of(
            numbers.measure(runs, self.runs, self.refine_images, self.refine_steps)
        )

    def found(self, measured: Mapping[int, Measurement], setting: Setting) -> Any:
        seeds = Seeds.of(numbers.Numbers, measured)
        each = [
            numbers.judge(seeds, run, finished=run not in setting.unfinished) for run in self.runs
        ]
        return numbers.Overfitted(seeds, each, self.refine_steps)
