"""Kernel distances against slow loops, closed forms and simulation."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tacit.measures.kernels import (
    Kernel,
    _null,
    kernel_distance,
    polynomial,
    rbf_mixture,
)

Floats = NDArray[np.float64]


def _reference_mmd2(x: Floats, y: Floats, kernel: Kernel) -> float:
    n = len(x)
    total = 0.0
    for i in range(n):
        for j in range(n):
            if i != j:
                total += float(
                    kernel(x[i : i + 1], x[j : j + 1])[0, 0]
                    + kernel(y[i : i + 1], y[j : j + 1])[0, 0]
                    - kernel(x[i : i + 1], y[j : j + 1])[0, 0]
                    - kernel(x[j : j + 1], y[i : i + 1])[0, 0]
                )
    return total / (n * (n - 1))


@pytest.mark.parametrize("kernel", [polynomial, rbf_mixture(2.0)])
def test_equals_the_slow_sum_and_its_jackknife(kernel: Kernel) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(7, 3)), rng.normal(0.5, 1, size=(7, 3))
    found = kernel_distance(x, y, rng, kernel=kernel, permutations=10)
    assert found.value == pytest.approx(_reference_mmd2(x, y, kernel), rel=1e-10)
    without = [
        _reference_mmd2(np.delete(x, i, 0), np.delete(y, i, 0), kernel) for i in range(len(x))
    ]
    assert found.influence == pytest.approx(7 * found.value - 6 * np.array(without), rel=1e-8)
    assert found.influence.mean() == pytest.approx(found.value, rel=1e-10)


def test_null_is_the_estimate_of_relabelled_sets() -> None:
    rng = np.random.default_rng(0)
    joint = rng.normal(size=(12, 2))
    null = _null(polynomial(joint, joint), np.random.default_rng(5), 8)
    order = np.random.default_rng(5).permuted(np.tile(np.arange(12), (8, 1)), axis=1)
    slow = [_reference_mmd2(joint[row[:6]], joint[row[6:]], polynomial) for row in order]
    assert null == pytest.approx(slow, rel=1e-9)


def test_rbf_kernel_by_hand() -> None:
    x, y = np.array([[0.0, 0.0]]), np.array([[3.0, 4.0]])
    expected = np.mean([np.exp(-25 / (2 * s * 10.0)) for s in (0.25, 0.5, 1, 2, 4)])
    assert rbf_mixture(10.0)(x, y)[0, 0] == pytest.approx(expected)


def test_is_unbiased_for_means_that_differ() -> None:
    # A linear kernel's MMD² is the squared distance of the means.
    rng = np.random.default_rng(0)
    found = [
        kernel_distance(
            rng.normal(0, 1, (10, 2)),
            rng.normal(1, 1, (10, 2)),
            rng,
            kernel=lambda a, b: a @ b.T,
            permutations=1,
        ).value
        for _ in range(800)
    ]
    assert np.mean(found) == pytest.approx(2.0, abs=4 * np.std(found) / np.sqrt(800))


def test_null_rejects_as_often_as_it_says_and_finds_what_differs() -> None:
    rng = np.random.default_rng(0)
    alike = [
        kernel_distance(rng.normal(size=(25, 4)), rng.normal(size=(25, 4)), rng, permutations=99)
        for _ in range(300)
    ]
    rejected = np.mean([found.p_value <= 0.05 for found in alike])
    assert 0.02 <= rejected <= 0.09
    assert np.mean([found.value for found in alike]) == pytest.approx(0, abs=0.1)
    apart = kernel_distance(rng.normal(size=(100, 4)), rng.normal(1, 1, size=(100, 4)), rng)
    assert apart.p_value == pytest.approx(1 / 501)
    low, middle, high = apart.null_quantiles
    assert low < middle < high < apart.value


def test_jackknife_interval_covers_where_the_sets_differ() -> None:
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(500):
        x, y = rng.normal(0, 1, (40, 2)), rng.normal(1, 1, (40, 2))
        number = kernel_distance(x, y, rng, kernel=lambda a, b: a @ b.T, permutations=1).number()
        assert number.low is not None
        assert number.high is not None
        inside += number.low <= 2.0 <= number.high
    assert 0.92 <= inside / 500 <= 0.975


def test_same_generator_same_bits() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 20, 3))
    first = kernel_distance(x, y, np.random.default_rng(1))
    second = kernel_distance(x, y, np.random.default_rng(1))
    assert first.p_value == second.p_value
    assert (first.null == second.null).all()


def test_constant_features_are_no_distance_apart_and_have_no_interval() -> None:
    x = np.ones((10, 3))
    for kernel in (polynomial, rbf_mixture(1.0)):
        found = kernel_distance(x, x, np.random.default_rng(0), kernel=kernel, permutations=50)
        assert (found.value, found.p_value) == (0.0, 1.0)
        assert found.number().low is None


def test_what_cannot_be_measured_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="equal shapes"):
        kernel_distance(np.ones((4, 2)), np.ones((5, 2)), rng)
    with pytest.raises(ValueError, match="n is 2"):
        kernel_distance(np.ones((2, 2)), np.ones((2, 2)), rng)
    with pytest.raises(ValueError, match="not finite"):
        kernel_distance(np.full((4, 2), np.nan), np.ones((4, 2)), rng)
    with pytest.raises(ValueError, match="features"):
        kernel_distance(np.ones(4), np.ones(4), rng)
