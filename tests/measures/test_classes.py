"""By class: means, the top class, confusions, the most wrong."""

import re

import numpy as np
import pytest
from scipy import stats

from tacit.measures.classes import class_means, confusion_matrix, most_wrong, top_class
from tacit.measures.number import Undefined


def test_class_means_hold_one_number_per_class() -> None:
    values, classes = np.array([1.0, 2.0, 6.0, 5.0]), np.array([0, 0, 2, 0])
    first, empty, single = class_means(values, classes, 3, unit="nats")
    assert first.value == pytest.approx(8 / 3)
    assert first.n == 3
    assert (empty.value, empty.interval) == (None, "undefined: no images")
    assert (single.value, single.low) == (6.0, None)


def test_top_class_is_found_and_told_from_the_next() -> None:
    rng = np.random.default_rng(0)
    classes = np.tile(np.arange(4), 100)
    values = np.array([0.0, 30.0, 10.0, 20.0])[classes] + rng.normal(0, 5, 400)
    top = top_class(values, classes, 4)
    assert (top.top, top.second, top.distinguishable) == (1, 3, True)
    assert top.difference.value == pytest.approx(10, abs=2)
    assert sorted(top.p_values) == [0, 2, 3]
    raw = stats.ttest_ind(values[classes == 1], values[classes == 3], equal_var=False).pvalue
    assert top.p_values[3] == pytest.approx(raw)


@pytest.mark.parametrize(
    ("lead", "least", "most"), [(None, 0.0, 0.07), (0.0, 0.0, 0.03), (1.0, 0.85, 1.0)]
)
def test_a_class_one_sd_ahead_is_found_and_tied_ones_are_not(
    lead: float | None, least: float, most: float
) -> None:
    """36 images a class, ten classes: two tied far on top (None), all alike (0), one ahead."""
    rng = np.random.default_rng(1)
    classes = np.repeat(np.arange(10), 36)
    means = np.where(np.arange(10) < (2 if lead is None else 1), 2.0 if lead is None else lead, 0.0)
    found = [
        top_class(means[classes] + rng.normal(size=360), classes, 10).distinguishable
        for _ in range(300)
    ]
    assert least <= np.mean(found) <= most


def test_top_class_needs_two_classes_and_no_spread_is_no_difference() -> None:
    with pytest.raises(Undefined, match="1 classes have two images or more"):
        top_class([1.0, 2.0], np.array([0, 0]), 2)
    top = top_class([1.0, 1.0, 2.0, 2.0], np.array([0, 0, 1, 1]), 2)
    assert (top.top, top.distinguishable, top.difference.low) == (1, False, None)


def test_confusion_matrix_by_hand() -> None:
    found = confusion_matrix([0, 0, 1, 2], [0, 1, 1, 0], 3)
    assert found.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert confusion_matrix(np.zeros(0, int), np.zeros(0, int), 2).tolist() == [[0, 0], [0, 0]]
    with pytest.raises(ValueError, match=re.escape("`predicted` holds 0 to 3; classes are 0 to 2")):
        confusion_matrix([0, 1], [0, 3], 3)
    with pytest.raises(ValueError, match="integers"):
        confusion_matrix([0.0], [0.0], 3)


def test_most_wrong_worst_first_and_ties_by_index() -> None:
    assert most_wrong([0.5, 3.0, 0.5, 9.0], 3).tolist() == [3, 1, 0]
    assert most_wrong([1.0], 5).tolist() == [0]
