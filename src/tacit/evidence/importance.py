"""log p(x) by importance sampling."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tacit.evidence.estimate import LogProbEstimate
from tacit.evidence.observed import (
    MIB,
    Noise,
    Observed,
    check_positive,
    draw_root,
    frozen,
    observed_from,
    rows_and_draws,
)
from tacit.evidence.pareto import FEWEST_WEIGHTS, pareto_k, tail_size
from tacit.evidence.proposals import MakeProposal, Proposal, draws, image_chunks, proposal_for
from tacit.models.models import VAE
from tacit.models.posteriors import DiagonalNormal


def importance_sampling(
    model: VAE,
    proposal: Proposal | DiagonalNormal | MakeProposal,
    x: Tensor | Observed,
    *,
    n_samples: int = 1000,
    generator: torch.Generator,
    memory: int = 512 * MIB,
    dequantised: bool = False,
) -> LogProbEstimate:
    """log p(x) ≈ log (1/S) Σ_s w_s, w_s = p(x, z_s) / q(z_s | x), z_s ~ q(z | x).

    An unbiased estimate of p(x), whose logarithm is a lower bound in expectation that rises with
    S (Burda, Grosse and Salakhutdinov 2016). Networks run in the model's precision; the weights
    are accumulated in float64 as they come, so that neither many images nor many samples take
    memory: at most `memory` bytes are used for decoding, beside the arguments and the answer.

    An image is observed once and encoded once. Its noise is its own (see `Observed.keys`): with
    the same seed, other images beside it, their order and the memory limit change its number by
    floating-point rounding alone, and more samples begin with the same ones.

    Args:
        proposal: `from_encoder`, `from_prior`, or another function of the model and the data; or
            a proposal or DiagonalNormal that has a row for each image.
        x: images in [0, 1], (B, C, H, W), or `observe(model, images, generator)`.
        n_samples: S.
        generator: gives the seed of this call's noise.
        memory: bytes.
        dequantised: say True where the pixels are (grey level + uniform noise) / 256.

    Raises:
        ValueError: where x, `n_samples` or `memory` cannot be used, or a weight is NaN.
    """
    check_positive(n_samples=n_samples)
    root = draw_root(generator)
    with frozen(model), torch.no_grad():
        data = observed_from(model, x, root)
        rows, drawn = rows_and_draws(model, memory)
        summaries = []
        for part in image_chunks(len(data), rows):
            chunk = data.take(part)
            q = proposal_for(proposal, model, chunk.x, part, len(data))
            noise = Noise(root, "importance", chunk.keys, chunk.x)
            weights = LogWeights(len(chunk), n_samples)
            for z in draws(q, n_samples, noise, drawn):
                few = z.split(max(1, rows // len(chunk)))
                log_joint = torch.cat([model.log_joint(chunk.x, each) for each in few])
                weights.add(checked(log_joint - q.log_prob(z), part.start))
            summaries.append(weights.summary())
    columns = zip(*summaries, strict=True)
    log_prob, standard_error, ess, k = (np.concatenate(column) for column in columns)
    return LogProbEstimate(
        log_prob=log_prob,
        standard_error=standard_error,
        bound="lower",
        measure=model.likelihood.measure,
        method=f"importance sampling from {q.name}",
        n_samples=n_samples,
        ess=ess,
        pareto_k=k if n_samples >= FEWEST_WEIGHTS else None,
        dequantised=dequantised,
        caveats=data.caveats,
    )


def checked(log_weight: Tensor, first: int) -> NDArray[np.float64]:
    """Log weights, (n, B), in float64; `first` is the number of the first image.

    Raises:
        ValueError: where one is NaN, which no diagnostic could show.
    """
    values = log_weight.double().cpu().numpy()
    if np.isnan(values).any():
        image = first + int(np.isnan(values).any(axis=0).nonzero()[0][0])
        raise ValueError(f"the model gives image {image} a log p(x, z) that is NaN")
    return values


class LogWeights:
    """Σw, Σw² and the largest weights of B images, from log weights that come in parts.

    n_total: how many weights per image will have come in the end.
    """

    def __init__(self, n_images: int, n_total: int) -> None:
        self.n_total = n_total
        self.log_sum = np.full(n_images, -np.inf)
        self.log_sum_squares = np.full(n_images, -np.inf)
        self.n_largest = tail_size(n_total) + 1 if n_total >= FEWEST_WEIGHTS else 0
        self.largest = np.empty((0, n_images))

    def add(self, log_weight: NDArray[np.float64]) -> None:
        """log_weight: (n, B)."""
        peak = log_weight.max(axis=0)
        scaled = np.exp(log_weight - np.where(np.isfinite(peak), peak, 0))
        with np.errstate(divide="ignore"):
            total = np.log(scaled.sum(axis=0)) + peak
            squares = np.log(np.square(scaled).sum(axis=0)) + 2 * peak
        self.log_sum = np.logaddexp(self.log_sum, total)
        self.log_sum_squares = np.logaddexp(self.log_sum_squares, squares)
        if self.n_largest:
            self.largest = np.concatenate([self.largest, log_weight])
            if len(self.largest) > self.n_largest:
                self.largest = np.partition(self.largest, -self.n_largest, axis=0)
                self.largest = self.largest[-self.n_largest :]

    def summary(self) -> tuple[NDArray[np.float64], ...]:
        """log mean(w), its standard error by the delta method, effective sample size, k̂: (B,)."""
        n = self.n_total
        with np.errstate(invalid="ignore"):
            ess = np.exp(2 * self.log_sum - self.log_sum_squares)
            ess = np.where(np.isneginf(self.log_sum), 0.0, ess)
        # Var(w) / mean(w)² = S / ESS - 1; the variance of one weight is unknown.
        with np.errstate(divide="ignore", invalid="ignore"):
            standard_error = np.sqrt(np.maximum(n / ess - 1, 0) / (n - 1))
        k = np.full(len(ess), np.nan)
        if self.n_largest:
            k = pareto_k(np.sort(self.largest, axis=0)[::-1])
        return self.log_sum - math.log(n), standard_error, ess, k
