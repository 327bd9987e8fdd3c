"""Hamiltonian Monte Carlo between two densities over codes, in the first one's coordinates."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from tacit.evidence.correlated import CorrelatedNormal
from tacit.evidence.observed import Noise
from tacit.models.models import VAE
from tacit.models.posteriors import DiagonalNormal

LEAPS = 10
JITTER = 0.2


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Where an image's normal is N(0, I): codes are z = mean + A ε.

    Attributes:
        mean: (B, D).
        spread: A, (B, D, D), or its diagonal, (B, D).
        log_volume: log det A, float64, (B,).
    """

    mean: Tensor
    spread: Tensor
    log_volume: Tensor

    @classmethod
    def of(cls, q: DiagonalNormal | CorrelatedNormal) -> "Coordinates":
        """Those of a normal, without the share that comes from the prior."""
        mean = q.mean.detach()
        if isinstance(q, DiagonalNormal):
            log_sd = 0.5 * q.log_var.detach()
            return cls(mean, log_sd.exp(), log_sd.double().sum(dim=-1))
        identity = torch.eye(mean.shape[-1]).to(mean)
        inverse = torch.linalg.solve_triangular(q.factor.mT, identity, upper=True)
        return cls(mean, inverse, -q.log_scale())

    def codes(self, standard: Tensor) -> Tensor:
        """z of ε, both (n, B, D)."""
        if self.spread.ndim == 2:
            return torch.addcmul(self.mean, self.spread, standard)
        return self.mean + torch.einsum("bij,nbj->nbi", self.spread, standard)

    def standard(self, z: Tensor) -> Tensor:
        """ε of z, both (n, B, D)."""
        apart = z - self.mean
        if self.spread.ndim == 2:
            return apart / self.spread
        columns = apart.permute(1, 2, 0)
        return torch.linalg.solve_triangular(self.spread, columns, upper=True).permute(2, 0, 1)

    def pulled(self, gradient: Tensor) -> Tensor:
        """A gradient by z as one by ε, both (n, B, D)."""
        if self.spread.ndim == 2:
            return self.spread * gradient
        return torch.einsum("bij,nbi->nbj", self.spread, gradient)

    def log_prob(self, standard: Tensor) -> Tensor:
        """log q(z) in nats, float64, (n, B), of ε, (n, B, D)."""
        constant = 0.5 * standard.shape[-1] * math.log(2 * math.pi)
        return -0.5 * standard.double().square().sum(dim=-1) - self.log_volume - constant

    def take(self, part: slice) -> "Coordinates":
        """Those of the images of `part`."""
        return Coordinates(self.mean[part], self.spread[part], self.log_volume[part])


class Chains(NamedTuple):
    """Where chains are, and what the decoder said there.

    standard: ε, (C, B, D); log_joint: log p(x, z), (C, B); gradient: of log_joint by ε, (C, B, D).
    """

    standard: Tensor
    log_joint: Tensor
    gradient: Tensor


def chains_at(model: VAE, x: Tensor, q0: Coordinates, standard: Tensor, rows: int) -> Chains:
    """Chains at ε, (C, B, D), decoding at most `rows` codes at once, or one of each image."""
    parts = []
    for z in q0.codes(standard.detach()).split(max(1, rows // standard.shape[1])):
        z = z.requires_grad_()
        log_joint = model.log_joint(x, z)
        (gradient,) = torch.autograd.grad(log_joint.sum(), z)
        parts.append((log_joint.detach(), q0.pulled(gradient)))
    log_joint, gradient = (torch.cat(column) for column in zip(*parts, strict=True))
    return Chains(standard.detach(), log_joint, gradient)


def transition(
    model: VAE,
    x: Tensor,
    q0: Coordinates,
    beta: float,
    chains: Chains,
    angle: Tensor,
    noise: Noise,
    rows: int,
    leaps: int = LEAPS,
) -> tuple[Chains, Tensor]:
    """One trajectory for p(z) ∝ q0(z)^(1-β) p(x, z)^β, and its probability of acceptance, (C, B).

    In q0's coordinates log p = -½ |ε|² + β h(ε), h = log p(x, z) + ½ |ε|². The first part turns
    position and momentum by an angle, exactly; what errs is h, which is flat where q0 is near the
    posterior, whatever the dimension. A leap is half a kick by β ∂h/∂ε, a turn, and half a kick
    (Shahbaba, Lan, Johnson and Neal, "Split Hamiltonian Monte Carlo", 2014). The angle is jittered
    by ±20 %, which keeps trajectories from closing on themselves. Reversible: run backwards it is
    the same transition.

    angle: of a leap, (B,).
    """
    n_chains, _, n_dims = chains.standard.shape
    momentum = noise.normal(n_chains, n_dims)
    uniform = noise.uniform(n_chains + 1)
    turn = (angle * (1 + JITTER * (2 * uniform[-1] - 1)))[:, None]
    cos, sin = turn.cos(), turn.sin()
    half = 0.5 * beta * turn

    def log_density(at: Chains, momentum: Tensor) -> Tensor:
        own, kinetic = (0.5 * v.square().sum(dim=-1) for v in (at.standard, momentum))
        return beta * at.log_joint - (1 - beta) * own - kinetic

    before = log_density(chains, momentum)
    end = chains
    for _ in range(leaps):
        momentum = momentum + half * (end.gradient + end.standard)
        place = cos * end.standard + sin * momentum
        momentum = cos * momentum - sin * end.standard
        end = chains_at(model, x, q0, place, rows)
        momentum = momentum + half * (end.gradient + end.standard)
    # A trajectory that left the numbers is rejected.
    log_ratio = (log_density(end, momentum) - before).nan_to_num(nan=-torch.inf)
    accepted = uniform[:-1].log() < log_ratio
    moved = Chains(
        torch.where(accepted[..., None], end.standard, chains.standard),
        torch.where(accepted, end.log_joint, chains.log_joint),
        torch.where(accepted[..., None], end.gradient, chains.gradient),
    )
    return moved, log_ratio.clamp(max=0).exp()
