"""log p(x) of chosen images, each beside its mean intensity and the mean image."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tacit.evidence.correlated import correlated
from tacit.evidence.estimate import LogProbEstimate, concatenate
from tacit.evidence.importance import importance_sampling
from tacit.evidence.observed import Observed, observe
from tacit.evidence.precision import LACKING
from tacit.evidence.proposals import from_encoder
from tacit.evidence.refine import refine
from tacit.images.dataset import Images
from tacit.measures.distances import Floats
from tacit.measures.images import gaussian_log_prob, mean_intensity
from tacit.models.likelihoods import Gaussian, Likelihood
from tacit.models.models import VAE
from tacit.models.posteriors import DiagonalNormal
from tacit.questions.shared.samples import Rows
from tacit.streams import torch_stream

Columns = dict[str, NDArray[np.generic]]
ProposalName = Literal["refined", "encoder"]
"""Where importance samples come from."""
CORRELATED_AT_ONCE = 100
"""Images whose posteriors have their covariances in memory together."""

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
        assert images.labels is not None
        means[c] = mean(images.take(np.flatnonzero(images.labels == c)))
    return means


def score(
    model: VAE,
    images: Images,
    rows: Rows,
    means: Mapping[int, Floats],
    *,
    samples: int,
    seed: int,
    split: str,
    proposal: ProposalName,
) -> Columns:
    """Columns of per-image numbers for the images at `rows`, (n,) each.

    ``log_prob`` with ``standard_error``, ``effective_samples``, ``pareto_k`` (from 100 samples up)
    and ``flagged``; ``mean_intensity``; ``mean_image``, the log-likelihood under the model's own
    likelihood with the mean training image in place of the decoded one; ``class_mean_image``,
    the same with the mean of the image's class; ``label``. The last two only where `means` has
    the classes.
    """
    x = torch.from_numpy(images.scaled(rows))
    data = observe(model, x, torch_stream(seed, "observed", split))
    estimate = estimated(model, data, samples, seed, split, proposal)
    columns: Columns = {
        "log_prob": estimate.log_prob,
        "standard_error": estimate.standard_error,
        "flagged": estimate.flagged.astype(np.int64),
        "mean_intensity": mean_intensity(images.pixels[rows]),
        "mean_image": picture_log_prob(model.likelihood, data.x, means[OVERALL]),
    }
    if estimate.ess is not None:
        columns["effective_samples"] = estimate.ess
    if estimate.pareto_k is not None:
        columns["pareto_k"] = estimate.pareto_k
    if len(means) > 1:
        assert images.labels is not None
        own = np.stack([means[c] for c in images.labels[rows].tolist()])
        columns["label"] = images.labels[rows]
        columns["class_mean_image"] = picture_log_prob(model.likelihood, data.x, own)
    return columns


def estimated(
    model: VAE,
    data: Observed,
    samples: int,
    seed: int,
    split: str,
    proposal: ProposalName,
) -> LogProbEstimate:
    """log p(x) by importance sampling from each image's refined posterior, or from the encoder.

    Train and test images are treated alike: all get theirs by the same optimisation against the
    frozen decoder, also where a per-image VAE has posteriors of its training images, with its
    correlations (`tacit.evidence.correlated`). One sample in a hundred comes from the prior, so
    that no weight is without a bound.
    """
    if proposal == "encoder" and model.amortized:
        generator = torch_stream(seed, "importance", split)
        return importance_sampling(
            model, from_encoder, data, n_samples=samples, generator=generator
        )
    refined = refine(
        model,
        data,
        start="encoder" if model.amortized else "prior",
        tolerance=LACKING,
        generator=torch_stream(seed, "refined", split),
    ).q
    estimates = []
    for first in range(0, len(data), CORRELATED_AT_ONCE):
        part = slice(first, first + CORRELATED_AT_ONCE)
        q = correlated(
            model,
            some := data.take(part),
            DiagonalNormal(refined.mean[part], refined.log_var[part]),
            generator=torch_stream(seed, "correlated", split),
        )
        # Noise is each image's own, so that portions begin from the same stream.
        generator = torch_stream(seed, "importance", split)
        estimates.append(
            importance_sampling(model, q, some, n_samples=samples, generator=generator)
        )
    return concatenate(estimates)


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
