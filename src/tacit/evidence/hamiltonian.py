"""Hamiltonian Monte Carlo between two densities over codes."""

from typing import NamedTuple

import torch
from torch import Tensor

from tacit.evidence.observed import Noise
from tacit.models.models import VAE
from tacit.models.posteriors import DiagonalNormal

LEAPFROG_STEPS = 10
JITTER = 0.2


class Chains(NamedTuple):
    """Where chains are, and what the decoder said there.

    z: (C, B, D); log_joint: log p(x, z), (C, B); gradient: of log_joint by z, (C, B, D).
    """

    z: Tensor
    log_joint: Tensor
    gradient: Tensor


def chains_at(model: VAE, x: Tensor, z: Tensor, rows: int) -> Chains:
    """Chains at z, (C, B, D), decoding at most `rows` codes at once, or one of each image."""
    parts = []
    for part in z.detach().split(max(1, rows // z.shape[1])):
        part = part.requires_grad_()
        log_joint = model.log_joint(x, part)
        (gradient,) = torch.autograd.grad(log_joint.sum(), part)
        parts.append(Chains(part.detach(), log_joint.detach(), gradient))
    return Chains(*(torch.cat(column) for column in zip(*parts, strict=True)))


def transition(
    model: VAE,
    x: Tensor,
    q0: DiagonalNormal,
    beta: float,
    chains: Chains,
    step: Tensor,
    noise: Noise,
    rows: int,
) -> tuple[Chains, Tensor]:
    """One trajectory of 10 leapfrog steps for p(z) ∝ q0(z)^(1-β) p(x, z)^β, and its acceptance.

    Positions are measured in q0's standard deviations. The step size is jittered by ±20 %, which
    keeps trajectories from closing on themselves where the density is nearly Gaussian. Reversible:
    run backwards it is the same transition (Neal, "MCMC using Hamiltonian dynamics", 2011).

    step: sizes, (B,). Returns the chains and each one's probability of acceptance, (C, B).
    """
    n_chains, _, n_dims = chains.z.shape
    scale = torch.exp(0.5 * q0.log_var)
    momentum = noise.normal(n_chains, n_dims)
    uniform = noise.uniform(n_chains + 1)
    size = (step * (1 + JITTER * (2 * uniform[-1] - 1)))[:, None]

    def force(at: Chains) -> Tensor:
        towards_q0 = (q0.mean - at.z) * torch.exp(-q0.log_var)
        return scale * ((1 - beta) * towards_q0 + beta * at.gradient)

    def log_density(at: Chains, momentum: Tensor) -> Tensor:
        kinetic = 0.5 * momentum.square().sum(dim=-1)
        return (1 - beta) * q0.log_prob(at.z) + beta * at.log_joint - kinetic

    before = log_density(chains, momentum)
    end = chains
    momentum = momentum + 0.5 * size * force(end)
    for leap in range(LEAPFROG_STEPS):
        end = chains_at(model, x, end.z + size * scale * momentum, rows)
        momentum = momentum + (0.5 if leap == LEAPFROG_STEPS - 1 else 1) * size * force(end)
    # A trajectory that left the numbers is rejected.
    log_ratio = (log_density(end, momentum) - before).nan_to_num(nan=-torch.inf)
    accepted = uniform[:-1].log() < log_ratio
    moved = Chains(
        torch.where(accepted[..., None], end.z, chains.z),
        torch.where(accepted, end.log_joint, chains.log_joint),
        torch.where(accepted[..., None], end.gradient, chains.gradient),
    )
    return moved, log_ratio.clamp(max=0).exp()
