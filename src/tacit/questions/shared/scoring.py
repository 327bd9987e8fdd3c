"""log p(x) of chosen images, each beside its mean intensity and the mean image."""

import math
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tacit.evidence.estimate import LogProbEstimate
from tacit.evidence.importance import importance_sampling
from tacit.evidence.methods import from_refined, refined_posteriors
from tacit.evidence.observed import Observed, observe
from tacit.evidence.pareto import FEWEST_WEIGHTS
from tacit.evidence.precision import (
    FEWER_DISTRIBUTIONS,
    PreciseEstimate,
    log_prob_to_precision,
)
from tacit.evidence.proposals import from_encoder
from tacit.evidence.refine import MOST_STEPS
from tacit.images.dataset import Images
from tacit.measures.distances import Floats
from tacit.measures.images import gaussian_log_prob, mean_intensity
from tacit.models.likelihoods import Gaussian, Likelihood
from tacit.models.models import VAE
from tacit.models.posteriors import DiagonalNormal
from tacit.progress import within
from tacit.questions.shared.samples import Rows
from tacit.streams import torch_stream

Columns = dict[str, NDArray[np.generic]]
OVERALL = -1
"""The key of the mean of all images, beside those of the classes."""


def mean_images(images: Images, classes: list[int]) -> dict[int, Floats]:
    """The mean image of all images (`OVERALL`) and of each class, (D,) each, in [0, 1]."""

    def mean(some: Images) -> Floats:
        # Sums of bytes are exact, whatever the portions.
        total = sum(portion.sum(axis=0, dtype=np.float64) for portion in some.portions())
        return np.ravel(total / len(some)) / 255

    means = {OVERALL: mean(images)}
    for c in classes:
        means[c] = mean(images.take(np.flatnonzero(images.truth == c)))
    return means


def observed(model: VAE, images: Images, rows: Rows, seed: int, split: str) -> Observed:
    """The images at `rows` as the likelihood has them: of one seed all models see the same."""
    x = torch.from_numpy(images.scaled(rows))
    return observe(model, x, torch_stream(seed, "observed", split))


@torch.no_grad()
def own_posterior(model: VAE, data: Observed, rows: Rows) -> DiagonalNormal:
    """The model's own q(z | x): of the encoder, or the rows that were trained."""
    q = model.posterior(data.x, torch.from_numpy(rows))
    return DiagonalNormal(q.mean, q.log_var)


def score(
    model: VAE,
    images: Images,
    rows: Rows,
    means: Mapping[int, Floats],
    *,
    samples: int,
    seed: int,
    split: str,
    by_encoder: bool,
    anneal: bool = True,
    gradients: int = MOST_STEPS,
) -> Columns:
    """Columns of per-image numbers for the images at `rows`, (n,) each.

    ``log_prob`` with ``standard_error`` and ``flagged``; ``effective_samples`` and ``pareto_k``
    (from 100 samples up) of importance samples. From refined posteriors, unless `anneal` is false:
    ``annealed``, whether these stayed flagged and the value is by annealing, and ``upper``, an
    upper bound where that stays flagged too. ``mean_intensity``; ``mean_image``, the log-likelihood
    under the model's own likelihood with the mean training image in place of the decoded one;
    ``class_mean_image``, the same with the mean of the image's class; ``label``. The last two only
    where `means` has the classes.

    gradients: of an image's refinement, at most, where what stays flagged is annealed.
    """
    data = observed(model, images, rows, seed, split)
    columns: Columns = {
        "mean_intensity": mean_intensity(images.pixels[rows]),
        "mean_image": picture_log_prob(model.likelihood, data.x, means[OVERALL]),
    }
    estimate: LogProbEstimate
    if not anneal or (by_encoder and model.amortized):
        estimate = estimated(model, data, samples, seed, split, by_encoder=by_encoder)
        worth = estimate.ess
    else:
        estimate = precise = without_flags(model, data, samples, seed, split, gradients)
        worth = precise.sampled_ess
        assert precise.upper is not None
        columns |= {"annealed": precise.annealed.astype(np.int64), "upper": precise.upper}
    assert worth is not None
    columns |= {
        "log_prob": estimate.log_prob,
        "standard_error": estimate.standard_error,
        "flagged": estimate.flagged.astype(np.int64),
        "effective_samples": worth,
    }
    if estimate.pareto_k is not None and samples >= FEWEST_WEIGHTS:
        columns["pareto_k"] = estimate.pareto_k
    if len(means) > 1:
        own = np.stack([means[c] for c in images.truth[rows].tolist()])
        columns["label"] = images.truth[rows]
        columns["class_mean_image"] = picture_log_prob(model.likelihood, data.x, own)
    return columns


def estimated(
    model: VAE,
    data: Observed,
    samples: int,
    seed: int,
    split: str,
    *,
    by_encoder: bool,
) -> LogProbEstimate:
    """log p(x) by importance sampling from each image's refined posterior, or from the encoder.

    Train and test images are treated alike: all get theirs by the same optimisation against the
    frozen decoder, also where a per-image VAE has posteriors of its training images, with its
    correlations (`tacit.evidence.correlated`). One sample in a hundred comes from the prior, so
    that no weight is without a bound.
    """
    if by_encoder and model.amortized:
        generator = torch_stream(seed, "importance", split)
        return importance_sampling(
            model, from_encoder, data, n_samples=samples, generator=generator
        )
    q = refined_posteriors(model, data, generator=torch_stream(seed, "refined", split))
    generator = torch_stream(seed, "importance", split)
    return from_refined(model, data, q, n_samples=samples, generator=generator)


def without_flags(
    model: VAE,
    data: Observed,
    samples: int,
    seed: int,
    split: str,
    gradients: int = MOST_STEPS,
) -> PreciseEstimate:
    """As `estimated` from refined posteriors; what stays flagged is annealed from the same normals.

    An image's value is that of the first method in turn that raises no flag, or of the last, with
    an upper bound beside it.
    """
    generator = torch_stream(seed, "refined", split)
    with within(0, 0.5):
        q = refined_posteriors(model, data, max_steps=gradients, generator=generator)
    with within(0.5, 1):
        return log_prob_to_precision(
            model,
            data,
            precision=math.inf,
            n_samples=samples,
            n_distributions=FEWER_DISTRIBUTIONS[-1],
            refined=q,
            generator=torch_stream(seed, "importance", split),
        )


def picture_log_prob(likelihood: Likelihood, x: Tensor, pictures: Floats) -> Floats:
    """log p(x | a picture in place of the decoded mean) in nats, constants included, (n,).

    x: (n, C, H, W). pictures: in [0, 1], (D,), or (n, D) for one per image.
    """
    if isinstance(likelihood, Gaussian):
        return gaussian_log_prob(x.numpy(), pictures, likelihood.sigma)
    # A black-and-white pixel that was never white would have probability 0; Burda's clipping.
    logits = torch.from_numpy(pictures).clamp(0.001, 0.999).logit()
    shape = x.shape if logits.ndim == 2 else x.shape[1:]
    return likelihood.log_prob(x.double(), logits.reshape(shape).expand(x.shape)).numpy()
