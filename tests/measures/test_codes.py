"""Codes against the prior: closed forms, a slow reference, brackets."""

import math
from collections.abc import Iterable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from tacit.measures.codes import (
    active_units,
    mixture_kl,
    moment_kl,
    prior_distance,
    surgery,
    surgery_null,
)
from tacit.measures.number import Undefined

Floats = NDArray[np.float64]


def _reference_information(
    mean: Floats, log_var: Floats, rng: np.random.Generator, images: Iterable[int]
) -> list[float]:
    sd = np.exp(0.5 * log_var)
    noise = rng.standard_normal(mean.shape)
    found = []
    for n in images:
        z = mean[n] + sd[n] * noise[n]
        log_q = [stats.norm.logpdf(z, mean[m], sd[m]).sum() for m in range(len(mean))]
        aggregate = np.log(np.mean(np.exp(log_q)))
        found.append(float(log_q[n] - aggregate))
    return found


def test_information_equals_the_slow_reference() -> None:
    rng = np.random.default_rng(0)
    mean, log_var = rng.normal(size=(30, 3)), rng.normal(-1, 0.5, size=(30, 3))
    found = surgery(mean, log_var, np.random.default_rng(4))
    slow = _reference_information(mean, log_var, np.random.default_rng(4), range(30))
    assert found.information == pytest.approx(slow, rel=1e-9, abs=1e-10)


def test_chunks_do_not_show() -> None:
    rng = np.random.default_rng(0)
    mean, log_var = rng.normal(size=(600, 2)), rng.normal(-1, 0.5, size=(600, 2))
    found = surgery(mean, log_var, np.random.default_rng(4)).information
    edges = [0, 511, 512, 599]
    slow = _reference_information(mean, log_var, np.random.default_rng(4), edges)
    assert found[edges] == pytest.approx(slow)


def test_surgery_adds_up_and_agrees_with_algebra() -> None:
    # z = x + noise with x ~ N(0, 1 - s²): the aggregate posterior is N(0, 1), so all KL is
    # information, -½ ln s² per dimension.
    rng = np.random.default_rng(0)
    s2 = 0.3
    mean = rng.normal(0, math.sqrt(1 - s2), (3000, 2))
    found = surgery(mean, np.full_like(mean, math.log(s2)), rng)
    assert found.information.mean() == pytest.approx(-math.log(s2), abs=0.06)
    assert found.marginal_kl == pytest.approx(0, abs=0.06)
    closed = 0.5 * np.sum(mean**2 + s2 - 1 - math.log(s2), axis=1)
    assert found.kl == pytest.approx(closed)


def test_information_is_bracketed_by_nothing_and_ln_n() -> None:
    rng = np.random.default_rng(0)
    collapsed = surgery(np.zeros((50, 4)), np.zeros((50, 4)), rng)
    assert collapsed.information == pytest.approx(np.zeros(50), abs=1e-12)
    assert collapsed.marginal_kl == pytest.approx(0, abs=1e-12)
    apart = surgery(100 * rng.normal(size=(50, 4)), np.full((50, 4), -9.0), rng)
    assert apart.information == pytest.approx(np.full(50, math.log(50)))
    assert apart.information.max() <= apart.ceiling + 1e-12
    alone = surgery(np.ones((1, 2)), np.zeros((1, 2)), rng)
    assert (alone.information.tolist(), alone.ceiling) == ([0.0], 0.0)
    assert (alone.information_high[0], alone.marginal_kl_low) == (np.inf, 0.0)


@pytest.mark.parametrize(
    ("n", "latent_dim", "kl"),
    [(1438, 200, 9.27), (1438, 16, 9.27), (1438, 10, 6.0), (800, 50, 20.0)],
)
def test_codes_that_are_the_prior_leave_what_the_null_leaves(
    n: int, latent_dim: int, kl: float
) -> None:
    """The aggregate is N(0, I) exactly, and 2.73 nats of distance from it were found."""
    rng = np.random.default_rng(0)
    s2 = math.exp(-2 * kl / latent_dim)
    log_var = np.full((n, latent_dim), math.log(s2))
    prior = math.sqrt(1 - s2) * rng.normal(size=(n, latent_dim))
    null = surgery_null(prior, log_var, rng)
    found = surgery(prior, log_var, rng)
    assert abs(found.marginal_kl - null.mean()) < 5 * null.std(ddof=1)
    assert found.information.mean() < kl < found.information_high.mean()
    assert found.marginal_kl_low == 0
    wide = surgery(1.3 * prior, log_var, rng)
    assert wide.marginal_kl > null.mean() + 10 * null.std(ddof=1)


def test_mutual_information_is_bracketed() -> None:
    """z = x + noise in one dimension, where I = -½ ln s²: both bounds close in on it."""
    rng = np.random.default_rng(0)
    s2 = 0.05
    mean = rng.normal(0, math.sqrt(1 - s2), (3000, 1))
    log_var = np.full((3000, 1), math.log(s2))
    many, truth = surgery(mean, log_var, rng), -0.5 * math.log(s2)
    few = [surgery(mean[i : i + 20], log_var[:20], rng) for i in range(0, 3000, 20)]
    assert np.mean([f.information for f in few]) < truth - 0.1
    assert np.mean([f.information_high for f in few]) > truth + 0.1
    assert many.information_high.mean() - many.information.mean() < 0.05
    assert many.information.mean() == pytest.approx(truth, abs=0.05)
    # Without noise in z: two images, of which the other one's posterior is known.
    pair = surgery([[0.0], [3.0]], [[0.0], [0.0]], np.random.default_rng(1))
    z = np.array([0.0, 3.0]) + np.random.default_rng(1).standard_normal((2, 1)).ravel()
    own, other = -0.5 * (z - [0, 3]) ** 2, -0.5 * (z - [3, 0]) ** 2
    assert pair.information_high == pytest.approx(own - other)


def test_collapsed_codes_have_a_null_of_nothing() -> None:
    null = surgery_null(np.zeros((50, 4)), np.zeros((50, 4)), np.random.default_rng(0))
    assert null.tolist() == [0.0] * 5


def test_moment_kl_is_the_gaussian_one() -> None:
    mean, log_var = np.array([[1.0, 0.0], [3.0, 0.0]]), np.log([[0.5, 1.0], [1.5, 1.0]])
    m, v = 2.0, 1.0 + 1.0
    assert moment_kl(mean, log_var) == pytest.approx([0.5 * (v + m**2 - 1 - math.log(v)), 0.0])


def test_mixture_kl_by_quadrature_and_where_moments_are_blind() -> None:
    rng = np.random.default_rng(0)
    # Two modes at ±a with variance 1 - a²: the moments are the prior's, the shape is not.
    a = 0.95
    signs = np.where(rng.random(2000) < 0.5, -1.0, 1.0)
    mean = np.stack([a * signs, np.zeros(2000), rng.normal(0, 0.8, 2000)], axis=1)
    log_var = np.log(np.tile([1 - a**2, 1.0, 0.36], (2000, 1)))
    assert moment_kl(mean, log_var)[0] == pytest.approx(0, abs=0.02)
    z = np.linspace(-6, 6, 20001)
    q = np.mean([stats.norm.pdf(z, s * a, math.sqrt(1 - a**2)) for s in (-1, 1)], axis=0)
    kept = q > 1e-300
    truth = np.sum((q * (np.log(np.where(kept, q, 1)) - stats.norm.logpdf(z)))[kept]) * (
        z[1] - z[0]
    )
    found = mixture_kl(mean, log_var, rng)
    assert found[0] == pytest.approx(truth, abs=0.1)
    assert found[1] == pytest.approx(0, abs=1e-12)
    assert found[2] == pytest.approx(0, abs=0.05)


def test_mixture_kl_takes_more_points_than_images() -> None:
    found = mixture_kl([[2.0], [2.0]], [[0.0], [0.0]], np.random.default_rng(0), points=5000)
    assert found[0] == pytest.approx(2.0, abs=0.15)  # KL(N(2, 1) ‖ N(0, 1))


def test_active_units_are_those_whose_means_vary() -> None:
    rng = np.random.default_rng(0)
    means = np.stack([rng.normal(0, 1, 500), np.full(500, 3.0), rng.normal(0, 0.05, 500)], axis=1)
    assert active_units(means).tolist() == [True, False, False]
    # A per-image posterior initialised from N(0, I) is active everywhere before it has learned.
    assert active_units(rng.normal(size=(500, 8))).all()
    with pytest.raises(Undefined, match="n = 1"):
        active_units([[1.0, 2.0]])


def test_prior_distance_knows_the_prior() -> None:
    rng = np.random.default_rng(0)
    mean = rng.normal(0, math.sqrt(0.75), (300, 5))
    right = prior_distance(mean, np.full_like(mean, math.log(0.25)), rng)
    assert right.p_value > 0.05
    wrong = prior_distance(2 * mean, np.full_like(mean, math.log(0.25)), rng, at_most=200)
    assert wrong.p_value < 0.01
    assert len(wrong.influence) == 200
    assert wrong.value > right.value


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="`log_vars`"):
        surgery(np.zeros((3, 2)), np.zeros((3, 1)), np.random.default_rng(0))
    with pytest.raises(ValueError, match="not finite"):
        moment_kl([[np.inf]], [[0.0]])
