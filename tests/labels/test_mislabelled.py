"""Labels that are probably wrong."""

import numpy as np
import pytest

from tacit.labels.draws import Labelled
from tacit.labels.mislabelled import _flips, doubts


def test_changed_labels_are_found_with_the_class_that_fits() -> None:
    rng = np.random.default_rng(0)
    true = np.repeat(np.arange(3), 60)
    codes = 6 * np.eye(3)[true] + rng.normal(size=(180, 3))
    given, changed = true.copy(), np.array([3, 17, 70, 100, 130, 170])
    given[changed] = (true[changed] + 1) % 3
    found = doubts(codes, Labelled(np.arange(180), given), 3)
    assert set(np.argsort(-found.wrong)[:6]) == set(changed)
    assert (found.fits[changed] == true[changed]).all()
    assert (found.wrong[changed] > 0.5).all()
    assert np.delete(found.wrong, changed).mean() < 0.05


def test_one_label_of_each_class_cannot_be_judged() -> None:
    with pytest.raises(ValueError, match="two labels each"):
        doubts(np.eye(3), Labelled(np.arange(3), np.arange(3)), 3)


def counted(shares: np.ndarray, n: int = 1000) -> np.ndarray:
    """How many images of each class (row) have each label (column)."""
    return np.round(n * shares)


def test_random_changes_rank_as_self_confidence_does_and_confusions_do_not() -> None:
    rng = np.random.default_rng(0)
    even = np.full((4, 4), 0.05 / 3)
    np.fill_diagonal(even, 0.95)
    random = rng.poisson(counted(even)).astype(float)
    found = _flips(random, random.sum(axis=0).astype(np.int64))
    others = found[~np.eye(4, dtype=bool)]
    assert others.max() / others.min() < 1.15  # however uneven the counts came out
    confused = np.eye(4) * 950 + np.roll(np.eye(4), 1, axis=1) * 50
    found = _flips(confused, confused.sum(axis=0).astype(np.int64))
    assert np.allclose(found[confused == 50], 0.05, atol=0.005)
    assert found[confused == 0].max() < 0.002


def test_one_class_that_is_often_wrong_is_told_from_another_that_is_not() -> None:
    counts = np.array([[990.0, 10.0], [200.0, 800.0]])
    found = _flips(counts, counts.sum(axis=0).astype(np.int64))
    assert np.allclose(found, [[0.99, 0.01], [0.2, 0.8]], atol=0.02)
