"""Objectives: what is minimised, as per-image terms in nats.

An objective is called as ``objective(model, batch, generator)`` and returns a dictionary of
per-image terms, each (B,). The term called ``loss`` is what is minimised; the others are its parts,
for people to read. Sums run over pixels and latent dimensions, never means: a mean over pixels
beside a mean over latent dimensions is a hidden β of 784 / (2 σ² 200).
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from tacit.models.models import VAE, Autoencoder, Classifier

Terms = dict[str, Tensor]


class Batch(NamedTuple):
    """x: images in [0, 1], (B, C, H, W); y: labels, (B,), or None; index: training rows, (B,)."""

    x: Tensor
    y: Tensor | None
    index: Tensor


class Objective(Protocol):
    """Per-image terms of a model on a batch; all randomness comes from `generator`."""

    def __call__(
        self, model: "torch.nn.Module", batch: Batch, generator: torch.Generator
    ) -> Terms: ...


def squared_error(model: Autoencoder, batch: Batch, generator: torch.Generator) -> Terms:
    """Σ over pixels of (x - decode(encode(x)))²: pixel units squared, per image."""
    error = (batch.x - model.decode(model.encode(batch.x))).square().sum(dim=(1, 2, 3))
    return {"loss": error}


def cross_entropy(model: Classifier, batch: Batch, generator: torch.Generator) -> Terms:
    """-log p(y | x) in nats, and whether the likeliest class is the right one."""
    logits = model(batch.x)
    assert batch.y is not None
    loss = F.cross_entropy(logits, batch.y, reduction="none")
    return {"loss": loss, "accuracy": (logits.argmax(dim=1) == batch.y).to(loss.dtype)}


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


Build = Callable[..., Objective]
