"""Objectives: what is minimised, as per-image terms in nats.

An objective is called as ``objective(model, batch, generator)`` and returns a dictionary of
per-image terms, each (B,). The term called ``loss`` is what is minimised; the others are its parts,
for people to read. Sums run over pixels and latent dimensions, never means: a mean over pixels
beside a mean over latent dimensions is a hidden β of 784 / (2 σ² 200).
"""

import math
from typing import Annotated, Literal, NamedTuple, Protocol

import torch
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn import functional as F

from tacit.models.config import ModelConfig, Table
from tacit.models.models import VAE, Autoencoder, Classifier
from tacit.models.posteriors import DiagonalNormal

Terms = dict[str, Tensor]


class Batch(NamedTuple):
    """x: images in [0, 1], (B, C, H, W); y: labels, (B,), or None; index: training rows, (B,).

    codes: of these images, (B, D), where a frozen encoder's are known already; else None.
    """

    x: Tensor
    y: Tensor | None
    index: Tensor  # type: ignore[assignment]  # the field's own name, not tuple's method
    codes: Tensor | None = None


class Objective(Protocol):
    """Per-image terms of a model on a batch; all randomness comes from `generator`."""

    def __call__(
        self, model: "torch.nn.Module", batch: Batch, generator: torch.Generator
    ) -> Terms: ...


def squared_error(model: Autoencoder, batch: Batch, generator: torch.Generator) -> Terms:
    """Σ over pixels of (x - decode(encode(x)))²: pixel units squared, per image."""
    codes = model.encode(batch.x) if batch.codes is None else batch.codes
    error = (batch.x - model.decode(codes)).square().sum(dim=(1, 2, 3))
    return {"loss": error}


def cross_entropy(model: Classifier, batch: Batch, generator: torch.Generator) -> Terms:
    """-log p(y | x) in nats, and whether the likeliest class is the right one."""
    logits = model(batch.x) if batch.codes is None else model.head(batch.codes)
    assert batch.y is not None
    loss = F.cross_entropy(logits, batch.y, reduction="none")
    return {"loss": loss, "accuracy": (logits.argmax(dim=1) == batch.y).to(loss.dtype)}


def generalised_cross_entropy(q: float = 0.7, targets: Tensor | None = None) -> Objective:
    """Σₖ tₖ (1 - p(k | x)^q) / q, which forgives labels that are wrong (Zhang and Sabuncu 2018).

    An image's gradient is that of the cross-entropy times p^q, so that a label which the network
    holds for impossible hardly pulls. q = 1 is the mean absolute error; q = 0, the limit, is the
    cross-entropy -Σₖ tₖ log p(k | x), in nats.

    Args:
        q: from 0 to 1.
        targets: t for each training image, (N, K), at least 0, looked up by the batch's index; a
            row of sum w gives its image the weight w. None takes the batch's labels.

    Raises:
        ValueError: where `q` is out of range or targets are negative or not finite.
    """
    if not 0 <= q <= 1:
        raise ValueError(f"`q` is {q}; it is from 0 (cross-entropy) to 1 (mean absolute error)")
    if targets is not None and not bool(((targets >= 0) & targets.isfinite()).all()):
        raise ValueError("`targets` has entries that are negative or not finite")

    def robust(model: Classifier, batch: Batch, generator: torch.Generator) -> Terms:
        log_p = model(batch.x).log_softmax(dim=1)
        if targets is not None:
            t = targets.to(log_p.device)[batch.index]
        else:
            assert batch.y is not None
            t = F.one_hot(batch.y, log_p.shape[1]).to(log_p.dtype)
        # expm1 keeps its digits where p^q is near 1, that is, where the network agrees.
        terms = -log_p if q == 0 else -torch.expm1(q * log_p) / q
        accuracy = (log_p.argmax(dim=1) == t.argmax(dim=1)).to(log_p.dtype)
        return {"loss": (t * terms).sum(dim=1), "accuracy": accuracy}

    return robust  # type: ignore[return-value]


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


class ObjectiveTable(Table):
    """What a VAE minimises: the ELBO with β, or a bound from several samples.

    `samples` are per image and update.
    """

    kind: Literal["elbo", "iwae", "dreg"] = "elbo"
    samples: Annotated[int, Field(ge=1, le=100_000)] = 1
    beta: Annotated[float, Field(ge=0, le=1e6)] = 1.0

    @model_validator(mode="after")
    def _beta_belongs_to_the_elbo(self) -> "ObjectiveTable":
        if self.kind != "elbo" and self.beta != 1:
            raise ValueError(f"beta is {self.beta}, but '{self.kind}' has no KL to weight; use 1")
        return self


def objective_of(config: ModelConfig, table: ObjectiveTable) -> Objective:
    """What a model of this kind minimises; `table` is for VAEs alone."""
    if config.learn == "classifier":
        return cross_entropy  # type: ignore[return-value]
    if config.learn == "autoencoder":
        return squared_error  # type: ignore[return-value]
    if table.kind == "iwae":
        return iwae(table.samples)
    if table.kind == "dreg":
        return dreg(table.samples)
    return elbo(table.beta, table.samples)
