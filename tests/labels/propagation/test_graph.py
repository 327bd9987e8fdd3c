import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

from tacit.labels.propagation import graph as module
from tacit.labels.propagation.graph import nearest_rows, neighbour_graph, neighbour_weights


def cloud(n, d, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def reference_graph(codes, k):
    """The definition, entry by entry."""
    n = len(codes)
    far = np.array([[np.linalg.norm(a - b) for b in codes] for a in codes.astype(float)])
    given = np.zeros((n, n))
    for i in range(n):
        others = [j for j in np.argsort(far[i], kind="stable") if j != i][:k]
        for j in others:
            given[i, j] = np.exp(-4 * far[i, j] ** 2 / far[i, others[-1]] ** 2)
    return (given + given.T) / 2


@pytest.mark.parametrize(("n", "d", "k"), [(60, 5, 7), (200, 3, 10), (65, 70, 4)])
def test_the_graph_is_its_definition(n, d, k):
    codes = cloud(n, d)
    expected = reference_graph(codes, k)
    if connected_components(expected, directed=False)[0] == 1:
        np.testing.assert_allclose(neighbour_graph(codes, k).toarray(), expected, atol=1e-6)
    else:
        pytest.fail("the reference falls apart; choose another seed")


@pytest.mark.parametrize("n", [63, 64, 129, 700])
def test_neighbours_are_those_of_all_distances(n):
    points, among = cloud(300, 4), cloud(n, 4, seed=1)
    far = np.linalg.norm(points[:, None].astype(float) - among[None], axis=2)
    index, distances = nearest_rows(points, 9, among)
    np.testing.assert_array_equal(index, np.argsort(far, axis=1)[:, :9])
    np.testing.assert_allclose(distances, np.sort(far, axis=1)[:, :9], rtol=1e-12)


def test_neighbours_are_the_same_in_small_blocks(monkeypatch):
    codes = cloud(500, 6)
    whole = nearest_rows(codes, 10)
    monkeypatch.setattr(module, "_AT_ONCE", 7 * 512)
    for one, other in zip(whole, nearest_rows(codes, 10), strict=True):
        np.testing.assert_array_equal(one, other)


def test_codes_far_from_zero_and_of_any_size_keep_their_neighbours():
    codes = cloud(200, 4)
    index, distances = nearest_rows(codes, 5)
    moved, wide = nearest_rows(codes * np.float32(2.0**90), 5)
    np.testing.assert_array_equal(moved, index)
    np.testing.assert_allclose(wide, distances * 2.0**90, rtol=1e-6)


def test_no_image_is_its_own_neighbour_and_duplicates_are_at_no_distance():
    codes = np.repeat(cloud(40, 3), 2, axis=0)
    index, distances = nearest_rows(codes, 1)
    np.testing.assert_array_equal(index[:, 0], np.arange(80) ^ 1)
    assert (distances == 0).all()


def test_duplicates_beyond_k_weigh_one_and_the_graph_is_of_one_piece():
    codes = np.repeat(cloud(5, 3), 20, axis=0)
    graph = neighbour_graph(codes, 4)
    assert connected_components(graph, directed=False)[0] == 1
    assert np.isfinite(graph.data).all()
    inside = graph[:20, :20]
    assert set(np.unique(inside.data)) <= {np.float32(0.5), np.float32(1.0)}
    # What joins the parts weighs as a k-th neighbour does.
    between = graph[:20, 20:].data
    np.testing.assert_allclose(between, np.exp(-4.0), rtol=1e-6)


def test_parts_are_joined_by_their_shortest_edges():
    line = np.array([0, 1, 2, 10, 11, 12, 30, 31, 32], dtype=np.float32)[:, None]
    graph = neighbour_graph(line, 2).toarray()
    joined = np.exp(-4.0)
    assert graph[2, 3] == pytest.approx(joined)
    assert graph[5, 6] == pytest.approx(joined)
    assert (graph > 0).sum() == 2 * (3 + 3 + 3 + 2)
    np.testing.assert_array_equal(graph, graph.T)
    assert not graph.diagonal().any()


def test_constant_codes_and_fewer_codes_than_neighbours():
    graph = neighbour_graph(np.ones((30, 4)), 10)
    assert connected_components(graph, directed=False)[0] == 1
    assert np.isfinite(graph.data).all()
    assert neighbour_graph(cloud(4, 2), 10).nnz == 12


def test_weights_fall_from_one_to_a_fifty_fifth():
    np.testing.assert_allclose(neighbour_weights(np.array([[0.0, 2.0]])), [[1, np.exp(-4)]])
    np.testing.assert_array_equal(neighbour_weights(np.zeros((1, 3))), np.ones((1, 3)))


@pytest.mark.parametrize(
    ("codes", "k", "says"),
    [
        (np.zeros((1, 3)), 2, "one code has no neighbour"),
        (np.zeros((0, 3)), 2, "codes are"),
        (np.array([[0.0], [np.nan]]), 1, "row 1: .*nan.* not finite"),
        (np.zeros((5, 3)), 0, "`k` is 0"),
    ],
)
def test_codes_without_a_graph(codes, k, says):
    with pytest.raises(ValueError, match=says):
        neighbour_graph(codes, k)


def test_two_sides_of_other_dimensions():
    with pytest.raises(ValueError, match="3 dimensions and `among` 2"):
        nearest_rows(np.zeros((2, 3)), 1, np.zeros((2, 2)))
