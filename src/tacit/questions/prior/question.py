"""Does N(0, I) still work as a prior where codes were optimised, and does a fitted density help?"""

from typing import Annotated

from pydantic import Field

from tacit.questions.base import Learns, Question


class Prior(Question):
    """Samples from N(0, I) and from densities fitted to the codes, for models of several kinds.

    Attributes:
        amortized: the VAE with an encoder.
        per_image: VAEs whose codes were optimised image by image; the first is the reports'.
        autoencoder: codes that never had a prior, where such a run is there.
        classifier: whose features the distance is measured on beside a random network's.
        components: of the mixture; fewer where there are fewer than ten codes for each.
    """

    name = "prior"
    title = "Does N(0, I) suit optimised codes as well as an encoder's?"
    asks = (
        "Is N(0, I) as good a prior to sample from where each image's code was optimised, "
        "does a density fitted to the codes repair the samples, and was the initialisation to "
        "blame?"
    )
    rules = ("nearer-images",)
    sources = (
        "Ghosh et al. 2020 (densities fitted to codes after training)",
        "Bojanowski et al. 2018 (a Gaussian fitted to optimised codes)",
        "Bińkowski et al. 2018 (kernel distance on features)",
        "Hoffman and Johnson 2016 (ELBO surgery)",
    )
    weight = 3.0

    amortized: Annotated[str, Learns("amortized vae")]
    per_image: Annotated[tuple[str, ...], Learns("per-image vae"), Field(min_length=1)]
    autoencoder: Annotated[str | None, Learns("autoencoder")] = None
    classifier: Annotated[str | None, Learns("classifier")] = None
    components: Annotated[int, Field(ge=1, le=1000)] = 10

    @property
    def models(self) -> tuple[str, ...]:
        """The runs that samples are drawn from."""
        last = () if self.autoencoder is None else (self.autoencoder,)
        return (self.amortized, *self.per_image, *last)
