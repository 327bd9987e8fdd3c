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

How well the sum is known follows from Satterthwaite's degrees of freedom, which claim too much
where a factor of few units is most of the variance (with two seeds a nominal 95 % covers 88 %). So
each factor of a tenth of the variance or more that shows an effect (or has two units, which tell
little) is asked by itself as well, by its own variance and degrees of freedom, and the wider answer
counts. By simulation that covers 94 to 98 % where all
terms are above zero, and more where some are zero (`benchmarks/calibration`).

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

ASKED_ALONE = 0.1
"""From this part of the variance a factor's own degrees of freedom are asked as well."""

TELLING = 3
"""Units of a factor from which on it is not asked alone where it shows no effect. Asked always,
intervals covered up to 99.3 % where it has none, in place of 98.5 %; never asked, two units whose
effect did not show were covered in 91 %."""

FEWEST_FOR_SKEW = 5
"""Units of a factor below which its skewness is not looked at."""

ROUNDING = 64 * float(np.finfo(np.float64).eps)
SMALLEST_SPREAD = 1e-150
"""Squares of less are 0 in float64, and so would be the interval's width."""


@dataclass(frozen=True)
class Spread:
    """A mean's variance, and how well it is known.

    Attributes:
        variance: of the mean; 0 where nothing varies.
        known: pairs of a share of the variance and its degrees of freedom, the whole first. Of the
            intervals that follow from them the widest counts.
        skewness: of the mean's distribution, third cumulant over variance^1.5.
        terms: each set of factors' own part of the variance, by their axes.
    """

    variance: float
    known: tuple[tuple[float, float], ...]
    skewness: float
    terms: Mapping[Axes, float]

    def cells_an_image(self, shape: tuple[int, ...]) -> float:
        """How many independent answers an image's seeds and draws are worth: 1 where it has the
        same in all, and where nothing varies."""
        own = {axes: term for axes, term in self.terms.items() if IMAGE in axes}
        mean = sum(own.values())
        each = sum(v * np.prod([shape[a] for a in axes if a != IMAGE]) for axes, v in own.items())
        return float(each / mean) if mean else 1.0


class Strata:
    """Which images belong together, and how much they count.

    Attributes:
        counts: images in each, (H,). weights: (H,).

    Args:
        position: each image's stratum, (N,), in [0, H).
    """

    def __init__(self, position: NDArray[np.int64], weights: Floats) -> None:
        self.weights = weights
        self.counts = np.bincount(position, minlength=len(weights))
        self._starts = np.concatenate([[0], np.cumsum(self.counts)[:-1]])
        rises = bool((position[1:] >= position[:-1]).all())
        self._order = None if rises else np.argsort(position, kind="stable")

    def ordered(self, values: Floats) -> Floats:
        """Images sorted by stratum, (…, N)."""
        return values if self._order is None else values[..., self._order]

    def sums(self, ordered: Floats) -> Floats:
        """Over the images of each stratum, (…, N) -> (…, H). No stratum may be empty."""
        if len(self.counts) == 1:
            return np.asarray(ordered.sum(axis=-1, keepdims=True))
        return np.add.reduceat(ordered, self._starts, axis=-1)

    def means(self, ordered: Floats) -> Floats:
        """Of the images of each stratum, (…, N) -> (…, H)."""
        return self.sums(ordered) / self.counts

    def spread_out(self, each: Floats) -> Floats:
        """One value a stratum to one an image, (…, H) -> (…, N)."""
        return each if len(self.counts) == 1 else np.repeat(each, self.counts, axis=-1)


def cell_means(values: Floats, strata: Strata) -> Floats:
    """Σ_h w_h · mean of stratum h for each seed and draw, (S, D, N) -> (S, D)."""
    return np.asarray(strata.means(strata.ordered(values)) @ strata.weights)


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
        return Spread(0.0, ((1.0, np.inf),), 0.0, terms)
    # A factor that is not seen leaves the variance to the others, and so their freedom; where none
    # is, what differs with every combination has its own.
    shares = {axes: (v / variance, f) for axes, (v, f) in found.items()}
    main = [a for a in active if terms[a,] > 0]
    counted: list[Axes] = [(a,) for a in main] or [max(terms, key=lambda axes: shares[axes][0])]
    freedom = 1 / sum(shares[axes][0] ** 2 / shares[axes][1] for axes in counted)
    asked = [a for a in active if shares[a,][0] >= ASKED_ALONE]
    # Three units or more that show no effect of their own have little; two may hide one.
    asked = [a for a in asked if terms[a,] > 0 or values.shape[a] < TELLING]
    alone = [shares[a,] for a in asked if len(active) > 1]
    skewed = [a for a in main if values.shape[a] >= FEWEST_FOR_SKEW]
    cumulants = [seen.third_cumulant(a, variance) for a in skewed]
    return Spread(variance, ((1.0, freedom), *alone), float(sum(cumulants)), terms)


class _Seen:
    """The effects that the values show, and their sums of squares.

    Within each seed and draw an image's distance from its stratum's mean is the sum of four
    effects that are orthogonal, I + SI + DI + SDI; the last one's squares are what is left.
    """

    def __init__(self, values: Floats, strata: Strata, scale: float) -> None:
        self.strata = strata
        self.floor = max((ROUNDING * scale) ** 2, SMALLEST_SPREAD**2)
        self.shape = values.shape
        ordered = strata.ordered(values)
        grand = strata.means(ordered.mean(axis=(SEED, DRAW)))
        x = ordered - strata.spread_out(grand)
        means = strata.means(x)
        cells = means @ strata.weights
        cells = cells - cells.mean()
        seed, draw = cells.mean(1, keepdims=True), cells.mean(0, keepdims=True)
        self.main: dict[Axes, Floats] = {
            (SEED,): seed,
            (DRAW,): draw,
            (SEED, DRAW): cells - seed - draw,
        }
        by_seed = x.mean(axis=DRAW)
        self.image: Floats = by_seed.mean(axis=SEED)
        self.squares: dict[Axes, Floats] = {(IMAGE,): self._sums(self.image[None])}
        n_seeds, n_draws, n_images = values.shape
        if n_images == 1 or n_seeds * n_draws == 1:
            return
        if n_seeds > 1:
            own = by_seed - strata.spread_out(means.mean(axis=DRAW)) - self.image
            self.squares[SEED, IMAGE] = self._sums(own)
        if n_draws > 1:
            own = x.mean(axis=SEED) - strata.spread_out(means.mean(axis=SEED)) - self.image
            self.squares[DRAW, IMAGE] = self._sums(own)
        if n_seeds > 1 and n_draws > 1:
            total = strata.sums(np.einsum("sdi,sdi->i", x, x))
            left = total - strata.counts * np.sum(means**2, axis=(SEED, DRAW))
            left = left - n_seeds * n_draws * self.squares[IMAGE,]
            left -= n_draws * self.squares[SEED, IMAGE] + n_seeds * self.squares[DRAW, IMAGE]
            self.squares[SEED, DRAW, IMAGE] = np.where(left > ROUNDING * total, left, 0.0)

    def mean_square(self, axes: Axes) -> tuple[float, float]:
        """V_A of the set of factors `axes`, and its degrees of freedom."""
        others = [self.shape[axis] for axis in axes if axis != IMAGE]
        freedom, cells = float(np.prod([n - 1 for n in others])), float(np.prod(others))
        if IMAGE not in axes:
            square = float(np.sum(self.main[axes] ** 2)) / freedom / cells
            return (square if square > self.floor else 0.0), freedom
        counts, weights = self.strata.counts, self.strata.weights
        freedoms = freedom * (counts - 1)
        squares = self.squares[axes] / (freedoms * cells * counts)
        parts = np.where(squares > self.floor, weights**2 * squares, 0.0)
        total = float(parts.sum())
        if total == 0:
            return 0.0, float(freedoms.sum())
        return total, float(1 / np.sum((parts / total) ** 2 / freedoms))

    def third_cumulant(self, axis: int, variance: float) -> float:
        """Of the mean, as far as it comes from one factor, over variance^1.5."""
        error = np.sqrt(variance)
        if axis != IMAGE:
            effects = self.main[axis,].ravel() / error
            return _third(float(np.sum(effects**3)), len(effects))
        sums = self.strata.sums((self.image / error) ** 3)
        cubes = zip(self.strata.weights, sums, self.strata.counts, strict=True)
        return float(sum(w**3 * _third(total, int(n)) for w, total, n in cubes))

    def _sums(self, effects: Floats) -> Floats:
        """Of squares within each stratum, (…, N) -> (H,)."""
        return self.strata.sums(np.einsum("ki,ki->i", effects, effects))


def _third(sum_of_cubes: float, n: int) -> float:
    """The third cumulant of a mean of n, unbiased; of two units none is seen."""
    return sum_of_cubes / ((n - 1) * (n - 2) * n) if n > 2 else 0.0
