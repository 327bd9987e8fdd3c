"""Does N(0, I) still work as a prior where codes were optimised, and does a fitted density help?"""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from tacit.measures.distances import Floats
from tacit.measures.fits import fit_gaussian, fit_mixture
from tacit.models.config import PerImageTable
from tacit.models.models import VAE, Autoencoder
from tacit.questions.base import Measurement, Question, Runs, Setting
from tacit.questions.finding import Finding
from tacit.questions.prior.figures import draw, tables
from tacit.questions.prior.numbers import (
    DRAWN,
    GAUSSIAN,
    MIXTURE,
    PRIOR,
    RECONSTRUCTIONS,
    Compared,
    prior_numbers,
)
from tacit.questions.prior.words import headline, words
from tacit.questions.shared.codes import (
    against_prior,
    decoded,
    decoded_by_epoch,
    drawn,
    posterior,
    prior_draws,
)
from tacit.questions.shared.sample_quality import (
    AT_LEAST,
    SampleQuality,
    networks_of,
    no_better_than_one_class,
    on_features,
)
from tacit.streams import numpy_stream
from tacit.training.evaluation import sample_of

SHOWN = 10
CODES_FITTED = 5000
"""Densities are fitted to at most so many codes."""

CODES_PER_COMPONENT = 10
"""A mixture has at most one component for so many codes."""


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

    amortized: str
    per_image: Annotated[tuple[str, ...], Field(min_length=1)]
    autoencoder: str | None = None
    classifier: str | None = None
    components: Annotated[int, Field(ge=1, le=1000)] = 10

    def needs(self) -> dict[str, tuple[str, ...]]:
        """The VAEs; the autoencoder and the classifier where they are there."""
        known = {self.autoencoder: ("autoencoder",), self.classifier: ("classifier",)}
        return {
            self.amortized: ("amortized vae",),
            **dict.fromkeys(self.per_image, ("per-image vae",)),
            **{run: kinds for run, kinds in known.items() if run is not None},
        }

    def without(self, run: str) -> "Prior | None":
        """The same without the autoencoder, or on a random network's features alone."""
        for field in ("classifier", "autoencoder"):
            if run == getattr(self, field):
                return self.model_copy(update={field: None})
        return None

    @property
    def models(self) -> tuple[str, ...]:
        """The runs that samples are drawn from."""
        last = () if self.autoencoder is None else (self.autoencoder,)
        return (self.amortized, *self.per_image, *last)

    def measure(self, runs: Runs) -> Measurement:
        """Distances of samples from three densities and of training images' codes, by model."""
        learned = {name: runs.images_of(runs[name]) for name in self.models}
        quality = SampleQuality(runs, list(learned.values()), self.classifier)
        found = quality.found
        for name, images in learned.items():
            run = runs[name]
            model = run.model()
            assert isinstance(model, VAE | Autoencoder)
            apart = against_prior(run, images)
            found.values |= {f"codes/{name}/{key}": value for key, value in apart.values.items()}
            found.arrays |= {f"codes/{name}/{key}": array for key, array in apart.arrays.items()}
            if isinstance(run.config.posterior, PerImageTable):
                found.values |= {
                    f"codes/{name}/mean-std": run.config.posterior.mean_std,
                    f"codes/{name}/updates": run.config.posterior.updates,
                }
            if name in (self.amortized, self.per_image[0]):
                assert isinstance(model, VAE)
                z = prior_draws(model, max(quality.size, SHOWN), runs.seed)[:SHOWN]
                found.arrays |= {
                    f"shown/{name}/{when}": pictures
                    for when, pictures in decoded_by_epoch(run, z).items()
                }
            if quality.size < AT_LEAST:
                continue
            means, log_vars = posterior(model, images, quality.learned)
            own = drawn(means, log_vars, numpy_stream(runs.seed, "own codes"))
            quality.add(f"{name}/{RECONSTRUCTIONS}", decoded(model, means))
            quality.add(f"{name}/{DRAWN}", decoded(model, own))
            fitted = posterior(model, images, sample_of(len(images), "fitted", size=CODES_FITTED))
            codes = drawn(*fitted, numpy_stream(runs.seed, "fitted codes"))
            for density, sampled in self._draws(codes, quality.size, runs.seed).items():
                pictures = decoded(model, sampled)
                quality.add(f"{name}/{density}", pictures)
                found.arrays[f"shown/{name}/{density}"] = pictures[:SHOWN]
        return found

    def _draws(self, codes: Floats, n: int, seed: int) -> dict[str, Floats]:
        """n codes from each density, (n, D); all models share the noise they are made of."""

        def stream(density: str) -> np.random.Generator:
            return numpy_stream(seed, "drawn from", density)

        distinct = len(np.unique(codes, axis=0))
        components = min(self.components, max(1, distinct // CODES_PER_COMPONENT))
        mixture = fit_mixture(codes, numpy_stream(seed, "mixture"), components=components)
        return {
            PRIOR: stream(PRIOR).standard_normal((n, codes.shape[1])),
            GAUSSIAN: fit_gaussian(codes).sample(n, stream(GAUSSIAN)),
            MIXTURE: mixture.sample(n, stream(MIXTURE)),
        }

    def answer(self, measured: Mapping[int, Measurement], setting: Setting) -> Finding:
        """Three verdicts: on the prior, on the fit, and on the initialisation.

        They are on the first run whose training had finished, or on the first if none had.
        """
        left = [run for run in self.per_image if run in setting.unfinished]
        runs = (*(run for run in self.per_image if run not in left), *left)
        compared = Compared(measured, self.amortized, runs, self.autoencoder)
        numbers = prior_numbers(compared)
        return self.finding(
            setting,
            measured,
            headline(compared, numbers, left),
            numbers,
            answer=[words(compared, numbers)],
            decided_by=(
                "What the prior costs is the kernel distance to test images of samples from "
                "N(0, I) minus that of what the same model decodes from its training images' own "
                "codes, so that a blurred decoder is not held against the prior. N(0, I) works "
                "less well for optimised codes where the interval of their cost minus the "
                "amortised VAE's lies above zero; where only the samples' own distance does, the "
                "decoder is the reason. A fit repairs samples where it lowers their distance, and "
                "wholly where what is left above own codes is not distinguishable from zero. The "
                "initialisation is to blame for as much as the cost (or else the distance) falls "
                "when codes start near zero instead; all on "
                f"{on_features(networks_of(measured)[0])}."
            ),
            figures=draw(compared, setting),
            tables=tables(compared),
            caveats=(
                *no_better_than_one_class(measured),
                "All pictures are decoded means, not noisy draws of p(x | z).",
                "A VAE's own codes are one draw of q(z | x) for each training image, as the "
                "decoder saw them while it learned, and not posterior means, which in many "
                "dimensions can lie where no draw does; reconstructions are from the means. The "
                f"Gaussian and the mixture (of {self.components} Gaussians with full covariances) "
                f"are fitted to such codes of at most {CODES_FITTED:,} training images, after "
                "training. With few codes to a component a mixture stays near these codes.",
                "Costs are differences, since a ratio to a floor near zero says nothing. They do "
                "not compare between features.",
                "A per-image VAE whose codes hardly moved has codes like its initialisation, "
                "N(0, I), for no merit of the prior; the share of the codes' variance that is "
                "still that of their start says how far this goes.",
                "The KL of all codes together is an upper bound. Beside it stands what as many "
                "codes of the same variances leave that together are exactly N(0, I): no more than "
                "that is no distance.",
            ),
        )
