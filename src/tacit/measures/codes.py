"""Codes against the prior: what q(z | x) holds about x, and how far its mean over x is from p(z).

Everywhere q(z | x_n) = N(mean_n, diag(exp(log_var_n))), p(z) = N(0, I), and the aggregate posterior
is q(z) = 1/N Σ_n q(z | x_n) over the N images given. Nats throughout.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tacit.measures.distances import Floats, as_features, chunks
from tacit.measures.kernels import KernelDistance, kernel_distance, rbf_mixture
from tacit.measures.number import Undefined

LOG_2PI = math.log(2 * math.pi)
LEAST_KL = 1e-4


@dataclass(frozen=True)
class Surgery:
    """KL(q(z | x) ‖ p(z)) = I(x; z) + KL(q(z) ‖ p(z)), per image (Hoffman and Johnson 2016).

    N images are a sample of all that there could be, so that q(z) is not known: both terms lie in
    between. With one draw z_n of q(z | x_n), in expectation over images,

        log q(z_n | x_n) / 1/N Σ_m q(z_n | x_m)  ≤  I(x; z)  ≤  log q(z_n | x_n) / 1/(N-1) Σ_(m≠n) …

    (Poole, Ozair, van den Oord, Alemi and Tucker 2019), and I(x; z) ≤ KL(q(z | x) ‖ p(z)).

    Attributes:
        kl: KL(q(z | x_n) ‖ p(z)), in closed form, (N,).
        information: the lower bound of each image, (N,).
        information_high: the upper bound of each image, without its own posterior, (N,).
        ceiling: ln N. No entry of `information` can exceed it, so a mean near it says only that
            the codes tell these N images apart.
    """

    kl: Floats
    information: Floats
    information_high: Floats
    ceiling: float

    @property
    def marginal_kl(self) -> float:
        """KL(q(z) ‖ p(z)), nats, at most; `surgery_null` says what N alone leaves of it."""
        return float(self.kl.mean() - self.information.mean())

    @property
    def marginal_kl_low(self) -> float:
        """KL(q(z) ‖ p(z)), nats, at least."""
        return max(0.0, float(self.kl.mean() - self.information_high.mean()))


def surgery(means: ArrayLike, log_vars: ArrayLike, rng: np.random.Generator) -> Surgery:
    """Split the KL into mutual information and the aggregate posterior's distance to the prior.

    Each draw is weighed against all N posteriors, and against the N - 1 of the other images.

    Args:
        means, log_vars: of q(z | x), (N, D) each.
        rng: where the draws come from.
    """
    mean, log_var = _posteriors(means, log_vars)
    z = _draw(mean, log_var, rng)
    parts = [_information(mean, log_var, z, rows) for rows in chunks(len(z))]
    low, high = (np.concatenate(part) for part in zip(*parts, strict=True))
    kl = _kl(mean, log_var).sum(axis=1)
    return Surgery(kl, low, high, math.log(len(z)))


def surgery_null(
    means: ArrayLike, log_vars: ArrayLike, rng: np.random.Generator, *, repeats: int = 5
) -> Floats:
    """`Surgery.marginal_kl` of codes whose aggregate is N(0, I), (repeats,) nats.

    As many codes with the same variances s² (at most 1), but means from N(0, 1 - s²), so that every
    code is a draw from N(0, I) with noise. What these leave is the number of images', and no
    distance from the prior.

    Args:
        means, log_vars: of q(z | x), (N, D) each.
        rng: where the null codes come from.
    """
    _, log_var = _posteriors(means, log_vars)
    own = np.minimum(log_var, 0)
    # A dimension that tells next to nothing of an image adds next to nothing, and time.
    own = own[:, -0.5 * own.mean(axis=0) > LEAST_KL]
    spread = np.sqrt(-np.expm1(own))
    nulls = (spread * rng.standard_normal(own.shape) for _ in range(repeats))
    return np.array([surgery(null, own, rng).marginal_kl if own.size else 0.0 for null in nulls])


def moment_kl(means: ArrayLike, log_vars: ArrayLike) -> Floats:
    """KL(N(m, v) ‖ N(0, 1)) per dimension, where m, v are the aggregate posterior's moments, (D,).

    Args:
        means, log_vars: of q(z | x), (N, D) each.
    """
    mean, log_var = _posteriors(means, log_vars)
    m = mean.mean(axis=0)
    v = np.exp(log_var).mean(axis=0) + mean.var(axis=0)
    return 0.5 * (v + m**2 - 1 - np.log(v))


def mixture_kl(
    means: ArrayLike, log_vars: ArrayLike, rng: np.random.Generator, *, points: int = 500
) -> Floats:
    """KL(q(z_d) ‖ N(0, 1)) per dimension of the aggregate posterior itself, (D,).

    The mean of log q(z_d) - log p(z_d) at `points` draws, where q(z_d) is the mixture of all N
    posteriors' d-th margins. Unlike `moment_kl` it sees more than two moments, and it has Monte
    Carlo noise, so it may be slightly negative. Takes time points · N · D: 2 s where N is 2,000 and
    D is 200, so give it a subset of more.

    Args:
        means, log_vars: of q(z | x), (N, D) each.
        rng: where the draws come from.
    """
    mean, log_var = _posteriors(means, log_vars)
    n = len(mean)
    chosen = rng.permutation(np.arange(max(points, n)) % n)[:points]
    z = _draw(mean[chosen], log_var[chosen], rng)
    kl = np.empty(mean.shape[1])
    for d in range(len(kl)):
        standard = (z[:, d, None] - mean[:, d]) ** 2 * np.exp(-log_var[:, d])
        log_q = _log_mean_exp(-0.5 * (standard + log_var[:, d] + LOG_2PI))
        kl[d] = np.mean(log_q + 0.5 * (z[:, d] ** 2 + LOG_2PI))
    return kl


def active_units(means: ArrayLike, threshold: float = 0.01) -> NDArray[np.bool_]:
    """Which dimensions' posterior means vary over images by more than `threshold` (Burda 2016).

    Args:
        means: of q(z | x), (N, D).

    Raises:
        Undefined: for one image, whose means vary over nothing.
    """
    mean = as_features(means, "means")
    if len(mean) < 2:
        raise Undefined("n = 1, posterior means vary over no images")
    return np.asarray(mean.var(axis=0, ddof=1) > threshold)


def directions(codes: ArrayLike, share: float = 0.99) -> int:
    """How many principal directions hold `share` of the codes' variance; 0 where nothing varies.

    For codes whose scale means nothing, such as an autoencoder's, of which `active_units` cannot be
    asked.

    Args:
        codes: (N, D).
    """
    x = as_features(codes, "codes")
    variances = np.linalg.svd(x - x.mean(axis=0), compute_uv=False) ** 2
    if variances.sum() <= 1e-24 * np.sum(x**2):
        return 0
    return int(np.searchsorted(np.cumsum(variances) / variances.sum(), share - 1e-12) + 1)


def prior_distance(
    means: ArrayLike,
    log_vars: ArrayLike,
    rng: np.random.Generator,
    *,
    at_most: int = 1000,
    permutations: int = 500,
) -> KernelDistance:
    """MMD² between draws of the aggregate posterior and as many of N(0, I), with its null.

    The kernel is `rbf_mixture` at 2 D, the prior's own mean squared distance, so that values of
    models with the same D compare.

    Args:
        means, log_vars: of q(z | x), (N, D) each; one draw each of `at_most` images.
    """
    mean, log_var = _posteriors(means, log_vars)
    chosen = rng.permutation(len(mean))[:at_most]
    z = _draw(mean[chosen], log_var[chosen], rng)
    kernel = rbf_mixture(2.0 * z.shape[1])
    prior = rng.standard_normal(z.shape)
    return kernel_distance(z, prior, rng, kernel=kernel, permutations=permutations)


def _kl(mean: Floats, log_var: Floats) -> Floats:
    """KL(q(z_d | x_n) ‖ N(0, 1)), (N, D)."""
    return 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var)


def _information(mean: Floats, log_var: Floats, z: Floats, rows: slice) -> tuple[Floats, Floats]:
    """log q(z_n | x_n) - log 1/N Σ_m q(z_n | x_m) for some rows n, and the same without m = n.

    Of one image alone there are no others, and its information is infinite at most.
    """
    precision = np.exp(-log_var)
    # Σ_d (z - mean)² · precision, expanded so that it is two matrix products.
    standard = (
        z[rows] ** 2 @ precision.T
        - 2 * z[rows] @ (mean * precision).T
        + np.sum(mean**2 * precision, axis=1)
    )
    log_q = -0.5 * (standard + np.sum(log_var + LOG_2PI, axis=1))
    place = np.arange(len(log_q)), np.arange(len(z))[rows]
    own = log_q[place]
    low = own - _log_mean_exp(log_q)
    if len(mean) == 1:
        return low, np.full(1, np.inf)
    log_q[place] = -np.inf
    others = _log_mean_exp(log_q) + math.log(len(mean) / (len(mean) - 1))
    return low, own - others


def _log_mean_exp(x: Floats) -> Floats:
    """log of the mean of exp over each row; half the time of scipy's logsumexp."""
    top = x.max(axis=1)
    return top + np.log(np.exp(x - top[:, None]).mean(axis=1))


def _draw(mean: Floats, log_var: Floats, rng: np.random.Generator) -> Floats:
    return mean + np.exp(0.5 * log_var) * rng.standard_normal(mean.shape)


def _posteriors(means: ArrayLike, log_vars: ArrayLike) -> tuple[Floats, Floats]:
    mean, log_var = as_features(means, "means"), as_features(log_vars, "log_vars")
    if mean.shape != log_var.shape:
        raise ValueError(f"`means` is {mean.shape}, `log_vars` {log_var.shape}; (N, D) both")
    return mean, log_var
