"""Bidirectional Monte Carlo: log p(x) between two bounds, on images that the model simulates."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from tacit.evidence.annealed import (
    AnnealedPath,
    Start,
    anneal,
    checked_schedule,
    forward,
    log_mean,
    starting_density,
)
from tacit.evidence.estimate import LogProbEstimate
from tacit.evidence.hamiltonian import LEAPS, Coordinates
from tacit.evidence.observed import (
    MIB,
    Noise,
    Observed,
    check_positive,
    draw_root,
    frozen,
    observed_from,
    rows_within,
)
from tacit.models.models import VAE
from tacit.progress import part_by_part, within
from tacit.streams import torch_stream

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BidirectionalEstimate:
    """log p(x) of simulated images from below and from above.

    Attributes:
        lower: by annealing from q0 to the posterior.
        upper: by annealing back from the code that the image was made from.
        x: the images, (B, C, H, W); a Gaussian model's pixels may leave [0, 1].
        z: the codes that they were made from, (B, D).
    """

    lower: LogProbEstimate
    upper: LogProbEstimate
    x: Tensor
    z: Tensor

    @property
    def gap(self) -> Array:
        """upper - lower, nats per image, (B,). On average over images it bounds either's error."""
        return self.upper.log_prob - self.lower.log_prob

    @property
    def standard_error(self) -> Array:
        """Of the gap of each image, over chains, (B,).

        All backward chains of an image start from one code, so that it does not contain what
        another code would have given; the spread of the gap over images does.
        """
        return np.hypot(self.lower.standard_error, self.upper.standard_error)

    def __len__(self) -> int:
        return len(self.lower)

    def __str__(self) -> str:
        gap = self.gap
        spread = f" ± {gap.std(ddof=1) / np.sqrt(len(gap)):.3f}" if len(gap) > 1 else ""
        return (
            f"bidirectional Monte Carlo on {len(self)} images simulated from the model, "
            f"{self.lower.method}\n"
            f"  log p(x) between {self.lower.log_prob.mean():.2f} and "
            f"{self.upper.log_prob.mean():.2f} nats on average\n"
            f"  gap: mean {gap.mean():.3f}{spread} (standard error over images), "
            f"largest {gap.max():.3f} nats\n"
            f"  flagged: {(self.lower.flagged | self.upper.flagged).sum()} of {len(self)}"
        )


def bidirectional(
    model: VAE,
    *,
    n_images: int,
    schedule: ArrayLike,
    n_chains: int = 16,
    generator: torch.Generator,
    start: Literal["prior", "encoder"] = "prior",
    leaps: int = LEAPS,
    memory: int = 512 * MIB,
) -> BidirectionalEstimate:
    """Bounds on log p(x) from both sides, for z ~ N(0, I), x ~ p(x | z).

    z is an exact draw from p(z | x). Annealing from q0 to p(x, z) estimates p(x) without bias;
    annealing from z back to q0 estimates 1 / p(x) without bias. Their logarithms bound log p(x)
    from below and from above in expectation, and their gap certifies both (Grosse, Ghahramani and
    Adams 2015; Wu et al. 2017). The way back takes the step sizes of the way there: with its own
    scouts starting from z, its transitions would depend on what they are averaged over.

    What holds on simulated images is evidence for real ones only as far as these resemble them.

    Args:
        n_images: how many are simulated.
        schedule, n_chains, generator, start, leaps, memory: as in `annealed_importance_sampling`.

    Raises:
        ValueError: where the schedule or a number cannot be used.
    """
    betas = checked_schedule(schedule)
    check_positive(n_images=n_images, n_chains=n_chains, leaps=leaps)
    root = draw_root(generator)
    with frozen(model):
        simulation = torch_stream(root, "simulation", device=next(model.parameters()).device)
        with torch.no_grad():
            z = model.draw_prior(n_images, simulation)
            x = model.likelihood.sample(model.decoder(z), simulation)
            data = observed_from(model, x, root, pixel_range=None)
            q0, name = starting_density(model, data, start)
        lower, upper = _both_ways(model, data, q0, name, betas, n_chains, leaps, root, memory, z)
    return BidirectionalEstimate(lower=lower, upper=upper, x=data.x, z=z)


def annealed_both_ways(
    model: VAE,
    x: Tensor | Observed,
    *,
    schedule: ArrayLike,
    n_chains: int = 16,
    generator: torch.Generator,
    start: Start = "prior",
    leaps: int = LEAPS,
    memory: int = 512 * MIB,
) -> tuple[LogProbEstimate, LogProbEstimate]:
    """Bounds on log p(x) of given images, of which no exact draw from p(z | x) is known.

    In its place stands one of the chains' ends, drawn by their weights. The upper bound is one in
    expectation as far as that is a draw from the posterior: chains that all missed a part of it
    agree on a value that is too low. Where they did not, and mixed badly, both bounds stay apart
    (Grosse, Ancha and Roy 2016).

    Args:
        x, schedule, n_chains, generator, start, leaps, memory: as in
            `annealed_importance_sampling`.

    Returns:
        The lower and the upper bound.

    Raises:
        ValueError: where x, the schedule or a number cannot be used.
    """
    betas = checked_schedule(schedule)
    check_positive(n_chains=n_chains, leaps=leaps)
    root = draw_root(generator)
    with frozen(model):
        data = observed_from(model, x, root)
        with torch.no_grad():
            q0, name = starting_density(model, data, start)
        return _both_ways(model, data, q0, name, betas, n_chains, leaps, root, memory, None)


def _both_ways(
    model: VAE,
    data: Observed,
    q0: Coordinates,
    name: str,
    betas: Array,
    n_chains: int,
    leaps: int,
    root: int,
    memory: int,
    z: Tensor | None,
) -> tuple[LogProbEstimate, LogProbEstimate]:
    """From q0 to the posterior, and back from z, (B, D), or from where the chains ended."""
    rows = rows_within(model, memory, gradients=True)
    there, back = [], []
    at_once = max(1, rows // n_chains)
    for first in part_by_part(range(0, len(data), at_once)):
        part = slice(first, first + at_once)
        chunk, own = data.take(part), q0.take(part)
        with within(0, 0.5):
            up = forward(model, chunk, own, betas, n_chains, root, rows, leaps)
        there.append((*log_mean(up.log_weight, first), up.acceptance))
        noise = Noise(root, "back", chunk.keys, chunk.x)
        begin = _one_end(up, noise) if z is None else own.standard(z[None, part])[0]
        with within(0.5, 1):
            down = anneal(
                model,
                chunk,
                own,
                betas[::-1],
                begin.expand(n_chains, -1, -1),
                noise,
                rows,
                leaps,
                log_steps=up.log_steps.flip(0),
            )
        back.append((*log_mean(down.log_weight, first), down.acceptance))
    bounds = []
    for bound, sign, parts in (("lower", 1, there), ("upper", -1, back)):
        log_mean_weight, error, ess, k, acceptance = (
            np.concatenate(column) for column in zip(*parts, strict=True)
        )
        way = f"from {name}" if bound == "lower" else f"back to {name}"
        bounds.append(
            LogProbEstimate(
                log_prob=sign * log_mean_weight,
                standard_error=error,
                bound=bound,  # type: ignore[arg-type]
                measure=model.likelihood.measure,
                method=f"annealed importance sampling {way} by {len(betas) - 1:,} distributions",
                n_samples=n_chains,
                ess=ess,
                pareto_k=None if np.isnan(k).all() else k,
                acceptance=acceptance,
                caveats=data.caveats,
            )
        )
    return bounds[0], bounds[1]


def _one_end(path: AnnealedPath, noise: Noise) -> Tensor:
    """One chain's end of each image, drawn by the chains' weights, (B, D)."""
    shares = path.log_weight.softmax(dim=0).cumsum(dim=0)
    drawn = noise.uniform(1).double().to(shares.device)
    chosen = (shares < drawn).sum(dim=0).clamp_max(len(shares) - 1)
    return path.end[chosen, torch.arange(path.end.shape[1], device=path.end.device)]
