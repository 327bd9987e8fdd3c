"""The variance of a crossed mean against a slow, obvious reference, and its expectation."""

from itertools import product

import numpy as np
import pytest

from tacit.measures.engine.variance import IMAGE, SEED, Strata, spread


def reference_mean_squares(y: np.ndarray) -> dict[tuple[int, ...], float]:
    """Of every set of factors, its mean square over the number of cells: loops over all cells."""
    found = {}
    for axes in ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)):
        if any(y.shape[a] == 1 for a in axes):
            continue
        effects = []
        for index in product(*(range(y.shape[a]) for a in axes)):
            # Inclusion and exclusion: the cell's mean less its margins', and so on.
            effect = 0.0
            for kept in product((False, True), repeat=len(axes)):
                place: list[slice | int] = [slice(None)] * 3
                for a, k, keep in zip(axes, index, kept, strict=True):
                    if keep:
                        place[a] = k
                effect += (-1) ** (len(axes) - sum(kept)) * y[tuple(place)].mean()
            effects.append(effect)
        freedom = np.prod([y.shape[a] - 1 for a in axes])
        found[axes] = float(
            np.sum(np.square(effects)) / freedom / np.prod([y.shape[a] for a in axes])
        )
    return found


@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 1, 6), (1, 3, 4), (4, 3, 1), (1, 1, 7)])
def test_terms_are_those_of_the_slow_reference(shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(0)
    y = 100 + rng.normal(size=shape)
    y += rng.normal(size=(shape[0], 1, 1)) + rng.normal(size=(1, shape[1], 1))
    squares = reference_mean_squares(y)
    expected: dict[tuple[int, ...], float] = {}
    for axes in sorted(squares, key=len, reverse=True):
        larger = sum(v for other, v in expected.items() if set(axes) < set(other))
        expected[axes] = max(squares[axes] - larger, 0.0)
    found = spread(y, Strata(np.zeros(shape[2], np.int64), np.ones(1)), 100.0)
    assert found.terms == pytest.approx(expected, rel=1e-8, abs=1e-12)
    assert found.variance == pytest.approx(sum(expected.values()))


def test_strata_are_samples_of_their_own() -> None:
    """Σ w_h mean_h: seeds move all strata together, images each its own."""
    rng = np.random.default_rng(1)
    position = rng.permutation(np.repeat([0, 1, 2], [5, 7, 9]))
    weights = np.array([0.5, 0.5, -1.0])
    y = rng.normal(size=(4, 1, 21)) + rng.normal(size=(4, 1, 1)) * (1 + position)
    found = spread(y, Strata(position, weights), 1.0)
    means = np.stack([y[:, 0, position == h].mean(axis=1) for h in range(3)], axis=1) @ weights
    own = [
        y[:, 0, position == h].mean(axis=0).var(ddof=1) / np.sum(position == h) for h in range(3)
    ]
    over_images = np.sum(weights**2 * own)
    both = sum(
        weights[h] ** 2 * reference_mean_squares(y[:, :, position == h])[(0, 2)] for h in range(3)
    )
    assert found.terms[SEED, IMAGE] == pytest.approx(both)
    assert found.terms[IMAGE,] == pytest.approx(max(over_images - both, 0))
    assert found.terms[SEED,] == pytest.approx(max(means.var(ddof=1) / 4 - both, 0))


def test_the_variance_is_that_of_the_mean() -> None:
    """On average, where no term is cut off at zero; images in any order."""
    rng = np.random.default_rng(2)
    shape, sizes = (6, 6, 6), ((6, 1, 1), (1, 6, 1), (1, 1, 6), (6, 6, 1), (6, 1, 6), (1, 6, 6))
    strata = Strata(np.zeros(6, np.int64), np.ones(1))
    found, means = [], []
    for _ in range(800):
        y = sum(rng.normal(size=size) for size in sizes) + rng.normal(size=shape)
        found.append(spread(y, strata, 1.0).variance)
        means.append(y.mean())
    truth = 3 / 6 + 3 / 36 + 1 / 216
    assert np.mean(found) == pytest.approx(truth, rel=0.06)
    assert np.var(means) == pytest.approx(truth, rel=0.15)


def test_a_factor_of_two_is_asked_by_itself() -> None:
    """Satterthwaite's freedom alone covered 88 % where two seeds are most of the variance."""
    y = np.zeros((2, 1, 50)) + np.array([0.0, 1.0])[:, None, None]
    y = y + np.random.default_rng(3).normal(size=(1, 1, 50))
    found = spread(y, Strata(np.zeros(50, np.int64), np.ones(1)), 1.0)
    assert found.known[0][0] == 1
    assert any(freedom == 1 and share > 0.9 for share, freedom in found.known[1:])
