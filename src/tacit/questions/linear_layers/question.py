"""Does an autoencoder's middle linear layer earn its place?"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from tacit.questions.base import Learns, Measurement, Question, Runs, Setting
from tacit.questions.linear_layers import figures, numbers, words
from tacit.questions.shared.seeds import Seeds


class LinearLayers(Question):
    """Test error of two autoencoders of the same code, paired on the same images and seeds.

    Attributes:
        with_layer: the autoencoder with its middle linear layer.
        without_layer: the same without it.
    """

    name: ClassVar[str] = "linear-layers"
    rooms: ClassVar[tuple[Any, Any]] = (words, figures)
    title: ClassVar[str] = "Do the linear layers earn their place?"
    asks: ClassVar[str] = (
        "Does the autoencoder reconstruct unseen images better with its middle linear layer than "
        "without, at the same code size?"
    )
    rules: ClassVar[tuple[str, ...]] = ("lower-error",)
    weight: ClassVar[float] = 0.5

    with_layer: Annotated[str, Learns("autoencoder")]
    without_layer: Annotated[str, Learns("autoencoder")]

    @property
    def by_layers(self) -> dict[str, str]:
        """The runs by what they stand for."""
        return {"with": self.with_layer, "without": self.without_layer}

    def measure(self, runs: Runs) -> Measurement:
        saved = {layers: runs[run] for layers, run in self.by_layers.items()}
        return Measurement.of(numbers.measure(runs, saved))

    def found(self, measured: Mapping[int, Measurement], setting: Setting) -> Any:
        return numbers.Layers(Seeds.of(numbers.Numbers, measured), self.by_layers)
