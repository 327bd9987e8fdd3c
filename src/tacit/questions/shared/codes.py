"""Codes of trained models: their posteriors, their pictures, and how far they are from N(0, I)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from tacit.images.dataset import Images
from tacit.measures import codes as measures
from tacit.measures.distances import Floats
from tacit.measures.engine import Measured
from tacit.measures.number import Number, undefined
from tacit.models.config import build
from tacit.models.models import VAE, Autoencoder, Model
from tacit.models.posteriors import PerImage
from tacit.questions.finding import Table
from tacit.questions.shared.seeds import Seeds, present
from tacit.streams import numpy_stream, seeded_initialisation, torch_stream
from tacit.training.evaluation import sample_of
from tacit.training.many import of_images, of_rows
from tacit.training.objectives import Batch
from tacit.training.objectives.base import codes_in
from tacit.training.run_folder import SavedRun

CODES_LOOKED_AT = 5000
"""At most so many images' codes are held against the prior: each is weighed against all others."""

ONE_DIMENSION_EACH, POINTS = 1000, 200
"""At most so many codes make up the aggregate posterior where it is looked at one dimension at a
time, and at so many points."""

MMD_IMAGES, PERMUTATIONS = 500, 200

FEWEST = 3
"""Images that a kernel distance needs; fewer say nothing of how codes are spread either."""

LEARNED = "training images"

POINT_LOG_VAR = -40.0
"""The log-variance that a code without any spread is written with."""


def posterior(model: Model, images: Images, index: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Means and log-variances of q(z | x) of some of the images a model learned from, (n, D) each.

    An autoencoder's codes are means without spread (`POINT_LOG_VAR`).

    Args:
        model: a VAE or an autoencoder.
        images: those that it learned from; a per-image posterior is looked up by their rows.
        index: rows of `images`, (n,).
    """

    def moments(batch: Batch) -> tuple[Tensor, Tensor]:
        if isinstance(model, VAE):
            q = model.posterior(batch.x, batch.index)
            return q.mean, q.log_var
        mean = codes_in(model.encoder, batch)
        return mean, torch.full_like(mean, POINT_LOG_VAR)

    means, log_vars = of_images(moments, images, index)
    return means.double().numpy(), log_vars.double().numpy()


def decoded(model: VAE | Autoencoder, codes: Floats | Tensor) -> NDArray[np.float32]:
    """The decoded means E[x | z], (n, C, H, W) in [0, 1], of codes, (n, D); not noisy draws."""
    return of_rows(model.decode, torch.as_tensor(codes, dtype=torch.float32)).numpy()


def drawn(means: Floats, log_vars: Floats, rng: np.random.Generator) -> Floats:
    """One draw of each q(z | x), (n, D): codes as the decoder saw them while it learned.

    In many dimensions draws keep away from their means, so that a decoder may never have seen
    anything near those: where q(z | x) is close to N(0, I), all means lie at the centre.
    """
    return means + np.exp(0.5 * log_vars) * rng.standard_normal(means.shape)


def prior_draws(model: VAE, n: int, seed: int) -> Tensor:
    """n draws from N(0, I), (n, D): the same for all models of a study with as many dimensions."""
    return model.draw_prior(n, torch_stream(seed, "samples"))


def decoded_by_epoch(run: SavedRun, codes: Tensor) -> dict[str, NDArray[np.float32]]:
    """What a VAE made of the same codes at each of its snapshots, by epoch."""
    found = {}
    for epoch, update in run.snapshots.items():
        then = run.model_as(VAE, update)
        found[str(epoch)] = decoded(then, codes)
    return found


def untrained(run: SavedRun) -> Model:
    """The model as its run began, parts taken from other runs apart: the seed gives it again."""
    with seeded_initialisation(run.seed):
        return build(run.config).eval()


@dataclass(frozen=True)
class Spread:
    """How codes are spread; `FEWEST` images or more have it.

    Attributes:
        influence: pseudo-values of the MMD from N(0, I) by image, (n,), whose mean it is.
        null: 97.5 % of the MMD under its null.
        active, active_at_start: units that are active, now and before anything was learned.
    """

    influence: Floats
    null: float
    active: int
    active_at_start: int


@dataclass(frozen=True)
class Divergence:
    """KL from N(0, I) in nats, of codes that have densities.

    Attributes:
        kl, information: of each image's q(z | x), and at least how much of it tells images apart,
            (n,). information_high: at most, mean over images.
        per_dimension: of q(z | x), mean over images, (D,).
        marginal, marginal_low: of all codes together, at most and at least.
        null: 97.5 % of what codes leave of it whose aggregate is N(0, I).
    """

    kl: Floats
    information: Floats
    information_high: float
    per_dimension: Floats
    marginal: float
    marginal_low: float
    null: float


@dataclass(frozen=True)
class OfCodes:
    """How the codes of a run's training images, taken together, lie to N(0, I).

    An autoencoder has points for codes and no densities, so it has no divergence, and as aggregate
    the Gaussian of its codes' moments.

    Attributes:
        aggregate_kl: of the mean of q(z | x) over images, one dimension at a time, (D,).
        start_share: of per-image codes, the squared correlation of a code's mean with the one it
            was initialised at.
    """

    aggregate_kl: Floats
    spread: Spread | None
    divergence: Divergence | None
    start_share: float | None


def against_prior(run: SavedRun, images: Images) -> OfCodes:
    """Measure the codes of a VAE or an autoencoder, of the images that it learned from."""
    index = sample_of(len(images), "codes", size=CODES_LOOKED_AT)
    model = run.model()
    means, log_vars = posterior(model, images, index)
    start, _ = posterior(untrained(run), images, index)

    def stream(name: str) -> np.random.Generator:
        return numpy_stream(run.seed, "against prior", name)

    spread = None
    if len(index) >= FEWEST:
        distance = measures.prior_distance(
            means,
            log_vars,
            stream("distance"),
            at_most=MMD_IMAGES,
            permutations=PERMUTATIONS,
        )
        active, at_start = (int(measures.active_units(each).sum()) for each in (means, start))
        spread = Spread(distance.influence, distance.null_quantiles[2], active, at_start)
    if not isinstance(model, VAE):
        return OfCodes(measures.moment_kl(means, log_vars), spread, None, None)
    parts = measures.surgery(means, log_vars, stream("surgery"))
    some = slice(ONE_DIMENSION_EACH)
    return OfCodes(
        measures.mixture_kl(means[some], log_vars[some], stream("dimensions"), points=POINTS),
        spread,
        Divergence(
            kl=parts.kl,
            information=parts.information,
            information_high=float(min(parts.information_high.mean(), parts.kl.mean())),
            per_dimension=0.5 * np.mean(means**2 + np.exp(log_vars) - 1 - log_vars, axis=0),
            marginal=parts.marginal_kl,
            marginal_low=parts.marginal_kl_low,
            null=_highest(measures.surgery_null(means, log_vars, stream("null"))),
        ),
        _shared_variance(start, means) if isinstance(model.posterior, PerImage) else None,
    )


def _highest(null: Floats) -> float:
    """97.5 % of what another draw of the null would give."""
    n = len(null)
    spread = float(null.std(ddof=1)) * np.sqrt(1 + 1 / n)
    return float(null.mean() + stats.t.ppf(0.975, n - 1) * spread)


def _shared_variance(first: Floats, second: Floats) -> float:
    """The squared correlation of all entries of two tables; 0 where one does not vary."""
    a, b = first - first.mean(), second - second.mean()
    size = float(np.sum(a**2) * np.sum(b**2))
    return float(np.sum(a * b)) ** 2 / size if size > 0 else 0.0


COLUMNS = {
    "kl": "KL of a code",
    "mutual-information": "mutual information, at least",
    "aggregate-kl": "KL of all codes, at most",
    "aggregate-kl-null": "what N(0, I) leaves of it",
    "aggregate-kl-one-dimension-each": "one dimension each",
    "mmd": "MMD²",
    "mmd-null": "97.5 % of its null",
    "active-units": "active units",
    "active-units-at-start": "at the start",
}
"""Of `table_of_codes`: numbers of `numbers_of_codes`, in words."""


def table_of_codes(runs: Mapping[str, Seeds[OfCodes]]) -> Table:
    """Codes of several runs against N(0, I)."""
    numbers = {run: numbers_of_codes(seeds) for run, seeds in runs.items()}
    return Table(
        "Codes against N(0, I): an image's KL, its split into mutual information and the distance "
        "of all codes together, and how many units are active now and were at the start",
        ("model", *COLUMNS.values()),
        tuple((run, *(found.get(name) for name in COLUMNS)) for run, found in numbers.items()),
    )


def numbers_of_codes(seeds: Seeds[OfCodes]) -> dict[str, Number]:
    """What was measured of a run's codes, over seeds and, where each has its own, images."""
    found: dict[str, Number] = {}
    if seeds.first.divergence is not None:
        found |= _of_densities(seeds.each(lambda one: present(one.divergence)))
    one_each = seeds.each(lambda one: float(one.aggregate_kl.sum()))
    found["aggregate-kl-one-dimension-each"] = _of_models(one_each, "nats")
    if seeds.first.spread is None:
        few = f"fewer than {FEWEST} images were learned from"
        names = ("mmd", "mmd-null", "active-units", "active-units-at-start")
        return found | dict.fromkeys(names, undefined(few))
    spread = seeds.each(lambda one: present(one.spread))
    return found | {
        "mmd": spread.measured(lambda one: one.influence, images=LEARNED).mean(),
        "mmd-null": _of_models(spread.each(lambda one: one.null)),
        "active-units": _of_models(spread.each(lambda one: float(one.active))),
        "active-units-at-start": _of_models(spread.each(lambda one: float(one.active_at_start))),
    }


def share_of_start(seeds: Seeds[OfCodes]) -> Number:
    """How much of the variance of per-image codes is still that of their random start."""
    return _of_models(seeds.each(lambda one: one.start_share or 0.0), "share")


def _of_densities(seeds: Seeds[Divergence]) -> dict[str, Number]:
    def by_image(values: Callable[[Divergence], Floats]) -> Number:
        return seeds.measured(values, "nats", images=LEARNED).mean()

    n = len(seeds.first.kl)
    beyond = min(one.marginal - one.null for one in seeds)
    return {
        # Where every code tells its image, all information is ln N but for rounding.
        "kl": by_image(lambda one: one.kl.round(9)),
        "mutual-information": by_image(lambda one: one.information.round(9)),
        "ln-n": Number(float(np.log(n)), n=n, unit="nats", interval="exact"),
        "mutual-information-high": _of_models(seeds.each(lambda one: one.information_high), "nats"),
        "aggregate-kl": by_image(lambda one: one.kl - one.information),
        "aggregate-kl-low": _of_models(seeds.each(lambda one: one.marginal_low), "nats"),
        "aggregate-kl-null": _of_models(seeds.each(lambda one: one.null), "nats"),
        "aggregate-kl-beyond-null": Number(
            beyond, n=len(seeds), unit="nats", interval="the least of all seeds, no interval"
        ),
    }


def _of_models(values: Seeds[float], unit: str = "") -> Number:
    """A value of each model as a whole: over seeds, and without interval where there is one."""
    if len(values) == 1:
        return Number(values.first, n=1, unit=unit, interval="one model, no interval")
    return Measured(np.array(list(values)), ("seed",), unit).mean()
