"""What a classifier's encoder keeps, seen through a decoder that is trained on it."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from tacit.questions.base import Learns, Measurement, Question, Runs, Setting
from tacit.questions.frozen_encoder import figures, numbers, words
from tacit.questions.shared.seeds import Seeds


class FrozenEncoder(Question):
    """Where a classifier's frozen code lies between its class probabilities and an autoencoder's.

    Attributes:
        reference: the autoencoder.
        frozen: a decoder on the classifier's frozen encoder.
        probabilities: a decoder on the classifier's class probabilities.
        classifier: whose encoder it is.
        images: at most so many test images are compared with each other for the separation.
    """

    name: ClassVar[str] = "frozen-encoder"
    rooms: ClassVar[tuple[Any, Any]] = (words, figures)
    title: ClassVar[str] = "Does a classifier's code keep more than the class?"
    asks: ClassVar[str] = (
        "Does a classifier's frozen code hold more of an image than its class probabilities do, "
        "how near does it come to an autoencoder's, and what becomes of variety within and "
        "separation between classes?"
    )
    rules: ClassVar[tuple[str, ...]] = ("lower-error", "frozen-share")
    sources: ClassVar[tuple[str, ...]] = words.SOURCES
    needs_labels: ClassVar[bool] = True

    reference: Annotated[str, Learns("autoencoder")]
    frozen: Annotated[str, Learns("autoencoder")]
    probabilities: Annotated[str, Learns("autoencoder")]
    classifier: Annotated[str, Learns("classifier")]
    images: Annotated[int, Field(ge=20, le=20_000)] = 2_000

    def measure(self, runs: Runs) -> Measurement:
        decoders = {role: runs[run] for role, run in self.decoders.items()}
        return Measurement.of(numbers.measure(runs, decoders, runs[self.classifier], self.images))

    def found(self, measured: Mapping[int, Measurement], setting: Setting) -> Any:
        seeds = Seeds.of(numbers.Numbers, measured)
        return numbers.Kept(seeds, self.decoders, self.classifier, setting.class_names)

    @property
    def decoders(self) -> dict[str, str]:
        """The runs by what they stand for."""
        return {role: getattr(self, role) for role in numbers.DECODERS}
