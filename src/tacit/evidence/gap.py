"""Where a bound loses: to the family of posteriors, and to the encoder."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tacit.evidence.elbo import ElboEstimate, elbo
from tacit.evidence.estimate import LogProbEstimate
from tacit.evidence.observed import MIB, Observed, draw_root, observed_from
from tacit.evidence.precision import FEWER_DISTRIBUTIONS, log_prob_to_precision
from tacit.evidence.refine import Refined, refine
from tacit.models.models import VAE
from tacit.models.posteriors import Amortized, DiagonalNormal
from tacit.streams import torch_stream

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class InferenceGap:
    """log p(x) - ELBO(q) = approximation gap + amortisation gap, per image.

    Attributes:
        log_prob: log p(x).
        refined: q*, the posteriors that were optimised per image, with their ELBO.
        own: the ELBO of the posterior that the model itself gives the image; None where it has
            none, as a per-image VAE for an image that it was not trained on.
    """

    log_prob: LogProbEstimate
    refined: Refined
    own: ElboEstimate | None

    def __len__(self) -> int:
        return len(self.refined)

    @property
    def approximation(self) -> Array:
        """log p(x) - ELBO(q*): what no diagonal normal reaches, (B,) nats.

        A lower bound where log p(x) is one, and larger than the truth by what refinement missed:
        at most `refined.missing`, as far as that tells.
        """
        return self.log_prob.log_prob - self.refined.elbo

    @property
    def approximation_error(self) -> Array:
        """The standard error of each image's approximation gap, (B,)."""
        return np.hypot(self.log_prob.standard_error, self.refined.standard_error)

    @property
    def amortisation(self) -> Array | None:
        """ELBO(q*) - ELBO(q): what the image's own optimisation gains, (B,) nats."""
        return None if self.own is None else self.refined.elbo - self.own.elbo

    @property
    def amortisation_error(self) -> Array | None:
        """The standard error of each image's amortisation gap, (B,)."""
        if self.own is None:
            return None
        return np.hypot(self.refined.standard_error, self.own.standard_error)

    def __str__(self) -> str:
        bound = "" if self.log_prob.bound == "exact" else f", a {self.log_prob.bound} bound"
        rows = [
            (f"log p(x){bound}", self.log_prob.log_prob),
            ("ELBO of the refined posterior", self.refined.elbo),
        ]
        if self.own is not None:
            rows.append(("ELBO of the model's own posterior", self.own.elbo))
        rows.append((f"approximation gap{bound}", self.approximation))
        if self.amortisation is not None:
            rows.append(("amortisation gap", self.amortisation))
        lines = [f"inference gap of {len(self):,} images, nats (± standard error over images)"]
        lines += [f"  {name}: {_mean(values)}" for name, values in rows]
        if self.own is None:
            lines.append("  amortisation gap: none, the model gives these images no posterior")
        lines.append(f"  log p(x) flagged: {self.log_prob.flagged.sum()} of {len(self)}")
        return "\n".join(lines)


def _mean(values: Array) -> str:
    error = f" ± {values.std(ddof=1) / np.sqrt(len(values)):.2f}" if len(values) > 1 else ""
    return f"{values.mean():.2f}{error}"


def inference_gap(
    model: VAE,
    x: Tensor | Observed,
    *,
    q: DiagonalNormal | None = None,
    log_prob: LogProbEstimate | None = None,
    n_samples: int = 5000,
    elbo_samples: int = 200,
    n_starts: int = 1,
    generator: torch.Generator,
    memory: int = 512 * MIB,
) -> InferenceGap:
    """The two gaps of Cremer, Li and Duvenaud 2018 for every image.

    Args:
        x: images in [0, 1], (B, C, H, W), or `observe(model, images, generator)`; the latter where
            `log_prob` is given and the likelihood binarises.
        q: the images' own posteriors; by default the encoder's, where the model has one.
        log_prob: log p(x) of the same images; by default by importance sampling from a normal of
            full covariance at the refined posterior, and where that is flagged by annealing from
            there.
        n_samples: importance samples per image for log p(x).
        elbo_samples: samples per image for each ELBO.
        n_starts: of the refinement (see `refine`), which begins at q, or at the prior.

    Raises:
        ValueError: where x, q, `log_prob` or a number cannot be used.
    """
    root = draw_root(generator)
    data = observed_from(model, x, root)
    if log_prob is not None and len(log_prob) != len(data):
        raise ValueError(f"`log_prob` has {len(log_prob)} images and x {len(data)}")
    if q is None and isinstance(model.posterior, Amortized):
        with torch.no_grad():
            q = model.posterior(data.x)
    refined = refine(
        model,
        data,
        start="prior" if q is None else q,
        n_starts=n_starts,
        n_samples=elbo_samples,
        generator=torch_stream(root, "refine"),
        memory=memory,
    )
    own = None
    if q is not None:
        own = elbo(
            model,
            q,
            data,
            n_samples=elbo_samples,
            generator=torch_stream(root, "own"),
            memory=memory,
        )
    if log_prob is None:
        log_prob = log_prob_to_precision(
            model,
            data,
            precision=math.inf,
            n_samples=n_samples,
            n_distributions=FEWER_DISTRIBUTIONS[-1],
            refined=refined.q,
            generator=torch_stream(root, "importance"),
            memory=memory,
        )
    return InferenceGap(log_prob=log_prob, refined=refined, own=own)
