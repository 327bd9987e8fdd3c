"""How likely is an image, by class, and are the training images likelier than the test images?"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from tacit.evidence.refine import MOST_STEPS
from tacit.questions.base import Learns, Measurement, Question, Setting
from tacit.questions.shared.seeds import Seeds

CHECKED = (("importance",), ("importance", "annealed"))
"""Nothing checks importance samples, or annealing does."""


class LogProbability(Question):
    """log p(x) by importance sampling on train and test images, beside what the images explain.

    Attributes:
        run: a VAE.
        proposal: "refined", a posterior optimised for each image against the frozen decoder, with
            its correlations, or "encoder", where there is one. From refined posteriors, values that
            stay flagged are annealed from there, and what as many samples from the encoder give
            stands beside the images that are shown, as in the report.
        samples: importance samples per image.
        per_class: images of each class and split that the answer rests on.
        annealed_per_class: as many where most of the first so many have to be annealed.
        shown_per_class: images of each class and split that are shown with their values.
        gradients: of log p(x | z) that an image's refinement takes, at most, unless annealing
            checks it.
        methods: "annealed" checks the importance samples, which all values then are, on a few test
            images by more samples and by annealed importance sampling, and annealing on images that
            the model simulates. On 28×28 images and a convolutional network that takes about half
            an hour of one core.
        annealed_images: test images that are annealed, from the encoder and from the prior.
        distributions: from the start of annealing to the posterior; by each of these.
        long_images: of them, annealed by ten times the most distributions too.
        resampled_images: test images that get ten times the importance samples too.
        simulated_images: images that the model simulates, for a lower and an upper bound.
    """

    name = "log-probability"
    title = "Are training images likelier than test images?"
    asks = (
        "Are training images likelier under the model than test images, how likely is an image, "
        "and which class is the likeliest?"
    )
    rules = ("likeliest-class", "train-test-gap", "most-explained")
    sources = (
        "Burda, Grosse and Salakhutdinov 2016, Importance weighted autoencoders",
        "Vehtari, Simpson, Gelman, Yao and Gabry 2024, Pareto smoothed importance sampling",
        "Wu, Burda, Salakhutdinov and Grosse 2017, On the quantitative analysis of decoder-based "
        "generative models",
        "Grosse, Ghahramani and Adams 2015, Sandwiching the marginal likelihood using "
        "bidirectional Monte Carlo",
    )
    weight = 100.0
    quick: ClassVar[Mapping[str, int]] = {
        "per_class": 10,
        "annealed_per_class": 5,
        "shown_per_class": 2,
        "samples": 500,
        "gradients": 400,
    }

    run: Annotated[str, Learns("vae")]
    proposal: Literal["refined", "encoder"] = "refined"
    samples: Annotated[int, Field(ge=1, le=10**6)] = 1000
    per_class: Annotated[int, Field(ge=2, le=10**5)] = 100
    annealed_per_class: Annotated[int, Field(ge=2, le=10**5)] = 25
    shown_per_class: Annotated[int, Field(ge=1, le=20)] = 5
    gradients: Annotated[int, Field(ge=1, le=10**5)] = MOST_STEPS
    methods: tuple[Literal["importance", "annealed"], ...] = ("importance",)
    annealed_images: Annotated[int, Field(ge=2, le=10**4)] = 25
    distributions: tuple[Annotated[int, Field(ge=2, le=10**6)], ...] = (100, 1000)
    long_images: Annotated[int, Field(ge=0, le=10**4)] = 0
    resampled_images: Annotated[int, Field(ge=2, le=10**5)] = 100
    simulated_images: Annotated[int, Field(ge=2, le=10**4)] = 10

    @field_validator("methods")
    @classmethod
    def _importance_is_checked(cls, methods: tuple[str, ...]) -> tuple[str, ...]:
        if methods not in CHECKED:
            raise ValueError(
                f"methods are {list(methods)}; they are [importance] or [importance, annealed]: "
                "annealing checks importance samples"
            )
        return methods

    @field_validator("distributions")
    @classmethod
    def _distributions_rise(cls, distributions: tuple[int, ...]) -> tuple[int, ...]:
        if not distributions or list(distributions) != sorted(set(distributions)):
            raise ValueError(
                f"distributions are {list(distributions)}; they are one or more rising numbers"
            )
        return distributions

    def found(self, measured: Mapping[int, Measurement], setting: Setting) -> Any:
        """Of the images that all seeds scored."""
        numbers = self.room("numbers")
        seeds = numbers.of_all_seeds(Seeds.of(numbers.Numbers, measured))
        return numbers.Found(seeds, self, setting)

    @property
    def by_encoder(self) -> bool:
        return self.proposal == "encoder"

    @property
    def is_checked(self) -> bool:
        """Whether annealing checks importance samples."""
        return self.methods == CHECKED[1]
