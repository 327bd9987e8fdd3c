"""Densities fitted to codes after training, to sample from where N(0, I) does not serve.

GLO (Bojanowski 2018) fits a Gaussian, Ghosh 2020 a Gaussian mixture.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from sklearn.covariance import ledoit_wolf
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from tacit.measures.distances import Floats, as_features
from tacit.measures.number import Undefined


@dataclass(frozen=True)
class Mixture:
    """Σ_k weight_k N(mean_k, root_k root_kᵀ).

    Attributes:
        weights: (K,), of sum 1.
        means: (K, D).
        roots: square roots of the covariances, (K, D, D).
        converged: whether the fit came to rest before its last iteration.
    """

    weights: Floats
    means: Floats
    roots: Floats
    converged: bool = True

    def sample(self, n: int, rng: np.random.Generator) -> Floats:
        """n independent codes, (n, D)."""
        component = rng.choice(len(self.weights), size=n, p=self.weights)
        noise = rng.standard_normal((n, self.means.shape[1]))
        codes = self.means[component]
        for k, root in enumerate(self.roots):
            codes[component == k] += noise[component == k] @ root.T
        return codes


def fit_gaussian(codes: ArrayLike) -> Mixture:
    """One Gaussian, its covariance shrunk towards a sphere by Ledoit and Wolf's rule (2004).

    The rule shrinks hardly at all where codes are many, and keeps the covariance of full rank where
    they are fewer than dimensions.

    Args:
        codes: (N, D).

    Raises:
        Undefined: for one code.
    """
    z = as_features(codes, "codes")
    if len(z) < 2:
        raise Undefined("n = 1, one code has no covariance")
    mean = z.mean(axis=0)
    covariance, _ = ledoit_wolf(z - mean, assume_centered=True)
    return Mixture(np.ones(1), mean[None], _root(np.atleast_2d(covariance))[None])


def fit_mixture(
    codes: ArrayLike,
    rng: np.random.Generator,
    *,
    components: int = 10,
    floor: float = 0.01,
    iterations: int = 100,
) -> Mixture:
    """A mixture of full-covariance Gaussians by expectation maximisation from k-means.

    Args:
        codes: (N, D).
        rng: seeds the k-means.
        components: K.
        floor: share of the codes' mean variance that is added to every variance, so that a
            component that holds fewer codes than dimensions stays of full rank.
        iterations: at most so many.

    Raises:
        Undefined: where fewer than K codes differ.
    """
    z = as_features(codes, "codes")
    distinct = len(np.unique(z, axis=0))
    if not 1 <= components <= distinct:
        raise Undefined(f"{components} components asked for, but {distinct} codes that differ")
    model = GaussianMixture(
        components,
        reg_covar=floor * float(z.var(axis=0).mean()) or 1e-12,
        max_iter=iterations,
        random_state=int(rng.integers(2**31)),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # kept as `converged` instead
        model.fit(z)
    roots = np.stack([_root(covariance) for covariance in model.covariances_])
    return Mixture(model.weights_, model.means_, roots, bool(model.converged_))


def _root(covariance: Floats) -> Floats:
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0.0))
