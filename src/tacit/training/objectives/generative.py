"""Objectives of models that give images back: the squared error, and bounds of log p(x)."""

import math

import torch
from torch import Tensor

from tacit.models.models import VAE, Autoencoder
from tacit.models.posteriors import DiagonalNormal
from tacit.training.objectives.base import Batch, Objective, Terms, known_codes


def squared_error(model: Autoencoder, batch: Batch, generator: torch.Generator) -> Terms:
    """Σ over pixels of (x - decode(encode(x)))²: pixel units squared, per image."""
    known = known_codes(model, batch)
    codes = model.encode(batch.x) if known is None else known
    error = (batch.x - model.decode(codes)).square().sum(dim=(1, 2, 3))
    return {"loss": error}


def elbo(beta: float = 1.0, n_samples: int = 1) -> Objective:
    """-(E_q log p(x | z) - β KL(q(z | x) ‖ p(z))), in nats per image.

    The expectation is over `n_samples` reparameterised draws; the KL is in closed form.
    """

    def negative_elbo(model: VAE, batch: Batch, generator: torch.Generator) -> Terms:
        x = model.likelihood.observe(batch.x, generator)
        q = model.posterior(x, batch.index)
        decoded = model.decoder(q.draw(n_samples, generator))
        reconstruction = model.likelihood.log_prob(x, decoded).mean(dim=0)
        kl = q.kl_to_standard().sum(dim=-1)
        return {
            "loss": beta * kl - reconstruction,
            "elbo": reconstruction - kl,
            "reconstruction": reconstruction,
            "kl": kl,
        }

    return negative_elbo  # type: ignore[return-value]


def iwae(n_samples: int) -> Objective:
    """-log 1/K Σₖ wₖ with wₖ = p(x, zₖ) / q(zₖ | x), zₖ ~ q: nats per image (Burda 2016).

    With one sample its expectation is the negative ELBO's.
    """

    def negative_bound(model: VAE, batch: Batch, generator: torch.Generator) -> Terms:
        x = model.likelihood.observe(batch.x, generator)
        q = model.posterior(x, batch.index)
        z = q.draw(n_samples, generator)
        return _bound_terms(model.log_joint(x, z) - q.log_prob(z))

    return negative_bound  # type: ignore[return-value]


def dreg(n_samples: int) -> Objective:
    """IWAE's bound with the doubly reparameterised gradient for the encoder (Tucker 2019).

    The decoder's gradient is IWAE's, Σₖ w̃ₖ ∇ log wₖ with the normalised weights w̃ₖ. The encoder's
    flows through the samples alone, weighted by the squares, Σₖ w̃ₖ² (∂ log wₖ/∂zₖ)(∂zₖ/∂φ): the
    same expectation at less variance.
    """

    def negative_bound(model: VAE, batch: Batch, generator: torch.Generator) -> Terms:
        x = model.likelihood.observe(batch.x, generator)
        q = model.posterior(x, batch.index)
        z = q.draw(n_samples, generator)
        fixed = DiagonalNormal(q.mean.detach(), q.log_var.detach())
        log_weights = model.log_joint(x, z) - fixed.log_prob(z)
        terms = _bound_terms(log_weights)
        if z.requires_grad:
            normalised = log_weights.detach().softmax(dim=0)
            # `loss` already gives each sample's path its normalised weight; this squares it.
            z.register_hook(lambda gradient: gradient * normalised[..., None])
        return terms

    return negative_bound  # type: ignore[return-value]


def _bound_terms(log_weights: Tensor) -> Terms:
    bound = log_weights.logsumexp(dim=0) - math.log(len(log_weights))
    return {"loss": -bound, "bound": bound}
