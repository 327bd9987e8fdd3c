"""What a classifier's encoder keeps, seen through a decoder that is trained on it."""

from typing import Annotated

from pydantic import Field

from tacit.questions.base import Learns, Question

DECODERS = ("reference", "frozen", "probabilities")


class FrozenEncoder(Question):
    """Where a classifier's frozen code lies between its class probabilities and an autoencoder's.

    Attributes:
        reference: the autoencoder.
        frozen: a decoder on the classifier's frozen encoder.
        probabilities: a decoder on the classifier's class probabilities.
        classifier: whose encoder it is.
        images: at most so many test images are compared with each other for the separation.
    """

    name = "frozen-encoder"
    title = "Does a classifier's code keep more than the class?"
    asks = (
        "Does a classifier's frozen code hold more of an image than its class probabilities do, "
        "how near does it come to an autoencoder's, and what becomes of variety within and "
        "separation between classes?"
    )
    rules = ("lower-error", "frozen-share")
    sources = (
        "P. J. Rousseeuw. Silhouettes: a graphical aid to the interpretation and validation of "
        "cluster analysis. Journal of Computational and Applied Mathematics 20, 1987",
        "R. A. Fisher. The use of multiple measurements in taxonomic problems. Annals of Eugenics "
        "7(2), 1936",
    )
    needs_labels = True

    reference: Annotated[str, Learns("autoencoder")]
    frozen: Annotated[str, Learns("autoencoder")]
    probabilities: Annotated[str, Learns("autoencoder")]
    classifier: Annotated[str, Learns("classifier")]
    images: Annotated[int, Field(ge=20, le=20_000)] = 2_000

    @property
    def decoders(self) -> dict[str, str]:
        """The runs by what they stand for."""
        return {role: getattr(self, role) for role in DECODERS}
