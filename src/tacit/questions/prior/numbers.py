"""What samples from a prior cost, what a fit repairs, and what the initialisation did: numbers."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tacit.images.dataset import Images
from tacit.measures.distances import Floats
from tacit.measures.fits import fit_gaussian, fit_mixture
from tacit.measures.number import Number
from tacit.models.config import PerImageTable
from tacit.models.models import VAE, Autoencoder
from tacit.questions.base import OverSeeds, Runs
from tacit.questions.prior.question import Prior
from tacit.questions.shared.codes import (
    OfCodes,
    against_prior,
    decoded,
    decoded_by_epoch,
    drawn,
    posterior,
    prior_draws,
    share_of_start,
)
from tacit.questions.shared.sample_quality import (
    AT_LEAST,
    TRAINING,
    Qualities,
    Quality,
    SampleQuality,
)
from tacit.questions.shared.seeds import Seeds, present
from tacit.streams import numpy_stream
from tacit.training.evaluation import sample_of

PRIOR, GAUSSIAN, MIXTURE = "prior", "gaussian", "mixture"
DRAWN, RECONSTRUCTIONS = "drawn", "reconstructions"

SHOWN = 10
CODES_FITTED = 5000
"""Densities are fitted to at most so many codes."""

CODES_PER_COMPONENT = 10
"""A mixture has at most one component for so many codes."""


@dataclass(frozen=True)
class Start:
    """Where per-image codes began, and how often they were updated at each visit."""

    mean_std: float
    updates: int


@dataclass(frozen=True)
class OfRun:
    """One run of one seed.

    Attributes:
        start: of per-image codes.
        epoch: samples of the same draws from N(0, I) by epoch, where they are shown.
        shown: samples by density, where there are images enough.
    """

    codes: OfCodes
    start: Start | None
    epoch: dict[str, NDArray[np.float32]]
    shown: dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Numbers:
    """What is measured on one seed; the sets are named by `named`."""

    quality: Quality
    run: dict[str, OfRun]


def named(run: str, what: str) -> str:
    """What a run's set is called: of samples from a density, own codes, or reconstructions."""
    return f"{run} {what}"


def measure(runs: Runs, asked: Prior) -> Numbers:
    """All that is needed of its models; by epoch, of the encoder's and the first per-image one."""
    learned = {name: runs.images_of(runs[name]) for name in asked.models}
    quality = SampleQuality(runs, list(learned.values()), asked.classifier)
    found = {}
    for name, images in learned.items():
        run, epochs = runs[name], {}
        model, posterior_table = run.model(), run.config.posterior
        assert isinstance(model, VAE | Autoencoder)
        start = None
        if isinstance(posterior_table, PerImageTable):
            start = Start(posterior_table.mean_std, posterior_table.updates)
        if name in (asked.amortized, asked.per_image[0]):
            assert isinstance(model, VAE)
            z = prior_draws(model, max(quality.size, SHOWN), runs.seed)[:SHOWN]
            epochs = decoded_by_epoch(run, z)
        shown = {}
        if quality.size >= AT_LEAST:
            shown = _sampled(name, model, images, quality, runs.seed, asked.components)
        found[name] = OfRun(against_prior(run, images), start, epochs, shown)
    return Numbers(quality.found, found)


def _sampled(
    name: str,
    model: VAE | Autoencoder,
    images: Images,
    quality: SampleQuality,
    seed: int,
    most: int,
) -> dict[str, NDArray[np.float32]]:
    """Hold what a model decodes against the test images; the first samples of each density."""
    means, log_vars = posterior(model, images, quality.learned)
    own = drawn(means, log_vars, numpy_stream(seed, "own codes"))
    quality.add(named(name, RECONSTRUCTIONS), decoded(model, means))
    quality.add(named(name, DRAWN), decoded(model, own))
    fitted = posterior(model, images, sample_of(len(images), "fitted", size=CODES_FITTED))
    codes = drawn(*fitted, numpy_stream(seed, "fitted codes"))
    shown = {}
    for density, sampled in draws(codes, quality.size, seed, most).items():
        pictures = decoded(model, sampled)
        quality.add(named(name, density), pictures)
        shown[density] = pictures[:SHOWN]
    return shown


def draws(codes: Floats, n: int, seed: int, most: int) -> dict[str, Floats]:
    """n codes from each density, (n, D); all models share the noise they are made of.

    most: components of the mixture.
    """

    def stream(density: str) -> np.random.Generator:
        return numpy_stream(seed, "drawn from", density)

    distinct = len(np.unique(codes, axis=0))
    components = min(most, max(1, distinct // CODES_PER_COMPONENT))
    mixture = fit_mixture(codes, numpy_stream(seed, "mixture"), components=components)
    return {
        PRIOR: stream(PRIOR).standard_normal((n, codes.shape[1])),
        GAUSSIAN: fit_gaussian(codes).sample(n, stream(GAUSSIAN)),
        MIXTURE: mixture.sample(n, stream(MIXTURE)),
    }


class Found(OverSeeds[Numbers, Prior]):
    """The models over all seeds, by what they are."""

    @property
    def left(self) -> list[str]:
        """The per-image runs whose training had not finished."""
        return [run for run in self.asked.per_image if run in self.setting.unfinished]

    @property
    def per_image(self) -> list[str]:
        """The per-image runs, those whose training had finished first; the first is judged."""
        return sorted(self.asked.per_image, key=lambda run: run in self.left)

    @property
    def models(self) -> tuple[str, ...]:
        """All runs, in the order of the tables."""
        first, *rest = self.asked.models
        return (first, *self.per_image, *rest[len(self.per_image) :])

    @cached_property
    def quality(self) -> Qualities:
        return Qualities(self.seeds.each(lambda one: one.quality).by_seed)

    def codes(self, run: str) -> Seeds[OfCodes]:
        return self.seeds.each(lambda one: one.run[run].codes)

    def start(self, run: str) -> Start:
        """Of a per-image run."""
        return present(self.first.run[run].start)

    @property
    def other_starts(self) -> tuple[tuple[str, str], ...]:
        """Pairs of per-image runs, (wide, narrow), that differ in the spread they started from."""
        return tuple(
            (wide, narrow)
            for narrow in self.per_image
            for wide in self.per_image
            if self.start(wide).updates == self.start(narrow).updates
            and self.start(wide).mean_std > self.start(narrow).mean_std
        )

    def distance(self, network: str, run: str, density: str) -> Number:
        """The kernel distance to test images of a run's samples or reconstructions."""
        return self.quality.contrast(network, [named(run, density)])

    def difference(self, network: str, run: str, density: str, other: str) -> Number:
        """The distance of one density's samples minus that of another's, of the same run."""
        return self.quality.contrast(network, [named(run, density)], [named(run, other)])

    def samples_difference(self, network: str, run: str, other: str) -> Number:
        """The distance of one run's samples from N(0, I) minus that of another's."""
        return self.quality.contrast(network, [named(run, PRIOR)], [named(other, PRIOR)])

    def cost_difference(self, network: str, run: str, other: str) -> Number:
        """What the prior costs one run minus what it costs another."""
        return self.quality.contrast(
            network,
            [named(run, PRIOR), named(other, DRAWN)],
            [named(run, DRAWN), named(other, PRIOR)],
        )

    @cached_property
    def numbers(self) -> dict[str, Number]:
        """The numbers of the answer, on the features that decide; a few on the others."""
        network, amortized = self.quality.networks[0], self.asked.amortized
        numbers: dict[str, Number] = {}
        for run in self.per_image:
            cost = self.cost_difference(network, run, amortized)
            numbers[f"{run}.prior-cost-minus-{amortized}"] = cost
        for wide, narrow in self.other_starts:
            cost = self.cost_difference(network, wide, narrow)
            samples = self.samples_difference(network, wide, narrow)
            numbers[f"{wide}.prior-cost-minus-{narrow}"] = cost
            numbers[f"{wide}.samples-minus-{narrow}"] = samples
        for run in self.per_image:
            samples = self.samples_difference(network, run, amortized)
            numbers[f"{run}.share-of-start"] = share_of_start(self.codes(run))
            numbers[f"{run}.samples-minus-{amortized}"] = samples
        for run in self.models:
            numbers |= {
                f"{run}.prior-cost": self.difference(network, run, PRIOR, DRAWN),
                f"{run}.repaired-by-mixture": self.difference(network, run, PRIOR, MIXTURE),
                f"{run}.left-by-mixture": self.difference(network, run, MIXTURE, DRAWN),
            }
        main = self.per_image[0]
        for other in self.quality.networks[1:]:
            cost = self.cost_difference(other, main, amortized)
            numbers |= {
                f"{other}.{main}.prior-cost-minus-{amortized}": cost,
                f"{other}.{main}.repaired-by-mixture": self.difference(other, main, PRIOR, MIXTURE),
                f"{other}.{main}.left-by-mixture": self.difference(other, main, MIXTURE, DRAWN),
            }
        numbers["training-images"] = self.quality.contrast(network, [TRAINING])
        numbers["null"] = self.quality.null_quantile(network, TRAINING)
        return numbers
