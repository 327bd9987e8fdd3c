"""The variance of a mean over crossed factors, from mean squares.

A number y_sdi of seed s, draw d and image i is taken to be a sum of independent random effects,

    y_sdi = μ + a_s + b_d + c_i + (ab)_sd + (ac)_si + (bc)_di + e_sdi,

every one of them with a variance of its own that may be zero (Searle, Casella and McCulloch 1992,
"Variance components", chapter 4). The mean of all cells then has the variance

    σ_a²/S + σ_b²/D + σ_c²/N + σ_ab²/(SD) + σ_ac²/(SN) + σ_bc²/(DN) + σ_e²/(SDN),

and what is seen of the terms is, for each set A of factors, V_A: the mean square of A's effects
over the number of cells. V_A has the expectation of the sum of the terms of all sets that contain
A, so that each term is found by taking those of the larger sets away; what falls below zero is
zero. No marginal variance (over seeds alone, images alone, …) exceeds the sum of the terms found.

Factors of one unit have no effects that could be seen; the variance is then given that unit. Images
may come in strata (training and test images; classes), which are independent samples with a weight
each: the number is Σ_h w_h · mean of stratum h.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from tacit.measures.distances import Floats

SEED, DRAW, IMAGE = 0, 1, 2
Axes = tuple[int, ...]
"""A set of factors, as the axes of the values, rising."""

FEWEST_FOR_SKEW = 20
"""Below so many units of a factor their skewness says more about chance than about the factor."""

ROUNDING = 64 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Spread:
    """A mean's variance, and how well it is known.

    Attributes:
        variance: of the mean; 0 where nothing varies.
        freedom: its degrees of freedom (Satterthwaite 1946).
        skewness: of the mean's distribution, third cumulant over variance^1.5.
        terms: each set of factors' own part of the variance, by their axes.
    """

    variance: float
    freedom: float
    skewness: float
    terms: Mapping[Axes, float]


@dataclass(frozen=True)
class Strata:
    """Which images belong together, and how much they count.

    Attributes:
        order: images sorted by stratum, (N,). starts: where each stratum begins, (H,).
        counts: images in each, (H,). weights: (H,).
    """

    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]
    weights: Floats

    @classmethod
    def of(cls, position: NDArray[np.int64], weights: Floats) -> "Strata":
        """From each image's stratum, (N,), in [0, H)."""
        counts = np.bincount(position, minlength=len(weights))
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        return cls(np.argsort(position, kind="stable"), starts, counts, weights)

    def sums(self, values: Floats) -> Floats:
        """Over the images of each stratum, (…, N) in `order` -> (…, H)."""
        return np.add.reduceat(values, self.starts, axis=-1)


def cell_means(values: Floats, strata: Strata) -> Floats:
    """Σ_h w_h · mean of stratum h for each seed and draw, (S, D, N) -> (S, D)."""
    ordered = values[..., strata.order]
    return np.asarray((strata.sums(ordered) / strata.counts) @ strata.weights)


def spread(values: Floats, strata: Strata, scale: float) -> Spread:
    """The variance of Σ_h w_h · mean over seeds, draws and the images of stratum h.

    Args:
        values: (S, D, N), finite.
        strata: of the images, none of them empty; each of two images or more unless N is 1.
        scale: the size of what the values were computed from: differences of less than its
            rounding are none.
    """
    seen = _Seen(values, strata, scale)
    active = [axis for axis in (SEED, DRAW, IMAGE) if values.shape[axis] > 1]
    sets = [axes for size in (3, 2, 1) for axes in combinations(active, size)]
    found = {axes: seen.mean_square(axes) for axes in sets}
    terms: dict[Axes, float] = {}
    for axes in sets:  # the largest first
        larger = sum(part for other, part in terms.items() if set(axes) < set(other))
        terms[axes] = max(found[axes][0] - larger, 0.0)
    variance = sum(terms.values())
    if variance == 0:
        return Spread(0.0, np.inf, 0.0, terms)
    # A main effect that is not seen leaves the variance to the others, and so their freedom.
    main = [found[axis,] for axis in active if terms[axis,] > 0] or [
        max((found[axis,] for axis in active), key=lambda pair: pair[0])
    ]
    freedom = 1 / sum((v / variance) ** 2 / f for v, f in main)
    skewness = sum(seen.third_cumulant(a) for a in active if terms[a,] > 0) / variance**1.5
    return Spread(variance, freedom, float(skewness), terms)


class _Seen:
    """The effects that the values show."""

    def __init__(self, values: Floats, strata: Strata, scale: float) -> None:
        self.strata = strata
        self.floor = (ROUNDING * scale) ** 2
        ordered = values[..., strata.order]
        means = strata.sums(ordered) / strata.counts
        cells = means @ strata.weights
        self.cells: Floats = cells - cells.mean()
        self.centred = ordered - np.repeat(means, strata.counts, axis=-1)
        self.image: Floats = self.centred.mean(axis=(SEED, DRAW))

    def mean_square(self, axes: Axes) -> tuple[float, float]:
        """V_A of the set of factors `axes`, and its degrees of freedom."""
        effects = self._effects(axes)
        others = [effects.shape[axis] for axis in axes if axis != IMAGE]
        freedom, cells = np.prod([n - 1 for n in others]), np.prod(others)
        if IMAGE not in axes:
            squares = float(np.sum(effects**2)) / (freedom * cells)
            return (squares if squares > self.floor else 0.0), float(freedom)
        sums = self.strata.sums(np.sum(effects**2, axis=(SEED, DRAW)))
        freedoms = freedom * (self.strata.counts - 1)
        parts = self.strata.weights**2 * sums / (freedoms * cells * self.strata.counts)
        parts = np.where(parts > self.floor * self.strata.weights**2, parts, 0.0)
        total = float(parts.sum())
        if total == 0:
            return 0.0, float(freedoms.sum())
        return total, float(1 / np.sum((parts / total) ** 2 / freedoms))

    def third_cumulant(self, axis: int) -> float:
        """Of the mean, as far as it comes from one factor; 0 where units are too few to say."""
        effects = self._effects((axis,)).ravel()
        if axis != IMAGE:
            return _third(np.sum(effects**3), len(effects))
        sums, counts = self.strata.sums(effects**3), self.strata.counts
        parts = [
            w**3 * _third(total, n)
            for w, total, n in zip(self.strata.weights, sums, counts, strict=True)
        ]
        return float(np.sum(parts))

    def _effects(self, axes: Axes) -> Floats:
        """Those of one set of factors, with length 1 along the other axes."""
        if IMAGE not in axes:
            effects = self.cells[..., None]
            effects = effects.mean(
                axis=tuple(a for a in (SEED, DRAW) if a not in axes), keepdims=True
            )
            if axes == (SEED, DRAW):
                effects = effects - effects.mean(0, keepdims=True) - effects.mean(1, keepdims=True)
            return np.asarray(effects)
        if axes == (IMAGE,):
            return np.asarray(self.image[None, None])
        if len(axes) == 2:
            other = DRAW if SEED in axes else SEED
            return np.asarray(self.centred.mean(axis=other, keepdims=True) - self.image)
        by_seed = self.centred.mean(axis=DRAW, keepdims=True)
        by_draw = self.centred.mean(axis=SEED, keepdims=True)
        return np.asarray(self.centred - by_seed - by_draw + self.image)


def _third(sum_of_cubes: float, n: int) -> float:
    if n < FEWEST_FOR_SKEW:
        return 0.0
    return float(sum_of_cubes * n / ((n - 1) * (n - 2)) / n**2)
