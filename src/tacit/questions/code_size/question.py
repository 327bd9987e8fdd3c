"""Which latent size do these images need?"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field

from tacit.images.dataset import Images
from tacit.questions.base import Learns, OfRuns


class CodeSize(OfRuns):
    """Autoencoders or VAEs that differ in the size of their code alone.

    Attributes:
        runs: two or more, all of one kind.
        tolerance: the share of what the best code gains over the mean training image that a smaller
            code may lose.
    """

    name = "code-size"
    title = "Is a small latent size enough?"
    asks = (
        "Is one of the latent sizes enough for these images, which, and what would more dimensions "
        "bring?"
    )
    rules = ("enough",)
    sources = (
        "Burda, Grosse and Salakhutdinov 2016 (active units)",
        "Alain and Bengio 2016 (linear probes)",
    )
    fewest = 2

    runs: Annotated[tuple[str, ...], Learns("autoencoder", "amortized vae")]
    tolerance: Annotated[float, Field(gt=0, lt=1)] = 0.01

    def errors(self, runs: Mapping[str, Any]) -> Iterator[str]:
        """Sizes are compared where nothing else differs, and no size stands twice."""
        first, *others = self.runs
        sizes = {runs[first].latent_dim: first}
        for name in others:
            for key in type(runs[first]).model_fields:
                if key != "latent_dim" and getattr(runs[name], key) != getattr(runs[first], key):
                    yield (
                        f"runs '{first}' and '{name}' differ in {key}; runs that are compared by "
                        "the size of their code differ in nothing else"
                    )
            if runs[name].latent_dim in sizes:
                same = sizes[runs[name].latent_dim]
                yield f"runs '{same}' and '{name}' both have a code of {runs[name].latent_dim}"
            sizes[runs[name].latent_dim] = name

    def check(self, train: Images, test: Images) -> None:
        """Dimensions are used where codes differ from image to image."""
        if len(train) < 2:
            raise ValueError(
                f"question '{self.name}' needs 2 training images or more, there is {len(train)}: "
                "which dimensions a code uses is seen from how it differs between images"
            )
