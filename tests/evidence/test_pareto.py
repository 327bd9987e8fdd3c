"""k̂ beside a slow reference, on tails of known shape, and at its edges."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tacit.evidence.importance import LogWeights
from tacit.evidence.pareto import fit_generalised_pareto, pareto_k, reliable_below, tail_size
from tacit.streams import numpy_stream


def _reference_fit(excess: list[float]) -> float:
    """Zhang and Stephens 2009, one sample and one number at a time."""
    x = sorted(excess)
    n = len(x)
    n_grid = 30 + int(math.sqrt(n))
    quartile = x[int(n / 4 + 0.5) - 1]
    grid = []
    for j in range(1, n_grid + 1):
        grid.append(1 / x[-1] + (1 - math.sqrt(n_grid / (j - 0.5))) / (3 * quartile))

    def shape(b: float) -> float:
        return sum(math.log1p(-b * value) for value in x) / n

    def profile(b: float) -> float:
        k = shape(b)
        return n * (math.log(-b / k) - k - 1)

    logs = [profile(b) for b in grid]
    weights = [1 / sum(math.exp(other - one) for other in logs) for one in logs]
    mean_b = sum(b * weight for b, weight in zip(grid, weights, strict=True))
    return (n * shape(mean_b) + 5) / (n + 10)


@settings(max_examples=25, deadline=None)
@given(st.floats(-0.4, 2.0), st.integers(20, 80), st.integers(0, 1000))
def test_fit_equals_the_slow_reference(shape: float, n: int, seed: int) -> None:
    rng = numpy_stream(seed, "pareto")
    excess = stats.genpareto.rvs(shape, size=(n, 2), random_state=rng)
    expected = [_reference_fit(list(column)) for column in excess.T]
    np.testing.assert_allclose(fit_generalised_pareto(excess), expected, rtol=1e-9)


@pytest.mark.parametrize("shape", [-0.3, 0.0, 0.3, 0.7, 1.2])
def test_exact_tails_give_their_shape(shape: float) -> None:
    excess = stats.genpareto.rvs(shape, size=(3000, 8), random_state=numpy_stream(0, "tail"))
    found = fit_generalised_pareto(excess)
    assert found.mean() == pytest.approx(shape, abs=0.04)


@pytest.mark.parametrize("k", [0.3, 0.7, 1.1])
def test_k_of_weights_with_a_pareto_tail(k: float) -> None:
    weights = 1 + stats.genpareto.rvs(k, size=(10_000, 20), random_state=numpy_stream(1, "w"))
    largest = np.sort(np.log(weights), axis=0)[::-1][: tail_size(10_000) + 1]
    assert pareto_k(largest).mean() == pytest.approx(k, abs=0.06)
    # k̂ looks at ratios alone: a factor on all weights changes nothing.
    np.testing.assert_allclose(pareto_k(largest - 700), pareto_k(largest), rtol=1e-9)


def test_edges() -> None:
    constant = np.zeros(41)
    lone = np.r_[0.0, np.full(40, -800.0)]
    nothing = np.full(41, -np.inf)
    found = pareto_k(np.stack([constant, lone, nothing], axis=1))
    assert np.isnan(found[0])
    assert found[1] == np.inf
    assert np.isnan(found[2])


def test_sizes() -> None:
    assert tail_size(100) == 20
    assert tail_size(10_000) == 300
    assert reliable_below(100) == pytest.approx(0.5)
    assert reliable_below(1_000_000) == 0.7


@pytest.mark.parametrize(("n", "size"), [(100, 20), (1000, 95)])
@pytest.mark.parametrize("part", [1000, 37])
def test_k_of_weights_that_come_in_parts_is_that_of_the_whole_tail(
    n: int, size: int, part: int
) -> None:
    """The tail's largest weights are fitted above the next one, the threshold: none is left out."""
    log_weight = numpy_stream(0, "weights").normal(0, 3, (n, 4))
    weights = LogWeights(4, n)
    for first in range(0, n, part):
        weights.add(log_weight[first : first + part])
    descending = np.sort(np.exp(log_weight), axis=0)[::-1]
    excess = descending[:size] - descending[size]
    expected = [_reference_fit(list(column)) for column in excess.T]
    np.testing.assert_allclose(weights.summary()[3], expected, rtol=1e-9)
