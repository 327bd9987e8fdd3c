"""Which way infers better codes: one encoder for all images, or each image's own optimisation?"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from tacit.evidence.refine import MOST_STEPS
from tacit.questions.base import Learns, Question


class InferenceMethod(Question):
    """One amortised VAE against VAEs whose codes are optimised image by image.

    As trained, codes may be unfinished; a decoder that learned from unfinished codes may be worse.
    So a sample of images is refined to convergence against every final decoder, all from the
    prior, and with p for a per-image run and a for the amortised one

        encoder's ELBO - own codes' ELBO = (refined_a - refined_p)       the decoder's doing
                                         + (refined_p - own codes' ELBO) not finished
                                         - (refined_a - encoder's ELBO)  what the encoder misses

    holds for each training image.

    Attributes:
        amortized: the run with an encoder.
        per_image: the runs without; the first is the one that is compared in most detail.
        refined: training images, and as many test images, that are refined.
        gradients: of log p(x | z) that an image's refinement takes, at most.
    """

    name = "inference-method"
    title = "Does one shared encoder infer better codes?"
    asks = (
        "Does one encoder shared by all images infer better codes than optimising each image's own?"
    )
    rules = ("larger-gap",)
    sources = (
        "Cremer, Li and Duvenaud 2018, Inference suboptimality in variational autoencoders",
        "Kim, Wiseman, Miller, Sontag and Rush 2018, Semi-amortized VAEs",
    )
    weight = 100.0
    quick: ClassVar[Mapping[str, int]] = {"refined": 40, "gradients": 600}

    amortized: Annotated[str, Learns("amortized vae")]
    per_image: Annotated[
        tuple[str, ...], Learns("per-image vae"), Field(min_length=1, max_length=5)
    ]
    refined: Annotated[int, Field(ge=2, le=10**6)] = 500
    gradients: Annotated[int, Field(ge=1, le=10**5)] = MOST_STEPS

    @property
    def runs(self) -> tuple[str, ...]:
        """All that are compared, the one with an encoder first."""
        return (self.amortized, *self.per_image)

    def errors(self, runs: Mapping[str, Any]) -> Iterator[str]:
        """Codes are compared image by image."""
        for name in self.per_image:
            if runs[name].train != runs[self.amortized].train:
                yield f"runs '{self.amortized}' and '{name}' learn from different images"
