"""How well does a classifier do on images that it has not seen?"""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from tacit.questions.base import Learns, Measurement, Question, Runs, Setting
from tacit.questions.classifier import figures, numbers, words
from tacit.questions.finding import Finding
from tacit.questions.shared.seeds import Seeds, means


class ClassifierAccuracy(Question):
    """Accuracy and cross-entropy on the test images after the last update, and by class.

    Attributes:
        run: a classifier.
        most_wrong: how many of the worst test images are shown.
    """

    name: ClassVar[str] = "classifier"
    title: ClassVar[str] = "Does the classifier work on unseen images?"
    asks: ClassVar[str] = (
        "Does the classifier do better on images that it has not seen than one answer for all "
        "would, and how well?"
    )
    rules: ClassVar[tuple[str, ...]] = ("train-test-gap", "harder-class", "one-class", "confidence")
    decided_by: ClassVar[str] = words.DECIDED_BY
    reads_features: ClassVar[bool] = True
    needs_labels: ClassVar[bool] = True
    weight: ClassVar[float] = 0.5

    run: Annotated[str, Learns("classifier")]
    most_wrong: Annotated[int, Field(ge=1, le=60)] = 20

    def measure(self, runs: Runs) -> Measurement:
        return Measurement.of(numbers.measure(runs, self.run, self.most_wrong))

    def answer(self, measured: Mapping[int, Measurement], setting: Setting) -> Finding:
        seeds = Seeds.of(numbers.Numbers, measured)
        found = numbers.Accuracy(seeds, setting.class_names)
        known = means(found.numbers())
        return self.finding(
            setting,
            seeds,
            words.headline(known),
            known,
            answer=words.sentences(found, known),
            figures=(
                figures.draw_curves(self.run, seeds, setting),
                figures.draw_confusion(found, setting),
                figures.draw_most_wrong(seeds, setting),
            ),
            tables=(words.table(found),),
        )
