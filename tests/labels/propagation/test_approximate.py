"""Approximate neighbours against all pairs."""

import logging

import numpy as np
import pytest
import torch
from scipy.sparse.csgraph import connected_components

from tacit.labels.propagation import approximate, graph
from tacit.labels.propagation.graph import nearest_rows, neighbour_graph


def curved(n, d=16, seed=0):
    """Codes near a surface of three dimensions, as those of images are."""
    random = np.random.default_rng(seed)
    inside = random.normal(size=(n, 3)).astype(np.float32)
    axes = np.random.default_rng(9).normal(size=(3, d)).astype(np.float32)
    noise = 0.05 * random.normal(size=(n, d)).astype(np.float32)
    return np.sin(inside @ axes) + noise


@pytest.fixture
def few_pairs(monkeypatch):
    """All pairs of a thousand codes are too many."""
    pytest.importorskip("faiss")
    monkeypatch.setattr(graph, "PAIRS", 10**6)


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.INFO, "tacit")
    return caplog


def found_by(index, true):
    return np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(index, true, strict=True)])


@pytest.mark.usefixtures("few_pairs")
@pytest.mark.parametrize("own", [True, False])
def test_most_true_neighbours_are_found_at_their_true_distances(own, said, monkeypatch):
    codes, among = curved(4000), None if own else curved(5000, seed=1)
    index, distances = nearest_rows(codes, 10, among)
    assert "approximate" in said.text
    rows = codes if among is None else among
    np.testing.assert_allclose(
        distances, np.linalg.norm(rows[index].astype(float) - codes[:, None], axis=2), rtol=1e-12
    )
    assert (np.diff(distances, axis=1) >= 0).all()
    assert not own or not (index == np.arange(len(codes))[:, None]).any()
    monkeypatch.setattr(graph, "PAIRS", 10**9)
    true, nearest = nearest_rows(codes, 10, among)
    assert found_by(index, true) > 0.95
    assert (distances >= nearest - 1e-12).all()
    # What was said of a sample is about what holds of all.
    told = float(said.records[0].getMessage().split("approximate, ")[1].split(" %")[0])
    assert told / 100 == pytest.approx(found_by(index, true), abs=0.01)


@pytest.mark.usefixtures("few_pairs")
def test_the_same_neighbours_again_and_with_more_threads():
    codes, before = curved(3000), torch.get_num_threads()
    one = nearest_rows(codes, 10)
    try:
        torch.set_num_threads(2)
        again = nearest_rows(codes, 10)
    finally:
        torch.set_num_threads(before)
    for a, b in zip(one, again, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.usefixtures("few_pairs")
def test_codes_of_any_size_far_from_zero():
    codes = curved(3000)
    index, _ = nearest_rows(codes, 5)
    wide, _ = nearest_rows(codes * np.float32(2.0**90), 5)
    np.testing.assert_array_equal(wide, index)


@pytest.mark.usefixtures("few_pairs")
def test_copies_beyond_the_candidates_have_neighbours_all_the_same(said):
    codes = np.repeat(curved(60), 40, axis=0)
    index, distances = nearest_rows(codes, 10)
    assert (distances == 0).all()
    assert (index // 40 == np.arange(2400)[:, None] // 40).all()
    assert not (index == np.arange(2400)[:, None]).any()
    assert connected_components(neighbour_graph(codes), directed=False)[0] == 1


@pytest.mark.usefixtures("few_pairs")
def test_codes_without_structure_are_left_to_all_pairs(said, monkeypatch):
    codes = np.random.default_rng(0).normal(size=(2000, 64)).astype(np.float32)
    index, _ = nearest_rows(codes, 10)
    assert "of all pairs" in said.text
    monkeypatch.setattr(graph, "PAIRS", 10**9)
    np.testing.assert_array_equal(index, nearest_rows(codes, 10)[0])


def test_without_faiss_all_pairs_are_looked_at_and_the_time_is_said(monkeypatch, said):
    codes = curved(1500)
    true = nearest_rows(codes, 10)[0]
    monkeypatch.setattr(graph, "PAIRS", 10**6)
    monkeypatch.setattr(approximate, "is_installed", lambda: False)
    np.testing.assert_array_equal(nearest_rows(codes, 10)[0], true)
    (record,) = said.records
    assert record.levelno == logging.WARNING
    assert "1,500 codes" in record.getMessage()
    assert "tacit[scale]" in record.getMessage()


def test_few_of_many_outside_rows_look_for_the_next_part(monkeypatch):
    monkeypatch.setattr(graph, "PAIRS", 500)
    part = np.repeat([0, 1, 2], [60, 30, 10])
    rows = graph._thinned(np.flatnonzero(part > 0), part)
    np.testing.assert_array_equal(np.bincount(part[rows])[1:], [2, 2])
    codes = np.concatenate([curved(60), curved(30) + 50, curved(10) - 50])
    assert connected_components(neighbour_graph(codes, 3), directed=False)[0] == 1
