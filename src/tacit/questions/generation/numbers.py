"""What question `generation` measures, and its numbers over all seeds and images."""

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from tacit.measures.distances import Floats
from tacit.measures.engine import difference
from tacit.measures.images import nearest
from tacit.measures.number import Number
from tacit.models.models import VAE
from tacit.questions.base import OverSeeds, Runs
from tacit.questions.generation.question import Generation
from tacit.questions.shared.codes import (
    OfCodes,
    against_prior,
    decoded,
    decoded_by_epoch,
    drawn,
    numbers_of_codes,
    posterior,
    prior_draws,
)
from tacit.questions.shared.sample_quality import (
    TRAINING,
    Qualities,
    Quality,
    SampleQuality,
)
from tacit.questions.shared.seeds import Seeds, present
from tacit.questions.typed import InTable
from tacit.streams import numpy_stream

SHOWN = 10
SAMPLES, RECONSTRUCTIONS, DRAWN = "samples", "reconstructions", "drawn codes"


@dataclass(frozen=True)
class Samples:
    """Samples, and the training image nearest to each, (n,) each."""

    sample: NDArray[np.int64]
    nearest_training_image: NDArray[np.int64]
    distance: Floats


@dataclass(frozen=True)
class Dimensions:
    """KL from N(0, 1) by dimension, (D,): of an image's code, and of all codes together."""

    dimension: NDArray[np.int64]
    kl: Floats
    aggregate_kl: Floats


@dataclass(frozen=True)
class Shown:
    """Samples of the same draws at the end and by epoch; the training images nearest to them."""

    final: NDArray[np.float32]
    nearest: NDArray[np.float32]
    epoch: dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Numbers:
    """What is measured on one seed.

    Attributes:
        nearest_test: from test images to their nearest training images, (n,).
    """

    quality: Quality
    codes: OfCodes
    nearest_test: Floats
    shown: Shown
    samples: InTable[Samples]
    dimensions: InTable[Dimensions]


def measure(runs: Runs, asked: Generation) -> Numbers:
    """All that is needed of the VAE, on features of the classifier where there is one."""
    run = runs[asked.run]
    learned = runs.images_of(run)
    quality = SampleQuality(runs, [learned], asked.classifier)
    model = run.model_as(VAE)
    z = prior_draws(model, max(quality.size, SHOWN), runs.seed)
    samples = decoded(model, z)
    means, log_vars = posterior(model, learned, quality.learned)
    codes = drawn(means, log_vars, numpy_stream(runs.seed, "drawn codes"))
    quality.add(RECONSTRUCTIONS, decoded(model, means))
    quality.add(DRAWN, decoded(model, codes))
    quality.add(SAMPLES, samples[: quality.size])
    apart = against_prior(run, learned)
    rows, squared = nearest(samples, learned.pixels)
    tested = runs.test.scaled(slice(0, quality.size))
    by_dimension = present(apart.divergence).per_dimension, apart.aggregate_kl
    return Numbers(
        quality.found,
        apart,
        np.sqrt(nearest(tested, learned.pixels)[1]),
        Shown(samples[:SHOWN], learned.scaled(rows[:SHOWN]), decoded_by_epoch(run, z[:SHOWN])),
        Samples(np.arange(len(rows)), rows, np.sqrt(squared)),
        Dimensions(np.arange(model.latent_dim), *by_dimension),
    )


class Found(OverSeeds[Numbers, Generation]):
    """What the VAE generates, over all seeds."""

    @cached_property
    def quality(self) -> Qualities:
        return Qualities(self.seeds.each(lambda one: one.quality).by_seed)

    @cached_property
    def codes(self) -> Seeds[OfCodes]:
        return self.seeds.each(lambda one: one.codes)

    @cached_property
    def numbers(self) -> dict[str, Number]:
        """Those of the finding; on the features that decide first."""
        seeds, quality = self.seeds, self.quality
        found: dict[str, Number] = {}
        for network in quality.networks:
            distance = partial(quality.contrast, network)
            found |= {
                f"{network}.samples-minus-drawn-codes": distance([SAMPLES], [DRAWN]),
                f"{network}.samples": distance([SAMPLES]),
                f"{network}.reconstructions": distance([RECONSTRUCTIONS]),
                f"{network}.drawn-codes": distance([DRAWN]),
                f"{network}.training-images": distance([TRAINING]),
                f"{network}.null": quality.null_quantile(network, SAMPLES),
                f"{network}.p": quality.largest_p(network, SAMPLES),
            }
        codes = numbers_of_codes(self.codes)
        found |= {f"codes.{name}": number for name, number in codes.items()}
        samples = seeds.measured(lambda one: one.samples.distance, images="samples")
        tested = seeds.measured(lambda one: one.nearest_test)
        # How much farther samples lie from their nearest training image than test images do.
        return found | {"nearest.samples-minus-test-images": difference(samples, tested).mean()}
