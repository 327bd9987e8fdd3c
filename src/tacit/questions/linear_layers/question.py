"""Does an autoencoder's middle linear layer earn its place?"""

from typing import Annotated

from tacit.questions.base import Learns, Question


class LinearLayers(Question):
    """Test error of two autoencoders of the same code, paired on the same images and seeds.

    Attributes:
        with_layer: the autoencoder with its middle linear layer.
        without_layer: the same without it.
    """

    name = "linear-layers"
    title = "Do the linear layers earn their place?"
    asks = (
        "Does the autoencoder reconstruct unseen images better with its middle linear layer than "
        "without, at the same code size?"
    )
    rules = ("lower-error",)
    weight = 0.5

    with_layer: Annotated[str, Learns("autoencoder")]
    without_layer: Annotated[str, Learns("autoencoder")]

    @property
    def by_layers(self) -> dict[str, str]:
        """The runs by what they stand for."""
        return {"with": self.with_layer, "without": self.without_layer}
