"""Codes of trained models: their posteriors, their pictures, and how far they are from N(0, I)."""

from collections.abc import Mapping

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
from tacit.questions.base import Measurement
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
    """What a VAE made of the same codes at each of its snapshots, by ``epoch/EPOCH``."""
    found = {}
    for epoch, update in sorted(run.snapshots.items()):
        then = run.model(update)
        assert isinstance(then, VAE)
        found[f"epoch/{epoch}"] = decoded(then, codes)
    return found


def epochs_of(arrays: Mapping[str, NDArray[np.generic]], prefix: str) -> list[int]:
    """The epochs of what `decoded_by_epoch` gave, kept under ``PREFIX/epoch/EPOCH``."""
    start = f"{prefix}/epoch/"
    return sorted(int(name.removeprefix(start)) for name in arrays if name.startswith(start))


def untrained(run: SavedRun) -> Model:
    """The model as its run began, parts taken from other runs apart: the seed gives it again."""
    with seeded_initialisation(run.seed):
        return build(run.config).eval()


def against_prior(run: SavedRun, images: Images) -> Measurement:
    """How the codes of a run's training images, taken together, lie to N(0, I).

    Values, nats per image: ``kl``; ``information`` and ``information-high``, at least and at most;
    ``marginal-kl`` and ``marginal-kl-low``, at most and at least; ``marginal-kl-null``, 97.5 % of
    what codes leave of it whose aggregate is N(0, I); ``ceiling`` (ln N); ``one-dimension-kl`` (the
    sum of ``aggregate-kl``). ``mmd`` and its ``mmd-null`` (97.5 %); ``active-units`` and
    ``active-at-start``: these four are missing where there are too few images for them (`FEWEST`).
    For per-image codes ``start-share``, the squared correlation of a code's mean with the one it
    was initialised at.

    Arrays: ``kl``, ``information`` and ``mmd-influence``, per image; ``kl-per-dimension``, of
    q(z | x), mean over images, and ``aggregate-kl``, of the mean of q(z | x) over images, (D,).

    An autoencoder has points for codes and no densities, so it has only the MMD, the active units
    and, as aggregate, the Gaussian of its codes' moments.

    Args:
        run: a VAE or an autoencoder.
        images: those that it learned from.
    """
    index = sample_of(len(images), "codes", size=CODES_LOOKED_AT)
    model = run.model()
    means, log_vars = posterior(model, images, index)

    def stream(name: str) -> np.random.Generator:
        return numpy_stream(run.seed, "against prior", name)

    found = Measurement()
    start, _ = posterior(untrained(run), images, index)
    if len(index) >= FEWEST:
        distance = measures.prior_distance(
            means,
            log_vars,
            stream("distance"),
            at_most=MMD_IMAGES,
            permutations=PERMUTATIONS,
        )
        found.values |= {
            "mmd": distance.value,
            "mmd-null": distance.null_quantiles[2],
            "active-units": float(measures.active_units(means).sum()),
            "active-at-start": float(measures.active_units(start).sum()),
        }
        found.arrays["mmd-influence"] = distance.influence
    if not isinstance(model, VAE):
        found.arrays["aggregate-kl"] = measures.moment_kl(means, log_vars)
        found.values["one-dimension-kl"] = float(found.arrays["aggregate-kl"].sum())
        return found
    parts = measures.surgery(means, log_vars, stream("surgery"))
    per_dimension = 0.5 * np.mean(means**2 + np.exp(log_vars) - 1 - log_vars, axis=0)
    found.arrays |= {
        "kl": parts.kl,
        "information": parts.information,
        "kl-per-dimension": per_dimension,
        "aggregate-kl": measures.mixture_kl(
            means[:ONE_DIMENSION_EACH],
            log_vars[:ONE_DIMENSION_EACH],
            stream("dimensions"),
            points=POINTS,
        ),
    }
    found.values |= {
        "kl": float(parts.kl.mean()),
        "information": float(parts.information.mean()),
        "information-high": float(min(parts.information_high.mean(), parts.kl.mean())),
        "marginal-kl": parts.marginal_kl,
        "marginal-kl-low": parts.marginal_kl_low,
        "marginal-kl-null": _highest(measures.surgery_null(means, log_vars, stream("null"))),
        "ceiling": parts.ceiling,
        "one-dimension-kl": float(found.arrays["aggregate-kl"].sum()),
    }
    if isinstance(model.posterior, PerImage):
        found.values["start-share"] = _shared_variance(start, means)
    return found


def _highest(null: Floats) -> float:
    """97.5 % of what another draw of the null would give."""
    n = len(null)
    spread = float(null.std(ddof=1)) * np.sqrt(1 + 1 / n)
    return float(null.mean() + stats.t.ppf(0.975, n - 1) * spread)


_TOO_FEW = f"fewer than {FEWEST} images were learned from"


def of_codes(
    measured: Mapping[int, Measurement], name: str, *, prefix: str = "", unit: str = "nats"
) -> Number:
    """One of the numbers of `against_prior`, over seeds and images.

    Args:
        measured: by seed.
        name: "kl", "information", "marginal-kl" or "mmd".
        prefix: what stands before the names where several runs were looked at.
    """
    if any(prefix + name not in m.values for m in measured.values()):
        return undefined(_TOO_FEW, unit=unit)

    def by_image(m: Measurement) -> Floats:
        if name == "mmd":
            return m.floats(f"{prefix}mmd-influence")
        if name == "marginal-kl":
            return m.floats(f"{prefix}kl") - m.floats(f"{prefix}information")
        # Where every code tells its image, all information is ln N but for rounding.
        return m.floats(prefix + name).round(9)

    each = [by_image(m) for m in measured.values()]
    return Measured.of_seeds(each, unit, names={"image": "training images"}).mean()


def counted(measured: Mapping[int, Measurement], name: str, unit: str = "") -> Number:
    """A value of the model as a whole: over seeds, and without interval where there is one."""
    if any(name not in m.values for m in measured.values()):
        return undefined(_TOO_FEW, unit=unit)
    if len(measured) == 1:
        (m,) = measured.values()
        return Number(m.values[name], n=1, unit=unit, interval="one model, no interval")
    return Measured([m.values[name] for m in measured.values()], ("seed",), unit).mean()  # type: ignore[arg-type]


def _shared_variance(first: Floats, second: Floats) -> float:
    """The squared correlation of all entries of two tables; 0 where one does not vary."""
    a, b = first - first.mean(), second - second.mean()
    size = float(np.sum(a**2) * np.sum(b**2))
    return float(np.sum(a * b)) ** 2 / size if size > 0 else 0.0
