"""log p(x) to an asked precision: dearer methods for images that cheaper ones leave in doubt."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tacit.evidence.annealed import annealed_importance_sampling
from tacit.evidence.bidirectional import annealed_both_ways
from tacit.evidence.correlated import CorrelatedNormal
from tacit.evidence.estimate import LogProbEstimate
from tacit.evidence.importance import importance_sampling
from tacit.evidence.methods import (
    CHAINS,
    DISTRIBUTIONS,
    SAMPLES,
    refined_posteriors,
    with_covariance,
)
from tacit.evidence.observed import MIB, Observed, check_positive, draw_root, observed_from
from tacit.evidence.proposals import from_encoder
from tacit.models.models import VAE
from tacit.models.posteriors import DiagonalNormal
from tacit.progress import within
from tacit.streams import torch_stream

Array = NDArray[np.float64]

FEWER_DISTRIBUTIONS = (48, 200)
"""Of annealing from a posterior's own normal, before the most. Evenly spaced: the variance of
log p(x, z) - log q(z) hardly changes on that way (8 to 10 nats² of MNIST's digits)."""
LEAPS = 3
"""Of a trajectory there: a quarter turn by half a radian a leap is accepted two times of three."""
NORMAL_95 = 1.96
FINITE_VARIANCE = 0.5
"""Of Pareto k̂. From there up a standard error is not to be believed: on linear-Gaussian models of
24 dimensions 80 % of the images that were let pass up to 0.7 were within ± 0.5 nats, and 98 % of
those up to ½."""
EXCEEDED = math.log(20)
SLACK = 1.0
"""Nats by which a value may be below another method's where no precision was asked for."""


@dataclass(frozen=True, eq=False)
class PreciseEstimate(LogProbEstimate):
    """As `LogProbEstimate`, each image by the first method that was precise enough, or by the last.

    Diagnostics are those of the image's own method, NaN where it has none.

    Attributes:
        precision: nats, the half-width of a 95 % interval that was asked for.
        methods: by what method, of each image, (B,).
        weights: of each image, (B,).
        doubts: why an image is flagged, "; " between reasons; "" where it is not, (B,).
        upper: an upper bound, (B,) nats, where images stayed in doubt; else NaN. By annealing back
            from where the chains of the lower bound ended: in expectation an upper bound if they
            ended in the posterior.
        sampled_ess: the effective sample size of the importance samples from each image's refined
            posterior, (B,); NaN where those from the encoder were enough.
    """

    precision: float = math.inf
    methods: NDArray[np.str_] | None = None
    weights: NDArray[np.int64] | None = None
    doubts: NDArray[np.str_] | None = None
    upper: Array | None = None
    sampled_ess: Array | None = None

    @property
    def annealed(self) -> NDArray[np.bool_]:
        """Whether an image's value is by annealing, (B,)."""
        assert self.acceptance is not None
        return ~np.isnan(self.acceptance)

    @property
    def apart(self) -> Array:
        """By how much both bounds differ, (B,) nats; NaN where there is one."""
        assert self.upper is not None
        return self.upper - self.log_prob

    @property
    def flags(self) -> dict[str, NDArray[np.bool_]]:
        """For each reason to doubt an image's number, which images have it, (B,)."""
        assert self.doubts is not None
        split = [doubt.split("; ") if doubt else [] for doubt in self.doubts.tolist()]
        reasons = dict.fromkeys(reason for doubts in split for reason in doubts)
        found = {reason: np.array([reason in doubts for doubts in split]) for reason in reasons}
        return found or {"in doubt": np.zeros(len(self), dtype=np.bool_)}

    def __str__(self) -> str:
        assert self.methods is not None
        lines = [
            f"log p(x) in nats, {self.method} (a lower bound in expectation)",
            f"  {self.scale}",
            f"  {len(self):,} images: mean {self.log_prob.mean():.2f}",
        ]
        names, counts = np.unique(self.methods, return_counts=True)
        for name, count in sorted(zip(names, counts, strict=True), key=lambda pair: -pair[1]):
            own = self.flagged[self.methods == name].sum()
            lines.append(f"  by {name}: {count:,}" + (f", {own:,} of them flagged" if own else ""))
        apart = np.abs(self.apart[self.flagged])  # chance may put the upper below the lower
        apart = apart[np.isfinite(apart)]
        lines.append(
            f"  flagged: {self.flagged.sum()} of {len(self)}"
            + (
                f"; their bounds differ by {np.median(apart):.2g} nats at the median, by "
                f"{apart.max():.2g} at most"
                if len(apart)
                else ""
            )
        )
        lines += [f"  caveat: {caveat}" for caveat in self.caveats]
        return "\n".join(lines)


def log_prob_to_precision(
    model: VAE,
    x: Tensor | Observed,
    *,
    precision: float = 0.5,
    n_samples: int = SAMPLES,
    n_distributions: int = DISTRIBUTIONS,
    refined: DiagonalNormal | None = None,
    generator: torch.Generator,
    memory: int = 512 * MIB,
) -> PreciseEstimate:
    """log p(x) of every image to ± `precision` nats, by methods in turn, cheapest first.

        `n_samples` samples from the encoder, where there is one
        `n_samples` from a normal of full covariance at the image's refined posterior
        16 chains annealed from that normal by 48 distributions
        16 chains by 200
        16 chains by `n_distributions`
        the same chains, and back again for an upper bound

    An image is done with the first whose value has no flag, a Pareto k̂ of at most ½, a standard
    error of at most `precision` / 1.96, and is not below what another method found by more than
    `precision` and ln 20, which would say that a part of the posterior was missed: by Markov's
    inequality an unbiased estimate of p(x) exceeds it 20 times in at most one case of 20. An image
    that none is enough for is flagged with its reasons. Its value is the last method's, or another
    one's that it was so far below, and its upper bound stands beside it. Copies have one value.

    Args:
        x: images in [0, 1], (B, C, H, W), or `observe(model, images, generator)`.
        precision: nats, the half-width of a 95 % interval; infinite to ask for no flag alone.
        n_samples, n_distributions: the most that an image gets.
        refined: posteriors of the images, where they are known; the encoder is then left out.
        generator: gives the seed of this call's noise.
        memory: bytes for decoding.

    Raises:
        ValueError: where x or a number cannot be used.
    """
    check_positive(n_samples=n_samples, n_distributions=n_distributions)
    if not precision > 0:
        raise ValueError(f"`precision` is {precision}; it is a positive number of nats")
    root = draw_root(generator)
    data = observed_from(model, x, root)
    if refined is not None and len(refined.mean) != len(data):
        raise ValueError(
            f"`refined` has {len(refined.mean)} posteriors and there are {len(data)} images"
        )
    once, place = data.once()
    if refined is not None:
        first = torch.from_numpy(np.unique(place, return_index=True)[1])
        refined = DiagonalNormal(refined.mean[first], refined.log_var[first])
    found = _Found(len(once), precision)
    _carry_on(found, model, once, refined, n_samples, n_distributions, root, memory)
    asked = f"until ± {precision:g} nats" if precision < math.inf else "until no flag is left"
    return PreciseEstimate(
        log_prob=found.log_prob,
        standard_error=found.diagnostics["standard_error"],
        bound="lower",
        measure=model.likelihood.measure,
        method=f"methods in turn {asked}",
        ess=found.diagnostics["ess"],
        pareto_k=found.diagnostics["pareto_k"],
        acceptance=found.diagnostics["acceptance"],
        caveats=data.caveats,
        precision=precision,
        methods=np.array(found.methods),
        weights=found.weights,
        doubts=np.array(found.doubts),
        upper=found.upper,
        sampled_ess=found.sampled_ess,
    ).take(place)


class _Found:
    """What is known of each image so far, and which are still open."""

    def __init__(self, n: int, precision: float) -> None:
        self.precision = precision
        self.open = np.ones(n, dtype=np.bool_)
        self.log_prob = np.full(n, -np.inf)
        names = ("standard_error", "ess", "pareto_k", "acceptance")
        self.diagnostics = {name: np.full(n, np.nan) for name in names}
        self.methods = ["none"] * n
        self.weights = np.zeros(n, dtype=np.int64)
        self.doubts = [""] * n
        self.upper = np.full(n, np.nan)
        self.sampled_ess = np.full(n, np.nan)

    def add(
        self,
        images: NDArray[np.int64],
        estimate: LogProbEstimate,
        upper: LogProbEstimate | None = None,
    ) -> None:
        """An estimate of some of the images; those that it is enough for are open no longer."""
        for i, image in enumerate(images.tolist()):
            doubts = list(estimate.reasons(i))
            largest = self.precision / NORMAL_95
            if not estimate.standard_error[i] <= largest:
                doubts.append(f"standard error above {largest:.2g} nats")
            heavy = estimate.pareto_k is not None and estimate.pareto_k[i] > FINITE_VARIANCE
            if heavy and self.precision < math.inf:
                doubts.append(f"Pareto k̂ above {FINITE_VARIANCE:g}, where no error is believed")
            slack = self.precision if self.precision < math.inf else SLACK
            below = estimate.log_prob[i] < self.log_prob[image] - slack - EXCEEDED
            if below:
                doubts.append("below what another method found")
            else:
                self.log_prob[image] = estimate.log_prob[i]
                for name, column in self.diagnostics.items():
                    values = getattr(estimate, name)
                    column[image] = np.nan if values is None else values[i]
                self.methods[image] = estimate.method
                self.weights[image] = estimate.n_samples
            self.doubts[image] = "; ".join(doubts)
            if upper is not None:
                self.upper[image] = upper.log_prob[i]
            self.open[image] = bool(doubts)


def _carry_on(
    found: _Found,
    model: VAE,
    data: Observed,
    refined: DiagonalNormal | None,
    n_samples: int,
    n_distributions: int,
    root: int,
    memory: int,
) -> None:
    """One method after the other, each for the images that are still open."""
    images = np.arange(len(data))
    if model.amortized and refined is None:
        estimate = importance_sampling(
            model,
            from_encoder,
            data,
            n_samples=n_samples,
            generator=torch_stream(root, "encoder"),
            memory=memory,
        )
        found.add(images, estimate)
        images = np.flatnonzero(found.open)
        if not len(images):
            return
    data = data.take(images)
    if refined is None:
        generator = torch_stream(root, "refine")
        refined = refined_posteriors(model, data, generator=generator, memory=memory)
    for some, q in with_covariance(model, data, refined, root, memory):
        own, images = images[: len(some)], images[len(some) :]
        estimate = importance_sampling(
            model,
            q,
            some,
            n_samples=n_samples,
            generator=torch_stream(root, "refined"),
            memory=memory,
        )
        assert estimate.ess is not None
        found.sampled_ess[own] = estimate.ess
        found.add(own, replace(estimate, method="importance sampling from refined posteriors"))
        # An image takes as long as it has distributions. One that the most leave in doubt goes
        # through them again, and back.
        fewer = [n for n in FEWER_DISTRIBUTIONS if n < n_distributions]
        tiers = [(n, False) for n in (*fewer, n_distributions)] + [(n_distributions, True)]
        ends = np.cumsum([0, *(2 * n if back else n for n, back in tiers)])
        ends = ends / ends[-1]
        for (n, back), low, high in zip(tiers, ends, ends[1:], strict=False):
            still = np.flatnonzero(found.open[own])
            if not len(still):
                break
            upper = None
            settings: dict[str, Any] = {
                "schedule": np.linspace(0, 1, n + 1),
                "n_chains": CHAINS,
                "start": _of(q, still),
                "leaps": LEAPS,
                "generator": torch_stream(root, "annealed", n),
                "memory": memory,
            }
            with within(low, high):
                if back:
                    estimate, upper = annealed_both_ways(model, some.take(still), **settings)
                else:
                    estimate = annealed_importance_sampling(model, some.take(still), **settings)
            said = f"annealing from refined posteriors by {n:,} distributions"
            found.add(own[still], replace(estimate, method=said), upper)


def _of(q: CorrelatedNormal, some: NDArray[np.int64]) -> CorrelatedNormal:
    """The normals of `some` of the images."""
    rows = torch.from_numpy(some)
    return CorrelatedNormal(q.mean[rows], q.factor[rows], q.prior_share, q.name)
