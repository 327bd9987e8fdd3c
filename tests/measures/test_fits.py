"""Fitted densities: they find what was there, in any number of dimensions."""

import numpy as np
import pytest

from tacit.measures.fits import Mixture, fit_gaussian, fit_mixture
from tacit.measures.number import Undefined


def test_gaussian_finds_mean_and_covariance() -> None:
    rng = np.random.default_rng(0)
    covariance = np.array([[4.0, 1.2], [1.2, 1.0]])
    fit = fit_gaussian(rng.multivariate_normal([3.0, -1.0], covariance, 5000))
    assert fit.means[0] == pytest.approx([3, -1], abs=0.1)
    assert fit.roots[0] @ fit.roots[0].T == pytest.approx(covariance, abs=0.15)
    drawn = fit.sample(20000, rng)
    assert np.cov(drawn.T) == pytest.approx(covariance, abs=0.25)


def test_gaussian_beyond_its_images_is_nearer_the_truth_than_the_plain_covariance() -> None:
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(100, 200))
    fit = fit_gaussian(codes)
    found = fit.roots[0] @ fit.roots[0].T
    assert np.linalg.eigvalsh(found).min() > 0.3
    assert np.linalg.norm(found - np.eye(200)) < 0.3 * np.linalg.norm(np.cov(codes.T) - np.eye(200))


def test_mixture_finds_its_modes() -> None:
    rng = np.random.default_rng(0)
    centres = np.array([[-10.0, 0.0], [10.0, 0.0], [0.0, 15.0]])
    truth = Mixture(np.array([0.5, 0.3, 0.2]), centres, np.stack([np.eye(2)] * 3))
    fit = fit_mixture(truth.sample(1500, rng), rng, components=3)
    assert fit.converged
    order = np.argsort(-fit.weights)
    assert fit.weights[order] == pytest.approx([0.5, 0.3, 0.2], abs=0.05)
    assert fit.means[order] == pytest.approx(centres, abs=0.4)
    drawn = fit.sample(3000, rng)
    distance = np.linalg.norm(drawn[:, None] - centres, axis=2)
    assert np.bincount(distance.argmin(1)) / 3000 == pytest.approx([0.5, 0.3, 0.2], abs=0.05)
    assert distance.min(1).max() < 6


def test_mixture_in_200_dimensions_from_a_few_hundred_codes() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 300)
    codes = 6 * np.eye(200)[labels] + rng.normal(0, 0.5, (300, 200))
    fit = fit_mixture(codes, rng, components=5)
    drawn = fit.sample(200, rng)
    assert np.isfinite(drawn).all()
    assert drawn[:, :5].max(axis=1) == pytest.approx(np.full(200, 6.0), abs=2.5)
    assert drawn[:, 5:].std() == pytest.approx(0.5, rel=0.15)


def test_same_generator_same_bits() -> None:
    codes = np.random.default_rng(0).normal(size=(60, 4))
    first, second = (
        fit_mixture(codes, np.random.default_rng(1), components=2).sample(
            10, np.random.default_rng(2)
        )
        for _ in range(2)
    )
    assert (first == second).all()


def test_degenerate_codes() -> None:
    rng = np.random.default_rng(0)
    constant = fit_gaussian(np.full((10, 3), 2.0)).sample(5, rng)
    assert constant == pytest.approx(np.full((5, 3), 2.0))
    assert fit_gaussian([[1.0], [3.0]]).sample(4, rng).shape == (4, 1)
    one = fit_mixture(np.full((10, 3), 2.0), rng, components=1).sample(5, rng)
    assert one == pytest.approx(np.full((5, 3), 2.0), abs=1e-4)
    half = np.column_stack([rng.normal(size=50), np.zeros(50)])  # a constant column
    assert np.isfinite(fit_mixture(half, rng, components=2).sample(5, rng)).all()
    with pytest.raises(Undefined, match="one code"):
        fit_gaussian([[1.0, 2.0]])
    with pytest.raises(Undefined, match="10 components asked for, but 1 codes that differ"):
        fit_mixture(np.full((20, 3), 2.0), rng)


def test_a_fit_that_did_not_come_to_rest_says_so() -> None:
    codes = np.random.default_rng(3).uniform(size=(200, 2))
    rng = np.random.default_rng(0)
    assert not fit_mixture(codes, rng, components=5, iterations=1).converged
