"""Labels given one by one come to what all of them at once do, and so do labels held out."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from tacit.labels.draws import Labelled
from tacit.labels.propagation import incremental, laplacian
from tacit.labels.propagation.graph import neighbour_graph
from tacit.labels.propagation.incremental import EVEN, Spread, weights_of
from tacit.labels.propagation.propagate import propagate

N, CLASSES = 80, 3
GRAPH = neighbour_graph(np.random.default_rng(0).normal(size=(N, 3)))
ROWS = np.random.default_rng(1).choice(N, 12, replace=False)
Y = np.arange(12) % CLASSES


def poisson(rows: np.ndarray, y: np.ndarray) -> np.ndarray:
    order = np.argsort(rows)
    (found,) = propagate(GRAPH, [Labelled(rows[order], y[order])], CLASSES, method="poisson")
    labels = np.bincount(y)
    shares = (labels + EVEN) / (len(y) + CLASSES * EVEN)
    return found * CLASSES * shares / labels


def one_by_one(watched: tuple[int, ...] = ()) -> Spread:
    spread = Spread(GRAPH, watched)
    for row, label in zip(ROWS.tolist(), Y.tolist(), strict=True):
        spread.give([row], [label])
    return spread


def test_one_by_one_is_all_at_once() -> None:
    assert one_by_one().scores(CLASSES) == pytest.approx(poisson(ROWS, Y), abs=1e-3)


def test_a_large_graph_is_worked_on_in_another_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(laplacian, "IN_THE_CACHE", 10)
    spread = one_by_one()
    assert spread.scores(CLASSES) == pytest.approx(poisson(ROWS, Y), abs=1e-3)
    held, learned = np.array([0, 4, 8]), np.delete(np.arange(12), [0, 4, 8])
    found = spread.held_out(learned, held, CLASSES)
    assert found == pytest.approx(poisson(ROWS[learned], Y[learned])[ROWS[held]], abs=1e-3)


def test_many_labels_are_solved_for_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incremental, "_AT_ONCE", 5 * N)
    spread, solved = Spread(GRAPH), []
    columns = spread.columns
    monkeypatch.setattr(spread, "columns", lambda rows: solved.append(len(rows)) or columns(rows))
    spread.give(ROWS.tolist(), Y.tolist())
    assert spread.scores(CLASSES) == pytest.approx(poisson(ROWS, Y), abs=1e-3)
    spread.take(ROWS[:7].tolist())
    assert spread.scores(CLASSES) == pytest.approx(poisson(ROWS[7:], Y[7:]), abs=1e-3)
    assert solved == [5, 5, 2, 5, 2]


def test_what_is_taken_away_is_as_if_it_had_never_been() -> None:
    spread = one_by_one()
    spread.take(ROWS[[1, 7]].tolist())
    kept = np.delete(np.arange(12), [1, 7])
    assert spread.scores(CLASSES) == pytest.approx(poisson(ROWS[kept], Y[kept]), abs=1e-3)


def test_labels_are_held_out_without_another_solution() -> None:
    held, learned = np.array([0, 4, 8]), np.delete(np.arange(12), [0, 4, 8])
    found = one_by_one().held_out(learned, held, CLASSES)
    assert found == pytest.approx(poisson(ROWS[learned], Y[learned])[ROWS[held]], abs=1e-3)


def test_watched_images_are_told_from_any_of_the_labels() -> None:
    spread, learned = one_by_one((3, 50, 7)), np.array([1, 2, 5, 6, 9])
    found = spread.of_watched(learned, CLASSES)
    assert found == pytest.approx(poisson(ROWS[learned], Y[learned])[[3, 50, 7]], abs=1e-3)
    spread.take(ROWS[[0, 4]].tolist())  # places move up
    again = spread.of_watched(np.array([0, 1, 3, 4, 7]), CLASSES)
    assert again == pytest.approx(found, abs=1e-5)


@pytest.mark.parametrize("many", [2, 5, 8])
def test_a_class_of_many_labels_takes_fewer_images_from_others(many: int) -> None:
    """Five labels of one digit and one of each other, as asking by uncertainty makes them."""
    digits = load_digits()
    x, y = digits.images[:900].reshape(900, -1), digits.target[:900]
    rows = [int(np.flatnonzero(y == digit)[0]) for digit in range(10)]
    rows += np.flatnonzero(y == many)[1:5].tolist()
    spread = Spread(neighbour_graph(PCA(20, random_state=0).fit_transform(x)))
    spread.give(rows, y[rows].tolist())
    scores = spread.scores(10)
    by_labels = scores / weights_of(np.bincount(y[rows]))
    right, right_by_labels = ((s.argmax(axis=1) == y).mean() for s in (scores, by_labels))
    assert right > right_by_labels + 0.08
    assert (by_labels.argmax(axis=1) == many).sum() > 1.6 * (scores.argmax(axis=1) == many).sum()


def test_a_class_without_a_label_is_out_of_the_question() -> None:
    assert np.isneginf(one_by_one().scores(5)[:, 3:]).all()


def test_an_image_has_one_label() -> None:
    with pytest.raises(ValueError, match="have a label already"):
        one_by_one().give(ROWS[:1].tolist(), [0])
