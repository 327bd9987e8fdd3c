import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.errors import ImagesError
from tacit.images.dataset import UNLABELLED
from tacit.images.splits import few_label_draw
from tacit.labels.draws import nested_draws, read_draws

NAMES = ("a", "b", "c")
LABELS = np.random.default_rng(0).permutation(np.repeat([0, 1, 2, UNLABELLED], [40, 30, 20, 10]))


def sizes(rows, labels=LABELS):
    return np.bincount(labels[rows], minlength=3).tolist()


def test_draws_per_class_are_those_of_the_studies():
    draws = nested_draws(LABELS, [5, 1], 3, NAMES)
    assert draws.budgets == (1, 5)
    assert (draws.unit, draws.pool) == ("per class", "train")
    for per_class, of_budget in zip(draws.budgets, draws.index, strict=True):
        for draw, rows in enumerate(of_budget):
            expected = few_label_draw(LABELS, per_class, draw, NAMES)
            np.testing.assert_array_equal(rows, expected)


@given(
    st.lists(st.integers(3, 90), min_size=2, max_size=4, unique=True),
    st.permutations([0] * 50 + [1] * 30 + [2] * 10),
)
def test_draws_in_all_are_even_and_nested(budgets, labels):
    labels = np.array(labels)
    draws = nested_draws(labels, budgets, 2, NAMES, in_all=True, small_classes="whole")
    for draw in range(2):
        smaller: set[int] = set()
        for budget, of_budget in zip(draws.budgets, draws.index, strict=True):
            rows = set(of_budget[draw].tolist())
            assert len(rows) == budget == len(of_budget[draw])
            assert smaller <= rows
            smaller = rows
            counts = np.array(sizes(of_budget[draw], labels))
            held = [50, 30, 10]
            level = counts.max()
            # A class is at most one behind the largest, or it has given all it has.
            assert all(c >= level - 1 or c == h for c, h in zip(counts, held, strict=True))


def test_a_multiple_of_the_classes_in_all_is_as_many_per_class():
    in_all = nested_draws(LABELS, [12], 4, NAMES, in_all=True)
    per_class = nested_draws(LABELS, [4], 4, NAMES)
    for mine, theirs in zip(in_all.index[0], per_class.index[0], strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_who_gets_the_odd_label_is_drawn():
    draws = nested_draws(LABELS, [4], 30, NAMES, in_all=True)
    assert {tuple(sizes(rows)) for rows in draws.index[0]} == {(2, 1, 1), (1, 2, 1), (1, 1, 2)}


def test_a_trial_gets_its_own_labels_alone():
    draws = nested_draws(LABELS, [2], 2, NAMES)
    for rows, trial in zip(draws.index[0], draws.labelled(LABELS)[0], strict=True):
        np.testing.assert_array_equal(trial.index, rows)
        np.testing.assert_array_equal(trial.y, LABELS[rows])
        assert len(trial.y) == 6


@pytest.mark.parametrize(
    ("labels", "budgets", "names", "options", "says"),
    [
        (LABELS, [21], NAMES, {}, "class 'c' has only 20"),
        (LABELS, [80], NAMES, {"in_all": True}, "class 'c' has only 20"),
        (LABELS, [91], NAMES, {"in_all": True, "small_classes": "whole"}, "only 90 images"),
        (LABELS, [2], NAMES, {"in_all": True}, "at least 3, one label for each of 3"),
        (LABELS, [], NAMES, {}, "at least one draw and one budget"),
        (LABELS, [3, 3], NAMES, {}, "each budget once"),
        (LABELS, [0], NAMES, {}, "at least 1 per class"),
        (np.zeros(5, int), [1], ("a",), {}, "1 class .a."),
        (np.zeros(5, int), [1], NAMES, {}, "class 'b' has no labelled image"),
        (np.array([0, 1, 7]), [1], ("a", "b"), {}, "label 7 is given"),
    ],
)
def test_draws_that_cannot_be_had(labels, budgets, names, options, says):
    with pytest.raises(ImagesError, match=says):
        nested_draws(labels, budgets, 2, names, **options)


def test_whole_classes_may_be_taken():
    rows = nested_draws(LABELS, [25], 1, NAMES, small_classes="whole").index[0][0]
    assert sizes(rows) == [25, 25, 20]


def written(tmp_path, value):
    path = tmp_path / "draws.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_draws_of_a_file_are_grouped_by_size(tmp_path):
    labels = np.array([0, 1, 0, 1, 0, 1])
    path = written(tmp_path, {"pool": "all", "trials": [[5, 0], [3, 2, 1, 0], [1, 4]]})
    draws = read_draws(path, 4, 2, labels)
    assert draws.budgets == (2, 4)
    assert draws.pool == "all"
    assert [[rows.tolist() for rows in some] for some in draws.index] == [
        [[0, 5], [1, 4]],
        [[0, 1, 2, 3]],
    ]
    assert draws.labelled(labels)[0][0].y.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"pool": "train", "trials": [[0, 1], [2, 4]]}, "trial 1: index 4 is out of range; the 4"),
        ({"pool": "all", "trials": [[0, 6]]}, "trial 0: index 6 .* numbered 0 to 5"),
        ({"pool": "all", "trials": [[0, -1]]}, "trial 0: index -1 is out of range"),
        ({"pool": "train", "trials": [[0, 1, 0]]}, "trial 0: index 0 is named twice"),
        ({"pool": "train", "trials": [[0, 3]]}, "trial 0: image 3 has no label"),
        ({"pool": "train", "trials": [[0, 1.5]]}, "trial 0: 1.5 is no index"),
        ({"pool": "train", "trials": [[0, True]]}, "trial 0: True is no index"),
        ({"pool": "train", "trials": [[0, 1], []]}, "trial 1: .* no list of indices"),
        ({"pool": "test", "trials": [[0]]}, "`pool` is 'test'"),
        ({"pool": "train", "trials": []}, "`trials` is"),
        ([[0, 1]], "not of the form"),
        ("[[0, 1]", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path, value, says):
    labels = np.array([0, 1, 0, UNLABELLED, 0, 1])
    with pytest.raises(ImagesError, match=says):
        read_draws(written(tmp_path, value), 4, 2, labels)
    with pytest.raises(ImagesError, match="cannot be read"):
        read_draws(tmp_path / "none.json", 4, 2, labels)
