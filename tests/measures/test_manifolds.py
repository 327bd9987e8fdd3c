"""Fréchet distance against closed forms and scipy; neighbourhoods against slow loops."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from tacit.measures.manifolds import frechet_distance, frechet_gaussian, neighbourhoods
from tacit.measures.number import Undefined


def test_frechet_of_commuting_gaussians_is_closed() -> None:
    a, b = np.array([4.0, 9.0, 1.0]), np.array([1.0, 16.0, 0.0])
    shift = np.array([1.0, 2.0, 2.0])
    found = frechet_gaussian(np.zeros(3), np.diag(a), shift, np.diag(b))
    assert found == pytest.approx(9 + np.sum((np.sqrt(a) - np.sqrt(b)) ** 2))


def test_frechet_equals_the_matrix_root() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 6)) @ rng.normal(size=(6, 6)), rng.normal(1, 2, size=(40, 6))
    cx, cy = np.cov(x.T), np.cov(y.T)
    expected = np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(cx + cy - 2 * sqrtm(cx @ cy).real)
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-8)
    assert frechet_distance(y, x) == pytest.approx(expected, rel=1e-8)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-8)


def test_frechet_of_degenerate_sets() -> None:
    assert frechet_distance(np.zeros((5, 2)), np.full((5, 2), 3.0)) == pytest.approx(18.0)
    assert frechet_distance([[0.0], [2.0]], [[5.0], [5.0]]) == pytest.approx(16 + 2)
    x = np.random.default_rng(0).normal(size=(10, 50))  # fewer images than dimensions
    assert frechet_distance(x, x + 1) == pytest.approx(50.0)
    with pytest.raises(Undefined, match="1 and 5 images"):
        frechet_distance(np.zeros((1, 2)), np.zeros((5, 2)))


def test_neighbourhoods_equal_a_slow_loop() -> None:
    rng = np.random.default_rng(0)
    real, fake, k = rng.normal(size=(20, 2)), rng.normal(0.7, 1, size=(15, 2)), 3

    def radius(points: np.ndarray, i: int) -> float:
        others = np.delete(points, i, 0)
        return float(np.sort(np.linalg.norm(others - points[i], axis=1))[k - 1])

    inside = np.array(
        [[np.linalg.norm(f - r) <= radius(real, i) for i, r in enumerate(real)] for f in fake]
    )
    reverse = np.array(
        [[np.linalg.norm(r - f) <= radius(fake, j) for j, f in enumerate(fake)] for r in real]
    )
    found = neighbourhoods(real, fake, k)
    assert found.precise.tolist() == inside.any(1).tolist()
    assert found.recalled.tolist() == reverse.any(1).tolist()
    assert found.density == pytest.approx(inside.sum(1) / k)
    assert found.covered.tolist() == inside.any(0).tolist()


def test_neighbourhoods_are_bracketed() -> None:
    rng = np.random.default_rng(0)
    real = rng.normal(size=(300, 2))
    same = neighbourhoods(real, rng.normal(size=(300, 2)))
    assert same.density.mean() == pytest.approx(1.0, abs=0.15)
    assert min(same.precise.mean(), same.recalled.mean(), same.covered.mean()) > 0.9
    far = neighbourhoods(real, real + 100)
    for score in (far.precise, far.recalled, far.density, far.covered):
        assert score.mean() == 0
    collapsed = neighbourhoods(real, np.zeros((300, 2)))  # one image, over and over
    assert collapsed.precise.mean() == 1
    assert collapsed.recalled.mean() < 0.05
    assert collapsed.covered.mean() < 0.2


def test_neighbourhoods_need_neighbours() -> None:
    with pytest.raises(Undefined, match="k = 5"):
        neighbourhoods(np.zeros((5, 2)), np.zeros((50, 2)))
    constant = neighbourhoods(np.zeros((6, 2)), np.zeros((6, 2)))
    assert constant.precise.all()
