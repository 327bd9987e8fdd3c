"""Where the bound that a VAE learns by loses: to the family of posteriors, and to the encoder."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from tacit.questions.base import Learns, Question


class InferenceGapQuestion(Question):
    """log p(x) - ELBO = approximation gap + amortisation gap, image by image.

    The first is what no diagonal Gaussian reaches, the second what optimising an image's own
    posterior gains over the one that the model gives it (Cremer, Li and Duvenaud 2018).

    Attributes:
        run: a VAE. Without an encoder, the posterior that it gives a training image is the one
            that it learned for it; it gives test images none.
        images: of each split, stratified by class.
        samples: importance samples per image for log p(x), from a normal of full covariance at the
            refined posterior; what stays flagged is annealed from there. With one or two latent
            dimensions log p(x) is integrated instead.
    """

    name = "inference-gap"
    title = "Does inference lose more than Gaussian posteriors do?"
    asks = (
        "Of what the bound that the model learned by lies below log p(x), is more lost to the "
        "encoder than to Gaussian posteriors?"
    )
    rules = ("larger-gap", "train-test-gap")
    sources = ("Cremer, Li and Duvenaud 2018, Inference suboptimality in variational autoencoders",)
    as_trained = True
    weight = 100.0
    quick: ClassVar[Mapping[str, int]] = {"images": 30}

    run: Annotated[str, Learns("vae")]
    images: Annotated[int, Field(ge=2, le=10**5)] = 100
    samples: Annotated[int, Field(ge=100, le=10**6)] = 2000
