"""Is a model overfitted: does it fit the images it learned from better than others?"""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from tacit.questions.base import Learns, OfRuns


class Overfitting(OfRuns):
    """The gap between test and training loss, and whether the test loss turned.

    Attributes:
        runs: any kinds of model.
        refine_images, refine_steps: for VAEs without an encoder, how many images of each split
            get posteriors of their own, by how many steps.
    """

    name = "overfitting"
    title = "Is it overfitted?"
    asks = (
        "Does each model fit the images that it learned from better than images that it has not "
        "seen, and did its test loss rise again while it learned?"
    )
    rules = ("train-test-gap", "risen")
    reads_features = True
    weight = 3.0
    quick: ClassVar[Mapping[str, int]] = {"refine_images": 50}

    runs: Annotated[tuple[str, ...], Learns("autoencoder", "vae", "classifier")]
    refine_images: Annotated[int, Field(ge=2, le=10_000)] = 200
    refine_steps: Annotated[int, Field(ge=1, le=10_000)] = 100
