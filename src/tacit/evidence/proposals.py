"""Proposals q(z | x): what importance samples are drawn from, and where annealing may start.

Choosing one: the encoder's posterior is there already; a posterior refined per image
(`tacit.evidence.refine`) needs fewer samples and cannot suffer from a poor encoder; a defensive
mixture with the prior keeps the weights bounded where q's tails are too light.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from tacit.evidence.observed import Noise
from tacit.models.models import VAE
from tacit.models.posteriors import Amortized, DiagonalNormal


class Proposal(Protocol):
    """A density over codes for each of B images, to draw from and to evaluate."""

    @property
    def name(self) -> str:
        """For people to read."""

    def draw(self, n: int, noise: Noise) -> Tensor:
        """n codes for each image, (n, B, D)."""

    def log_prob(self, z: Tensor) -> Tensor:
        """log q(z | x) in nats; z: (n, B, D), result: (n, B)."""

    def take(self, rows: slice) -> "Proposal":
        """The proposals for the images of `rows`."""

    def __len__(self) -> int:
        """B."""


MakeProposal = Callable[[VAE, Tensor], Proposal]
"""From a model and its data, (B, C, H, W), to proposals for these images."""


BLOCK = 64
"""Samples of one image are drawn in blocks of this size, so that no chunk cuts a block in two."""


@dataclass(frozen=True)
class NormalMixture:
    """q(z | x_i) = Σ_k weight_k N(z; mean_ik, diag(exp(log_var_ik))).

    Attributes:
        components: one diagonal normal per component, each of batch shape (B,).
        weights: one per component, summing to 1.
        name: for people to read.
    """

    components: tuple[DiagonalNormal, ...]
    weights: tuple[float, ...] = (1.0,)
    name: str = "per-image normal"

    def __post_init__(self) -> None:
        if len(self.components) != len(self.weights):
            raise ValueError(f"{len(self.components)} components have {len(self.weights)} weights")
        if min(self.weights) <= 0 or not math.isclose(sum(self.weights), 1):
            raise ValueError(f"weights are {self.weights}; they are positive and sum to 1")

    def __len__(self) -> int:
        return len(self.components[0].mean)

    def draw(self, n: int, noise: Noise) -> Tensor:
        mean, log_var = self.components[0].mean, self.components[0].log_var
        standard = noise.normal(n, mean.shape[-1])
        if len(self.components) > 1:
            uniform = noise.uniform(n)
            bounds = torch.tensor(self.weights[:-1], device=mean.device).cumsum(0)
            chosen = (uniform[..., None] >= bounds).sum(dim=-1)
            rows = torch.arange(len(mean), device=mean.device)
            mean = torch.stack([q.mean for q in self.components])[chosen, rows]
            log_var = torch.stack([q.log_var for q in self.components])[chosen, rows]
        return torch.addcmul(mean, torch.exp(0.5 * log_var), standard)

    def log_prob(self, z: Tensor) -> Tensor:
        if len(self.components) == 1:
            return self.components[0].log_prob(z)
        terms = [
            q.log_prob(z) + math.log(weight)
            for q, weight in zip(self.components, self.weights, strict=True)
        ]
        return torch.stack(terms).logsumexp(dim=0)

    def take(self, rows: slice) -> "NormalMixture":
        parts = tuple(DiagonalNormal(q.mean[rows], q.log_var[rows]) for q in self.components)
        return NormalMixture(parts, self.weights, self.name)


def fitted(q: DiagonalNormal, name: str = "per-image normal") -> NormalMixture:
    """The given per-image posterior, such as `Refined.q` or a per-image VAE's own."""
    return NormalMixture((DiagonalNormal(q.mean.detach(), q.log_var.detach()),), name=name)


def from_encoder(model: VAE, x: Tensor) -> NormalMixture:
    """q(z | x) as the model's encoder gives it.

    Raises:
        TypeError: where the posterior is per image; pass `fitted(q)` with the images' own.
    """
    if not isinstance(model.posterior, Amortized):
        raise TypeError(
            "this VAE has no encoder to propose codes; pass `fitted(q)` with a posterior per "
            "image, such as tacit.evidence.refine's"
        )
    return fitted(model.posterior(x), "the encoder")


def from_prior(model: VAE, x: Tensor) -> NormalMixture:
    """N(0, I) for every image."""
    zeros = x.new_zeros(len(x), model.latent_dim)
    return fitted(DiagonalNormal(zeros, zeros), "the prior")


def widened(q: NormalMixture, factor: float) -> NormalMixture:
    """q with every standard deviation times `factor`."""
    parts = tuple(DiagonalNormal(p.mean, p.log_var + 2 * math.log(factor)) for p in q.components)
    return NormalMixture(parts, q.weights, f"{q.name} widened {factor:g} times")


def mixture(parts: Sequence[NormalMixture], weights: Sequence[float]) -> NormalMixture:
    """Σ_k weight_k q_k for the same images: a defensive mixture, where one part has wide tails.

    Owen and Zhou, "Safe and effective importance sampling", 2000.
    """
    components = tuple(c for q in parts for c in q.components)
    shares = tuple(
        weight * share for q, weight in zip(parts, weights, strict=True) for share in q.weights
    )
    name = " + ".join(f"{w:g} {q.name}" for q, w in zip(parts, weights, strict=True))
    return NormalMixture(components, shares, name)


def covering(q: DiagonalNormal) -> NormalMixture:
    """A refined posterior with a wider one and the prior, for what a diagonal normal leaves out."""
    best = fitted(q, "the refined posterior")
    zeros = torch.zeros_like(best.components[0].mean)
    prior = fitted(DiagonalNormal(zeros, zeros), "the prior")
    return mixture([best, widened(best, 1.5), prior], [0.6, 0.3, 0.1])


def proposal_for(
    proposal: Proposal | DiagonalNormal | MakeProposal,
    model: VAE,
    x: Tensor,
    part: slice,
    n_images: int,
) -> Proposal:
    """The proposal for the images of `part` out of `n_images`, whose data are x.

    Raises:
        ValueError: where a ready proposal has not one row for each image.
    """
    if isinstance(proposal, DiagonalNormal):
        proposal = fitted(proposal)
    if callable(proposal):
        return proposal(model, x)
    if len(proposal) != n_images:
        raise ValueError(
            f"the proposal is for {len(proposal)} images and there are {n_images}; "
            "it has one row for each"
        )
    return proposal.take(part)


def image_chunks(n_images: int, rows: int) -> Iterator[slice]:
    """Consecutive images, few enough that a block of samples of each makes at most `rows` codes."""
    at_once = max(1, rows // BLOCK)
    for start in range(0, n_images, at_once):
        yield slice(start, min(start + at_once, n_images))


def draws(q: Proposal, n_samples: int, noise: Noise, rows: int) -> Iterator[Tensor]:
    """`n_samples` codes of each image, as parts (n, B, D) of at most `rows` codes (or n = 1).

    The last block is drawn whole and cut, so that a longer run begins with the same samples.
    """
    blocks = max(1, rows // (BLOCK * len(q)))
    for start in range(0, n_samples, BLOCK * blocks):
        n = min(BLOCK * blocks, n_samples - start)
        z = q.draw(math.ceil(n / BLOCK) * BLOCK, noise)[:n]
        yield from z.split(max(1, rows // len(q)))
