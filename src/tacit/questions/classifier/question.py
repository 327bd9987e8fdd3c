"""How well does a classifier do on images that it has not seen?"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from tacit.questions.base import Learns, Measurement, Question, Runs, Setting
from tacit.questions.classifier import figures, numbers, words
from tacit.questions.shared.seeds import Seeds


class ClassifierAccuracy(Question):
    """Accuracy and cross-entropy on the test images after the last update, and by class.

    Attributes:
        run: a classifier.
        most_wrong: how many of the worst test images are shown.
    """

    name: ClassVar[str] = "classifier"
    rooms: ClassVar[tuple[Any, Any]] = (words, figures)
    title: ClassVar[str] = "Does the classifier work on unseen images?"
    asks: ClassVar[str] = (
        "Does the classifier do better on images that it has not seen than one answer for all "
        "would, and how well?"
    )
    rules: ClassVar[tuple[str, ...]] = ("train-test-gap", "harder-class", "one-class", "confidence")
    reads_features: ClassVar[bool] = True
    needs_labels: ClassVar[bool] = True
    weight: ClassVar[float] = 0.5

    run: Annotated[str, Learns("classifier")]
    most_wrong: Annotated[int, Field(ge=1, le=60)] = 20

    def measure(self, runs: Runs) -> Measurement:
        return Measurement.of(numbers.measure(runs, self.run, self.most_wrong))

    def found(self, measured: Mapping[int, Measurement], setting: Setting) -> Any:
        seeds = Seeds.of(numbers.Numbers, measured)
        return numbers.Accuracy(seeds, setting.class_names, self.run)
