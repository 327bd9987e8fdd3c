"""log p(x) of chosen images, each beside its mean intensity and the mean image."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tacit.evidence.estimate import LogProbEstimate
from tacit.evidence.importance import importance_sampling
from tacit.evidence.methods import from_refined, refined_posteriors
from tacit.evidence.observed import Observed, observe
from tacit.evidence.proposals import from_encoder
from tacit.images.dataset import Images
from tacit.measures.distances import Floats
from tacit.measures.images import gaussian_log_prob
from tacit.models.likelihoods import Gaussian, Likelihood
from tacit.models.models import VAE
from tacit.models.posteriors import DiagonalNormal
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


def columns_of(estimate: LogProbEstimate) -> Columns:
    """An estimate as per-image numbers, (n,) each."""
    return {
        "log_prob": estimate.log_prob,
        "standard_error": estimate.standard_error,
        "flagged": estimate.flagged.astype(np.int64),
    }


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
