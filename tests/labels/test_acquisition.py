"""Asking for labels: what is uncertain, stands for much, and is not asked for twice."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from tacit.labels.acquisition import ask_next
from tacit.labels.draws import Labelled, nested_draws
from tacit.labels.heads import linear as heads
from tacit.labels.propagation.graph import neighbour_graph
from tacit.measures.intervals import paired
from tacit.streams import numpy_stream


def blobs():
    """Thirty images in a large group, ten in a small one, and a far one by itself."""
    rng = np.random.default_rng(0)
    places = [(0, 0)] * 30 + [(20, 0)] * 10 + [(0, 60)]
    return np.array(places) + rng.normal(0, 0.5, (41, 2))


LABELLED = Labelled(np.array([40]), np.array([0]))


def test_the_larger_of_two_uncertain_groups_comes_first_and_then_the_other() -> None:
    graph = neighbour_graph(blobs(), k=5)
    chosen, worth = ask_next(graph, np.full((41, 2), 0.5), LABELLED, 2)
    unsure = np.full((41, 2), [0.99, 0.01])
    unsure[30:40] = 0.5
    small, _ = ask_next(graph, unsure, LABELLED, 1)
    assert 30 <= small[0] < 40
    assert worth[0] >= worth[1]
    assert len(set(chosen.tolist())) == 2


def test_the_gain_is_that_of_the_formula() -> None:
    graph = neighbour_graph(blobs(), k=4)
    p = np.random.default_rng(1).dirichlet([1, 1, 1], 41)
    chosen, worth = ask_next(graph, p, LABELLED, 2)
    ordered = np.sort(p, axis=1)
    u = 1 - (ordered[:, 2] - ordered[:, 1])
    u[40] = 0
    w = graph.toarray().astype(np.float64)
    a = (np.eye(41) + w / w.sum(axis=1, keepdims=True)) / 2
    told = (a @ a).T  # told[i, j]: how far j's steps lead to i
    gain = told @ u
    gain[40] = -1
    assert chosen[0] == gain.argmax()
    assert worth[0] == pytest.approx(gain.max())
    i = chosen[0]
    u = u * np.clip(1 - told[i] / told[i, i], 0, 1)
    again = told @ u
    again[[i, 40]] = -1
    assert chosen[1] == again.argmax()


def test_neither_labelled_images_nor_copies_of_them_are_asked_for() -> None:
    graph = neighbour_graph(blobs(), k=5)
    copies = np.arange(41)
    copies[:20] = 40  # equal to the labelled image
    copies[20:30] = 20  # all the same picture
    chosen, _ = ask_next(graph, np.full((41, 2), 0.5), LABELLED, 100, copies=copies)
    assert len(chosen) == 11
    assert sum(20 <= row < 30 for row in chosen) == 1
    assert chosen.min() >= 20


def test_all_images_are_asked_for_where_more_are_wanted_than_there_are() -> None:
    graph = sparse.csr_array(np.ones((3, 3)) - np.eye(3))
    chosen, _ = ask_next(graph, np.full((3, 2), 0.5), Labelled(np.array([1]), np.array([0])), 9)
    assert sorted(chosen) == [0, 2]


def test_labels_that_are_asked_for_bring_more_than_labels_at_random() -> None:
    digits = load_digits()
    x, y = digits.images[:900].reshape(900, -1) / 16, digits.target[:900]
    codes = PCA(20, random_state=0).fit_transform(x)
    graph = neighbour_graph(codes)
    names = [str(digit) for digit in range(10)]
    (few,) = nested_draws(y, [2], 16, names).labelled(y)

    def more(trial, rows):
        index = np.sort(np.concatenate([trial.index, rows]))
        return Labelled(index, y[index])

    known = heads.logistic(codes, few, 10, codes)
    asked = [more(t, ask_next(graph, p, t, 20)[0]) for t, p in zip(few, known, strict=True)]
    rest = [np.setdiff1d(np.arange(900), t.index) for t in few]
    luck = [
        more(t, numpy_stream(d, "at random").choice(rest[d], 20, replace=False))
        for d, t in enumerate(few)
    ]

    def accuracy(trials):
        found = heads.logistic(codes, trials, 10, codes).argmax(axis=2)
        kept = [np.delete(np.arange(900), t.index) for t in trials]
        return [100 * np.mean(f[k] == y[k]) for f, k in zip(found, kept, strict=True)]

    gain = paired(accuracy(asked), accuracy(luck), over="draws")
    assert gain.low is not None
    assert gain.low > 1  # points; 4 on average
