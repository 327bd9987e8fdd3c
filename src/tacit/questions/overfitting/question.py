"""Is a model overfitted: does it fit the images it learned from better than others?"""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from tacit.questions.base import Measurement, OfRuns, Runs, Setting
from tacit.questions.finding import Finding
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
    title: ClassVar[str] = "Is it overfitted?"
    asks: ClassVar[str] = (
        "Does each model fit the images that it learned from better than images that it has not "
        "seen, and did its test loss rise again while it learned?"
    )
    rules: ClassVar[tuple[str, ...]] = ("train-test-gap", "risen")
    decided_by: ClassVar[str] = words.DECIDED_BY
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

    def answer(self, measured: Mapping[int, Measurement], setting: Setting) -> Finding:
        seeds = Seeds.of(numbers.Numbers, measured)
        judged = [
            numbers.judge(seeds, run, finished=run not in setting.unfinished) for run in self.runs
        ]
        pictured = [one for one in judged if one.of.pictures]
        return self.finding(
            setting,
            seeds,
            words.headline(judged),
            {
                f"{one.name}.{name.replace('_', '-')}": getattr(one, name)
                for name in ("gap", "rise", "turned", "accuracy_gap")
                for one in judged
            },
            answer=map(words.sentence, judged),
            figures=(
                figures.draw_losses(judged, setting),
                figures.draw_gaps(judged, setting),
                *(
                    figures.draw_reconstructions(n, one, seeds.seed, setting)
                    for n, one in enumerate(pictured, 1)
                ),
            ),
            tables=(words.table(judged),),
            caveats=words.caveats(judged, seeds, self.refine_steps),
        )
