"""What a VAE generates from N(0, I): how near to images it comes, and why it stays away."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from tacit.questions.base import Learns, Measurement, Question, Runs, Setting
from tacit.questions.generation import figures, numbers, words
from tacit.questions.shared.seeds import Seeds


class Generation(Question):
    """Samples at the snapshots, their distance to images, and the codes' distance to the prior.

    Attributes:
        run: a VAE.
        classifier: whose features the distance is measured on beside a random network's; where
            the images have no labels there is none.
    """

    name: ClassVar[str] = "generation"
    rooms: ClassVar[tuple[Any, Any]] = (words, figures)
    title: ClassVar[str] = "Do samples pass for images?"
    asks: ClassVar[str] = (
        "Does what the decoder makes of codes drawn from N(0, I) pass for images, and how near "
        "does it come to them?"
    )
    rules: ClassVar[tuple[str, ...]] = ("told-from-images", "nearer-images")
    sources: ClassVar[tuple[str, ...]] = (
        "Bińkowski et al. 2018 (kernel distance on features)",
        "Gretton et al. 2012 (MMD and its permutation null)",
        "Hoffman and Johnson 2016 (ELBO surgery)",
        "Poole et al. 2019 (both bounds on mutual information)",
        "Burda, Grosse and Salakhutdinov 2016 (active units)",
    )
    weight: ClassVar[float] = 1.0

    run: Annotated[str, Learns("vae")]
    classifier: Annotated[str | None, Learns("classifier")] = None

    def measure(self, runs: Runs) -> Measurement:
        return Measurement.of(numbers.measure(runs, self.run, self.classifier))

    def found(self, measured: Mapping[int, Measurement], setting: Setting) -> Any:
        return numbers.Generated(Seeds.of(numbers.Numbers, measured), self.run)
