"""Does N(0, I) still work as a prior where codes were optimised, and does a fitted density help?"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from tacit.questions.base import Learns, Measurement, Question, Runs, Setting
from tacit.questions.prior import figures, numbers, words
from tacit.questions.shared.seeds import Seeds


class Prior(Question):
    """Samples from N(0, I) and from densities fitted to the codes, for models of several kinds.

    Attributes:
        amortized: the VAE with an encoder.
        per_image: VAEs whose codes were optimised image by image; the first is the reports'.
        autoencoder: codes that never had a prior, where such a run is there.
        classifier: whose features the distance is measured on beside a random network's.
        components: of the mixture; fewer where there are fewer than ten codes for each.
    """

    name: ClassVar[str] = "prior"
    rooms: ClassVar[tuple[Any, Any]] = (words, figures)
    title: ClassVar[str] = "Does N(0, I) suit optimised codes as well as an encoder's?"
    asks: ClassVar[str] = (
        "Is N(0, I) as good a prior to sample from where each image's code was optimised, "
        "does a density fitted to the codes repair the samples, and was the initialisation to "
        "blame?"
    )
    rules: ClassVar[tuple[str, ...]] = ("nearer-images",)
    sources: ClassVar[tuple[str, ...]] = (
        "Ghosh et al. 2020 (densities fitted to codes after training)",
        "Bojanowski et al. 2018 (a Gaussian fitted to optimised codes)",
        "Bińkowski et al. 2018 (kernel distance on features)",
        "Hoffman and Johnson 2016 (ELBO surgery)",
    )
    weight: ClassVar[float] = 3.0

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

    def measure(self, runs: Runs) -> Measurement:
        by_epoch = (self.amortized, self.per_image[0])
        found = numbers.measure(runs, self.models, by_epoch, self.classifier, self.components)
        return Measurement.of(found)

    def found(self, measured: Mapping[int, Measurement], setting: Setting) -> Any:
        """Verdicts are on the first run whose training had finished, or the first if none had."""
        left = [run for run in self.per_image if run in setting.unfinished]
        per_image = (*(run for run in self.per_image if run not in left), *left)
        return numbers.Compared(
            Seeds.of(numbers.Numbers, measured),
            self.amortized,
            per_image,
            self.autoencoder,
            left,
            self.components,
        )
