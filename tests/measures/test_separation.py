"""Separation and variability: perfect codes score high, constant codes chance."""

import numpy as np
import pytest

from tacit.measures.number import Undefined
from tacit.measures.separation import (
    fisher_terms,
    nearest_neighbour,
    silhouette,
    within_class,
)


def fisher_ratio(x: np.ndarray, y: np.ndarray) -> float:
    between, within = fisher_terms(x, y)
    return float(between.mean() / within.mean())


CLASSES = np.tile(np.arange(4), 25)
PERFECT = 100.0 * np.eye(4)[CLASSES] + np.random.default_rng(0).normal(0, 0.1, (100, 4))
NOISE = np.random.default_rng(1).normal(size=(100, 4))
CONSTANT = np.full((100, 4), 0.1)


def test_perfect_codes_score_high_and_noise_scores_chance() -> None:
    assert silhouette(PERFECT, CLASSES).min() > 0.99
    assert silhouette(NOISE, CLASSES).mean() == pytest.approx(0, abs=0.05)
    assert nearest_neighbour(PERFECT, CLASSES).tolist() == [1.0] * 100
    assert nearest_neighbour(NOISE, CLASSES).mean() == pytest.approx(0.25, abs=0.15)
    assert fisher_ratio(PERFECT, CLASSES) > 1e4
    assert abs(fisher_ratio(NOISE, CLASSES)) < 3 / 96  # what chance gives tr S_B / tr S_W


def test_constant_codes_score_chance_or_are_undefined() -> None:
    assert silhouette(CONSTANT, CLASSES).tolist() == [0.0] * 100
    assert nearest_neighbour(CONSTANT, CLASSES) == pytest.approx(np.full(100, 24 / 99))
    assert within_class(CONSTANT, CLASSES).tolist() == [0.0] * 100
    assert fisher_terms(CONSTANT, CLASSES)[1].tolist() == [0.0] * 100


def test_a_constant_column_changes_nothing() -> None:
    wider = np.column_stack([NOISE, np.full(100, 7.3)])
    assert silhouette(wider, CLASSES) == pytest.approx(silhouette(NOISE, CLASSES))
    assert fisher_ratio(wider, CLASSES) == pytest.approx(fisher_ratio(NOISE, CLASSES))
    assert nearest_neighbour(wider, CLASSES).tolist() == nearest_neighbour(NOISE, CLASSES).tolist()


def test_silhouette_by_hand() -> None:
    found = silhouette([[0.0], [1.0], [5.0], [7.0]], np.array([0, 0, 1, 1]))
    assert found == pytest.approx([5 / 6, 4 / 5, 2.5 / 4.5, 4.5 / 6.5])


def test_fisher_by_hand() -> None:
    x, y = np.array([[0.0], [2.0], [9.0], [11.0], [13.0]]), np.array([3, 3, 8, 8, 8])
    variances = np.array([2.0, 4.0])
    pooled = (2 * 2.0 + 3 * 4.0) / 25
    biases = variances * np.array([1 / 2 - 2 / 5, 1 / 3 - 2 / 5]) + pooled
    between = np.array([(1.0 - 7.0) ** 2, (11.0 - 7.0) ** 2]) - biases
    found = fisher_terms(x, y)
    own = [found[0][y == c].mean() / found[1][y == c].mean() for c in (3, 8)]
    assert own == pytest.approx(between / variances)
    whole = (2 * between[0] + 3 * between[1]) / (2 * 2.0 + 3 * 4.0)
    assert fisher_ratio(x, y) == pytest.approx(whole)
    with pytest.raises(Undefined, match="class 8 has one image"):
        fisher_ratio(x[:3], y[:3])


def test_nearest_neighbour_equals_a_slow_loop_across_chunks() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(530, 3)), rng.integers(0, 3, 530)
    found = nearest_neighbour(x, y)
    for i in (0, 17, 511, 512, 529):
        distance = np.linalg.norm(x - x[i], axis=1)
        distance[i] = np.inf
        assert found[i] == (y[distance.argmin()] == y[i])
    # Of two equally near images one is of the class.
    tied = nearest_neighbour([[0.0], [1.0], [1.0]], np.array([0, 0, 1]))
    assert tied.tolist() == [0.5, 0.0, 0.0]


def test_within_class_has_the_variance_as_its_mean() -> None:
    values = within_class(NOISE, CLASSES)
    for c in range(4):
        expected = NOISE[c == CLASSES].var(axis=0, ddof=1).sum()
        assert values[c == CLASSES].mean() == pytest.approx(expected)
    assert within_class(0.5 * NOISE + 3, CLASSES) == pytest.approx(values / 4)


@pytest.mark.parametrize("measure", [silhouette, nearest_neighbour])
def test_one_class_or_one_image_is_undefined(measure: object) -> None:
    assert callable(measure)
    for n in (1, 5):
        with pytest.raises(Undefined):
            measure(NOISE[:n], np.zeros(n, int))


def test_a_class_of_one_image_has_no_variance_within() -> None:
    with pytest.raises(Undefined, match="class 1 has one image"):
        within_class(NOISE[:3], np.array([0, 0, 1]))
    with pytest.raises(Undefined, match="3 classes among 3 images"):
        silhouette(NOISE[:3], np.arange(3))


def test_labels_must_fit() -> None:
    with pytest.raises(ValueError, match="one per image"):
        silhouette(NOISE, CLASSES[:5])
