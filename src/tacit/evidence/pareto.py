"""Pareto k̂: how heavy is the upper tail of the importance weights?"""

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FEWEST_WEIGHTS = 100
"""Below this many weights the tail holds too few of them, and k̂ is undefined."""


def tail_size(n_weights: int) -> int:
    """The number of largest weights that k̂ is fitted to: min(0.2 S, 3 √S), rounded up."""
    return math.ceil(min(0.2 * n_weights, 3 * math.sqrt(n_weights)))


def reliable_below(n_weights: int) -> float:
    """The k̂ up to which S weights give a usable mean: min(1 - 1 / log₁₀ S, 0.7).

    Vehtari, Simpson, Gelman, Yao and Gabry, "Pareto smoothed importance sampling", 2024.
    """
    return min(1 - 1 / math.log10(n_weights), 0.7)


def pareto_k(largest: Array) -> Array:
    """k̂ of the generalised Pareto law fitted to the excesses of the largest log weights.

    Moments of order below 1 / k are finite: from k = ½ up the weights have no variance, from 1 up
    no mean. Infinite where fewer than five weights exceed the threshold (all the others are zero),
    NaN where the tail is constant.

    Source: Vehtari et al. 2024 (see `reliable_below`), with the fit of `fit_generalised_pareto`.

    largest: log weights, (M + 1, B), in descending order; the last row is the threshold.
    Returns (B,).
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        threshold = np.exp(largest[-1] - largest[0])
        excess = np.exp(largest[:-1] - largest[0]) - threshold
    k = np.full(excess.shape[1], np.nan)
    # Equal weights differ by rounding alone, which has no law to fit.
    varied = excess[0] > 1e-9
    few = varied & ((excess > 0).sum(axis=0) < 5)
    k[few] = np.inf
    fits = varied & ~few
    # A tail may end in ties with the threshold; the smallest double stands for a zero excess.
    k[fits] = fit_generalised_pareto(np.maximum(excess[:, fits], 1e-300))
    return k


def fit_generalised_pareto(excess: Array) -> Array:
    """The shape k of a generalised Pareto law, for many samples at once.

    The posterior mean of Zhang and Stephens ("A new and efficient estimation method for the
    generalized Pareto distribution", Technometrics 2009), over a grid of b = -k / σ, then drawn
    towards ½ with the weight of ten observations as PSIS does.

    excess: positive, (M, B), in any order. Returns (B,).
    """
    y = np.sort(excess, axis=0)
    n = len(y)
    n_grid = 30 + math.isqrt(n)
    quartile = y[int(n / 4 + 0.5) - 1]
    steps = 1 - np.sqrt(n_grid / (np.arange(1, n_grid + 1) - 0.5))
    b = 1 / y[-1] + steps[:, None] / (3 * quartile)
    k = np.log1p(-b[:, None] * y).mean(axis=1)
    profile = n * (np.log(-b / k) - k - 1)
    weight = np.exp(profile - profile.max(axis=0))
    mean_b = (b * weight).sum(axis=0) / weight.sum(axis=0)
    shape = np.log1p(-mean_b * y).mean(axis=0)
    return (n * shape + 10 * 0.5) / (n + 10)
