"""Measurements over seeds, draws and images whose mean is known."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from tacit.measures.distances import Floats

Axes = tuple[int, ...]
SEED, DRAW, IMAGE = 0, 1, 2
EFFECTS: dict[str, Axes] = {
    "seed": (SEED,),
    "draw": (DRAW,),
    "image": (IMAGE,),
    "seed × draw": (SEED, DRAW),
    "seed × image": (SEED, IMAGE),
    "draw × image": (DRAW, IMAGE),
    "rest": (SEED, DRAW, IMAGE),
}


@dataclass(frozen=True)
class Layout:
    """How many seeds, draws and images there are; one of a factor is none."""

    seeds: int = 1
    draws: int = 1
    images: int = 1

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.seeds, self.draws, self.images

    @property
    def factors(self) -> tuple[str, ...]:
        """Those with more than one unit."""
        named = zip(("seed", "draw", "image"), self.shape, strict=True)
        return tuple(factor for factor, n in named if n > 1)


def standard(rng: np.random.Generator, shape: tuple[int, ...], law: str) -> Floats:
    """Independent values of mean 0 and variance 1.

    Args:
        law: "normal"; "gamma", of shape 4, skewness 1; "exponential", skewness 2; "lognormal", of
            σ = 1, skewness 6.2; "rare", one of twenty 20 times as far out as the rest.
    """
    if law == "normal":
        return rng.normal(size=shape)
    if law == "gamma":
        return rng.gamma(4.0, 0.5, shape) - 2.0
    if law == "exponential":
        return rng.exponential(1.0, shape) - 1.0
    if law == "lognormal":
        e = np.e
        return (rng.lognormal(0.0, 1.0, shape) - np.sqrt(e)) / np.sqrt(e * (e - 1))
    if law == "rare":
        x = rng.gamma(4.0, 0.25, shape) + 20.0 * (rng.random(shape) < 0.05)
        return (x - 2.0) / np.sqrt(0.25 + 400 * 0.05 * 0.95)
    raise ValueError(f"law is '{law}'; normal, gamma, exponential, lognormal, rare are known")


def crossed(
    rng: np.random.Generator,
    layout: Layout,
    terms: Mapping[str, float],
    laws: Mapping[str, str] | None = None,
) -> Floats:
    """Values of mean 0, (S, D, N), a sum of independent effects.

    Args:
        terms: the variance that each of `EFFECTS` gives the *mean*, whatever the counts; effects of
            a factor of one unit are left out, as everything is given that unit.
        laws: of an effect, as in `standard`; normal unless named.
    """
    y = np.zeros(layout.shape)
    for name, term in terms.items():
        axes = EFFECTS[name]
        shape = tuple(n if axis in axes else 1 for axis, n in enumerate(layout.shape))
        if term == 0 or any(layout.shape[axis] == 1 for axis in axes):
            continue
        size = np.sqrt(term * np.prod(shape))
        y = y + size * standard(rng, shape, (laws or {}).get(name, "normal"))
    return y


def right_or_wrong(
    rng: np.random.Generator, layout: Layout, accuracy: float, sizes: Mapping[str, float]
) -> Floats:
    """Answers, 0 or 1, (S, D, N), that are right with the given accuracy on average.

    An answer is right where a normal score is above zero; the score is a sum of effects and a noise
    of its own, so that the accuracy over all seeds, draws and images is exact.

    Args:
        sizes: the standard deviation of each of `EFFECTS` in the score, beside a noise of 1.
    """
    total = 1.0 + sum(size**2 for size in sizes.values())
    score = np.full(layout.shape, stats.norm.ppf(accuracy) * np.sqrt(total))
    for name, size in sizes.items():
        axes = EFFECTS[name]
        shape = tuple(n if axis in axes else 1 for axis, n in enumerate(layout.shape))
        score = score + size * rng.normal(size=shape)
    return (score + rng.normal(size=layout.shape) > 0).astype(np.float64)
