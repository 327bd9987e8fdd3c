"""`LogProbEstimate`: log p(x) per image, with its bound, its error and its health."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from tacit import notebook
from tacit.evidence.pareto import FEWEST_WEIGHTS, reliable_below

Array = NDArray[np.float64]
Bound = Literal["lower", "upper", "exact"]

Estimate = TypeVar("Estimate", bound="LogProbEstimate")

SMALLEST_ESS = 10
FEWEST_CHAINS = 10
"""Of fewer chains no diagnostic tells good from bad; of independent samples, `FEWEST_WEIGHTS`."""
SMALLEST_ACCEPTANCE = 0.2
LARGEST_NUMERICAL_ERROR = 0.05
GREY_LEVELS = 256


@dataclass(frozen=True, eq=False)
class LogProbEstimate:
    """log p(x) in nats, per image.

    The bound holds in expectation: the logarithm of an unbiased estimate of p(x) is low by about
    half its squared standard error, the logarithm of one of 1 / p(x) high by as much.

    The standard error is the delta method's, sd(w) / (√S mean(w)). It is to be believed where the
    weights have a variance and the samples have seen it; neither it nor a flag can see a mode of
    the posterior that no sample fell into.

    Attributes:
        log_prob: nats, (B,).
        standard_error: nats, (B,). For quadrature, the estimated numerical error.
        bound: which side of log p(x) the estimate is expected on.
        measure: "density" over pixels in `pixel_range`, or "mass" of discrete pixels.
        method: how it was made, for people to read.
        n_samples: weights per image (samples, or chains); 0 where none were drawn.
        ess: the weights' effective sample size, (Σw)² / Σw², (B,); None without weights.
        pareto_k: the weights' Pareto k̂, (B,); None ("undefined") below 100 weights.
        acceptance: mean acceptance of the transitions, (B,), where there were any.
        pixel_range: the scale of the pixels that a density is over.
        dequantised: whether the pixels were (grey level + uniform noise) / 256.
        caveats: what a reader must know before believing any of the numbers.
    """

    log_prob: Array
    standard_error: Array
    bound: Bound
    measure: Literal["density", "mass"]
    method: str
    n_samples: int = 0
    ess: Array | None = None
    pareto_k: Array | None = None
    acceptance: Array | None = None
    pixel_range: tuple[float, float] = (0.0, 1.0)
    dequantised: bool = False
    caveats: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.log_prob)

    @cached_property
    def flags(self) -> dict[str, NDArray[np.bool_]]:
        """For each reason to doubt an image's number, which images have it, (B,)."""
        flags = {"log p(x) is not finite": ~np.isfinite(self.log_prob)}
        if self.bound == "exact":
            name = f"numerical error above {LARGEST_NUMERICAL_ERROR:g} nats"
            flags[name] = ~(self.standard_error <= LARGEST_NUMERICAL_ERROR)
        if (n := self.n_samples) and n < self._fewest:
            kind = "weights" if self.acceptance is None else "chains"
            name = f"fewer than {self._fewest} {kind}, too few to judge"
            flags[name] = np.ones(len(self), dtype=np.bool_)
        if self.ess is not None:
            # Of 16 chains, 10 effective ones are much to ask; half of them are not.
            smallest = min(SMALLEST_ESS, self.n_samples / 2)
            flags[f"effective sample size under {smallest:g}"] = ~(self.ess >= smallest)
        if self.pareto_k is not None:
            largest = reliable_below(self.n_samples)
            flags[f"Pareto k̂ above {largest:.2g}"] = self.pareto_k > largest
        if self.acceptance is not None:
            name = f"acceptance under {SMALLEST_ACCEPTANCE:.0%}"
            flags[name] = ~(self.acceptance >= SMALLEST_ACCEPTANCE)
        return flags

    @property
    def _fewest(self) -> int:
        return FEWEST_WEIGHTS if self.acceptance is None else FEWEST_CHAINS

    @property
    def flagged(self) -> NDArray[np.bool_]:
        """Whether any diagnostic says that an image's number is not to be relied on, (B,)."""
        return np.logical_or.reduce(list(self.flags.values()))

    def reasons(self, image: int) -> tuple[str, ...]:
        """Why one image is flagged; empty where it is not."""
        return tuple(reason for reason, images in self.flags.items() if images[image])

    @property
    def scale(self) -> str:
        """What the numbers are logarithms of."""
        if self.measure == "mass":
            return "probability of discrete pixels"
        low, high = self.pixel_range
        kind = "dequantised" if self.dequantised else "not dequantised"
        return f"density over pixels in [{low:g}, {high:g}], {kind}"

    def bits_per_dimension(self, n_dims: int) -> Array:
        """-log₂ p(x) per pixel value, the length of a code for the grey levels, (B,).

        n_dims: channels × height × width.

        Raises:
            ValueError: for a density over pixels that were not dequantised: it can be made as
                large as one likes, and bounds no code.
        """
        if n_dims < 1:
            raise ValueError(f"`n_dims` is {n_dims}; it must be at least 1")
        bits = -self.log_prob / (n_dims * math.log(2))
        if self.measure == "mass":
            return bits
        if not self.dequantised:
            raise ValueError(
                f"these are logarithms of a {self.scale}: no code length, so they have no bits per "
                "dimension; score images that were dequantised, (grey level + uniform noise) / 256"
            )
        low, high = self.pixel_range
        return bits + math.log2(GREY_LEVELS / (high - low))

    def take(self, rows: slice | NDArray[np.integer] | NDArray[np.bool_]) -> Self:
        """The images of `rows`."""
        taken: dict[str, Any] = {name: values[rows] for name, values in self._columns().items()}
        return replace(self, **taken)

    def _columns(self) -> dict[str, NDArray[Any]]:
        """What there is one of for each image, by the attribute's name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}

    def __str__(self) -> str:
        bound = "exact" if self.bound == "exact" else f"a {self.bound} bound in expectation"
        weights = f", {self.n_samples:,} weights per image" if self.n_samples else ""
        lines = [
            f"log p(x) in nats by {self.method}{weights} ({bound})",
            f"  {self.scale}",
            f"  {len(self):,} images: mean {_mean(self.log_prob)}; "
            f"standard error of one: median {_median(self.standard_error)}, "
            f"largest {np.max(self.standard_error):.2g}",
        ]
        health = []
        if self.ess is not None:
            health.append(
                f"effective sample size: median {_median(self.ess)}, "
                f"smallest {np.min(self.ess):.2g}"
            )
        if self.pareto_k is not None:
            health.append(f"Pareto k̂: median {_median(self.pareto_k)}")
        elif self.n_samples:
            health.append("Pareto k̂: undefined below 100 weights")
        if self.acceptance is not None:
            health.append(f"acceptance: median {_median(self.acceptance)}")
        if health:
            lines.append("  " + "; ".join(health))
        counts = [f"{reason}: {n.sum()}" for reason, n in self.flags.items() if n.any()]
        lines.append(
            f"  flagged: {self.flagged.sum()} of {len(self)}"
            + (f" ({'; '.join(counts)})" if counts else "")
        )
        lines += [f"  caveat: {caveat}" for caveat in self.caveats]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        first, *others = str(self).splitlines()
        shown = {"standard error": self.standard_error, "effective sample size": self.ess}
        shown |= {"Pareto k̂": self.pareto_k, "acceptance": self.acceptance}
        kept = {name: values for name, values in shown.items() if values is not None}
        rows = []
        for i in range(min(len(self), notebook.MOST)):
            health = (f"{values[i]:.2g}" for values in kept.values())
            rows.append((i, f"{self.log_prob[i]:.2f}", *health, "; ".join(self.reasons(i))))
        told = "".join(notebook.paragraph(line.strip()) for line in others)
        columns = ["image", "log p(x), nats", *kept, "flags"]
        table = notebook.table(columns, rows, n_rows=len(self))
        return notebook.paragraph(first, "strong") + told + table


def _mean(values: Array) -> str:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return "undefined"
    left_out = len(values) - len(finite)
    return f"{finite.mean():.2f}" + (f" without {left_out} not finite" if left_out else "")


def _median(values: Array) -> str:
    defined = values[~np.isnan(values)]
    return f"{np.median(defined):.2g}" if len(defined) else "undefined"


def require_comparable(estimates: Sequence[LogProbEstimate]) -> None:
    """Raises ValueError, naming both, where two estimates are not of the same kind of quantity."""
    for other in estimates[1:]:
        if other.scale != estimates[0].scale:
            raise ValueError(
                f"log p(x) of two scales cannot stand side by side: {estimates[0].method} gives "
                f"a {estimates[0].scale}, {other.method} a {other.scale}"
            )


def concatenate(estimates: Sequence[Estimate]) -> Estimate:
    """Estimates of several sets of images by one method, as one.

    Raises:
        ValueError: where their scales, bounds, methods or numbers of samples differ.
    """
    if not estimates:
        raise ValueError("there are no estimates to concatenate")
    require_comparable(estimates)
    first = estimates[0]
    for other in estimates[1:]:
        for name in ("bound", "method", "n_samples"):
            if getattr(other, name) != getattr(first, name):
                raise ValueError(
                    f"`{name}` is {getattr(first, name)!r} in one estimate and "
                    f"{getattr(other, name)!r} in another; they make no single estimate"
                )
    columns = [estimate._columns() for estimate in estimates]
    joined: dict[str, Any] = {
        name: np.concatenate([of[name] for of in columns]) for name in columns[0]
    }
    return replace(
        first,
        **joined,
        caveats=tuple(dict.fromkeys(c for estimate in estimates for c in estimate.caveats)),
    )
