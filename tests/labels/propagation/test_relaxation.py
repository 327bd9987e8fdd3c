"""Shares that are not known: equal at first, then as the graph has them."""

import numpy as np
import pytest

from tacit.labels.draws import Labelled
from tacit.labels.propagation.graph import neighbour_graph
from tacit.labels.propagation.relaxation import propagate_with_estimated_shares, settle
from tacit.streams import numpy_stream

SIZES = (140, 120, 100)


@pytest.fixture(scope="module")
def heaps():
    """Three heaps of unequal size that just touch: codes, classes, one label of each."""
    rng = numpy_stream(0, "heaps")
    y = np.repeat(np.arange(3), SIZES)
    codes = 4 * np.eye(3)[y] + rng.standard_normal((len(y), 3))
    index = np.array([np.flatnonzero(y == c)[0] for c in range(3)])
    return codes.astype(np.float32), y, Labelled(index, y[index])


def test_equal_shares_are_left_for_better_ones(heaps) -> None:
    codes, y, labelled = heaps
    rounds = propagate_with_estimated_shares(neighbour_graph(codes), labelled, 3)
    assert len(rounds) == 2
    counts = np.bincount(rounds[0], minlength=3)
    assert counts == pytest.approx(120, abs=3), "the first round is that of equal shares"
    errors = [float(np.mean(classes != y)) for classes in rounds]
    assert errors[0] > 0.04
    assert errors[-1] < 0.02
    assert np.bincount(rounds[-1]) == pytest.approx(SIZES, abs=12)


def test_what_is_settled_stays(heaps) -> None:
    codes, y, labelled = heaps
    graph = neighbour_graph(codes)
    settled = settle(graph, y, labelled)
    assert np.mean(settled == y) > 0.97
    wrong = y.copy()
    wrong[::10] = (wrong[::10] + 1) % 3
    assert np.mean(settle(graph, wrong, labelled) == y) > 0.95
    assert (settle(graph, np.full(len(y), 2), labelled)[labelled.index] == labelled.y).all()


def test_a_perfect_graph_gives_every_label() -> None:
    y = np.arange(60) % 3
    codes = 100.0 * np.eye(3)[y] + numpy_stream(0, "codes").standard_normal((60, 3))
    rounds = propagate_with_estimated_shares(
        neighbour_graph(codes.astype(np.float32), 5), Labelled(np.arange(3), y[:3]), 3
    )
    assert all((classes == y).all() for classes in rounds)


def test_at_least_one_round(heaps) -> None:
    codes, _, labelled = heaps
    with pytest.raises(ValueError, match="`rounds` is 0"):
        propagate_with_estimated_shares(neighbour_graph(codes), labelled, 3, rounds=0)
