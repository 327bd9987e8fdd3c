"""log p(x) by annealed importance sampling."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from tacit.evidence.checkpoint import Store, fingerprint
from tacit.evidence.correlated import CorrelatedNormal
from tacit.evidence.estimate import LogProbEstimate
from tacit.evidence.hamiltonian import LEAPS, Chains, Coordinates, chains_at, transition
from tacit.evidence.importance import LogWeights, checked
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
from tacit.evidence.proposals import from_encoder, from_prior
from tacit.models.models import VAE
from tacit.models.posteriors import DiagonalNormal
from tacit.progress import part_by_part, tell

Array = NDArray[np.float64]
Start = Literal["prior", "encoder"] | DiagonalNormal | CorrelatedNormal

TARGET_ACCEPTANCE = 0.65
GAIN = 0.2
N_SCOUTS = 2
QUARTER = 0.5 * math.pi
"""The longest trajectory: in a normal's own coordinates it leads to a fresh draw."""


def sigmoid_schedule(n: int, sharpness: float = 4.0) -> Array:
    """β_t = (s(t) - s(0)) / (s(n) - s(0)), s(t) = sigmoid(sharpness (2 t / n - 1)).

    Slow at both ends, where a step changes the density most.

    Wu, Burda, Salakhutdinov and Grosse 2017.
    """
    check_positive(n=n)
    s = 1 / (1 + np.exp(-sharpness * np.linspace(-1, 1, n + 1)))
    return (s - s[0]) / (s[-1] - s[0])


def annealed_importance_sampling(
    model: VAE,
    x: Tensor | Observed,
    *,
    schedule: ArrayLike,
    n_chains: int = 16,
    generator: torch.Generator,
    start: Start = "prior",
    leaps: int = LEAPS,
    memory: int = 512 * MIB,
    checkpoint: Path | None = None,
    dequantised: bool = False,
) -> LogProbEstimate:
    """log p(x) by chains that are led from q0(z) to p(x, z) through

        p_t(z) ∝ q0(z)^(1-β_t) p(x, z)^β_t,    0 = β_0 < … < β_T = 1

    A chain starts at z_0 ~ q0, is moved at each β_t by one Hamiltonian trajectory that leaves p_t
    as it is, and gathers log w = Σ_t (β_t - β_(t-1)) (log p(x, z_(t-1)) - log q0(z_(t-1))). The
    mean of w over chains is an unbiased estimate of p(x): a lower bound in expectation (Neal 2001;
    Wu, Burda, Salakhutdinov and Grosse 2017).

    An image's step size follows two scouts, chains of its own beyond `n_chains`, to 65 %
    acceptance. Adapting to the chains that are averaged would bias w, since their transitions
    would depend on where they are; the scouts are not averaged, and w stays unbiased.

    Args:
        x: images in [0, 1], (B, C, H, W), or `observe(model, images, generator)`.
        schedule: β_0 … β_T, such as `sigmoid_schedule(1000)`.
        n_chains: averaged chains per image.
        generator: gives the seed of this call's noise, each image's its own.
        start: q0: "prior", "encoder", or a normal per image; of a `CorrelatedNormal` the normal
            alone, without the prior's share.
        leaps: of a trajectory; each takes one gradient of log p(x, z).
        memory: bytes for decoding.
        checkpoint: a folder in which progress is kept; the same call with the same seed goes on
            from there, and gives the same numbers to the bit. A folder of another run is refused.
        dequantised: say True where the pixels are (grey level + uniform noise) / 256.

    Raises:
        ValueError: where x, the schedule or a number cannot be used, or the checkpoint is of
            another run.
    """
    betas = checked_schedule(schedule)
    check_positive(n_chains=n_chains, leaps=leaps)
    root = draw_root(generator)
    with frozen(model):
        data = observed_from(model, x, root)
        with torch.no_grad():
            q0, name = starting_density(model, data, start)
        rows = rows_within(model, memory, gradients=True)
        summaries, acceptance = [], []
        at_once = max(1, rows // (n_chains + N_SCOUTS))
        for first in part_by_part(range(0, len(data), at_once)):
            part = slice(first, first + at_once)
            chunk, own = data.take(part), q0.take(part)
            store = None
            if checkpoint is not None:
                identity = fingerprint(
                    model,
                    (chunk.x, own.mean, own.spread),
                    (betas.tolist(), n_chains, leaps, root),
                )
                store = Store(checkpoint / f"images-{first:06d}.safetensors", identity)
            path = forward(model, chunk, own, betas, n_chains, root, rows, leaps, store)
            summaries.append(log_mean(path.log_weight, first))
            acceptance.append(path.acceptance)
    log_prob, standard_error, ess, k = (np.concatenate(c) for c in zip(*summaries, strict=True))
    return LogProbEstimate(
        log_prob=log_prob,
        standard_error=standard_error,
        bound="lower",
        measure=model.likelihood.measure,
        method=f"annealed importance sampling from {name} by {len(betas) - 1:,} distributions",
        n_samples=n_chains,
        ess=ess,
        pareto_k=None if np.isnan(k).all() else k,
        acceptance=np.concatenate(acceptance),
        dequantised=dequantised,
        caveats=data.caveats,
    )


def checked_schedule(schedule: ArrayLike) -> Array:
    """Raises ValueError where `schedule` does not rise from 0 to 1."""
    betas = np.asarray(schedule, dtype=np.float64)
    if betas.ndim != 1 or len(betas) < 2 or betas[0] != 0 or betas[-1] != 1:
        raise ValueError(f"`schedule` is {schedule!r}; it is a list of numbers from 0 to 1")
    if not (np.diff(betas) > 0).all():
        t = int((~(np.diff(betas) > 0)).nonzero()[0][0])
        raise ValueError(
            f"`schedule` goes from {betas[t]} to {betas[t + 1]} at {t + 1}; it rises at every step"
        )
    return betas


def starting_density(model: VAE, data: Observed, start: Start) -> tuple[Coordinates, str]:
    """q0 for every image, and its name."""
    if isinstance(start, DiagonalNormal | CorrelatedNormal):
        if start.mean.shape != (len(data), model.latent_dim):
            raise ValueError(
                f"`start` has means of shape {tuple(start.mean.shape)}; "
                f"{len(data)} images of {model.latent_dim} latent dimensions need one row each"
            )
        name = "per-image normals" if isinstance(start, DiagonalNormal) else start.name
        return Coordinates.of(start), name
    if start not in ("prior", "encoder"):
        raise ValueError(f"`start` is {start!r}; it is 'prior', 'encoder' or a normal per image")
    q = from_prior(model, data.x) if start == "prior" else from_encoder(model, data.x)
    return Coordinates.of(q.components[0]), q.name


@dataclass(frozen=True)
class AnnealedPath:
    """What chains gathered on their way.

    Attributes:
        log_weight: of each averaged chain, (C, B).
        acceptance: the averaged chains' mean acceptance in the worst quarter of the way, (B,).
        log_steps: the logarithm of a leap's angle at each transition, (T - 1, B).
        end: where the averaged chains ended, in q0's coordinates, (C, B, D).
    """

    log_weight: Tensor
    acceptance: Array
    log_steps: Tensor
    end: Tensor


def forward(
    model: VAE,
    data: Observed,
    q0: Coordinates,
    betas: Array,
    n_chains: int,
    root: int,
    rows: int,
    leaps: int,
    store: Store | None = None,
) -> AnnealedPath:
    """From q0 to p(x, z), with scouts that set the step sizes."""
    noise = Noise(root, "annealed", data.keys, data.x)
    begin = noise.normal(n_chains + N_SCOUTS, model.latent_dim)
    return anneal(model, data, q0, betas, begin, noise, rows, leaps, n_scouts=N_SCOUTS, store=store)


def anneal(
    model: VAE,
    data: Observed,
    q0: Coordinates,
    betas: Array,
    begin: Tensor,
    noise: Noise,
    rows: int,
    leaps: int,
    *,
    n_scouts: int = 0,
    log_steps: Tensor | None = None,
    store: Store | None = None,
) -> AnnealedPath:
    """Lead chains along `betas`: rising or, for the way back, falling.

    begin: where they are in q0's coordinates, (C + n_scouts, B, D). The step sizes are `log_steps`
    where given; else the last `n_scouts` chains set them.
    """
    n_transitions = len(betas) - 2
    longest = math.log(QUARTER / leaps)
    n_images = begin.shape[1]
    log_step = begin.new_full((n_images,), min(longest, -0.25 * math.log(begin.shape[2])))
    taken = begin.new_zeros(n_transitions, n_images) if log_steps is None else log_steps
    accepted = begin.new_zeros(n_transitions, n_images)
    log_weight = torch.zeros(begin.shape[:2], dtype=torch.float64, device=begin.device)
    saved = None if store is None else store.load(begin.device)
    if saved is None:
        t, chains = 0, chains_at(model, data.x, q0, begin, rows)
    else:
        t = int(saved["t"])
        chains = Chains(saved["standard"], saved["log_joint"], saved["gradient"])
        log_weight, log_step = saved["log_weight"], saved["log_step"]
        taken, accepted = saved["taken"], saved["accepted"]
        noise.restore(saved["noise"].cpu())
    while t <= n_transitions:
        ratio = chains.log_joint.double() - q0.log_prob(chains.standard)
        log_weight = log_weight + (betas[t + 1] - betas[t]) * ratio
        if t < n_transitions:
            if log_steps is None:
                taken[t] = log_step
            chains, acceptance = transition(
                model, data.x, q0, betas[t + 1], chains, taken[t].exp(), noise, rows, leaps
            )
            averaged = acceptance[: len(acceptance) - n_scouts]
            accepted[t] = averaged.mean(dim=0)
            if n_scouts:
                scouts = acceptance[-n_scouts:].mean(dim=0)
                log_step = log_step + GAIN * (scouts - TARGET_ACCEPTANCE)
                log_step = log_step.clamp_max(longest)
        t += 1
        tell(t / (n_transitions + 1))
        if store is not None:
            store.save(
                last=t > n_transitions,
                t=torch.tensor(t),
                **chains._asdict(),
                log_weight=log_weight,
                log_step=log_step,
                taken=taken,
                accepted=accepted,
                noise=noise.state(),
            )
    quarters = [q.mean(dim=0) for q in accepted.tensor_split(4) if len(q)]
    worst = torch.stack(quarters).amin(dim=0) if quarters else torch.ones_like(log_step)
    n_averaged = len(log_weight) - n_scouts
    return AnnealedPath(
        log_weight[:n_averaged], worst.double().cpu().numpy(), taken, chains.standard[:n_averaged]
    )


def log_mean(log_weight: Tensor, first: int) -> tuple[Array, ...]:
    """log mean(w), standard error, effective sample size and k̂ of chains' weights, (C, B)."""
    weights = LogWeights(log_weight.shape[1], len(log_weight))
    weights.add(checked(log_weight, first))
    return weights.summary()
