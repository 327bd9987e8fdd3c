"""Distances by one product equal those by differences, zeros included."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from tacit.measures.distances import chunks, squared_distances


def test_equals_the_sum_of_squared_differences() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(1000, 1, (30, 5)), rng.normal(1000, 1, (20, 5))
    assert squared_distances(x, y) == pytest.approx(cdist(x, y, "sqeuclidean"), rel=1e-9)


def test_equal_rows_are_at_no_distance_whatever_their_size() -> None:
    x = np.random.default_rng(0).normal(0.3, 1e3, (40, 11))
    assert (np.diag(squared_distances(x, x)) == 0).all()
    assert (squared_distances(np.full((5, 3), 0.1), np.full((7, 3), 0.1)) == 0).all()


def test_chunks_cover_every_row_once() -> None:
    assert [list(range(7))[rows] for rows in chunks(7, 3)] == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(chunks(0)) == []
