"""Choosing by labels that are held out: what was known before decides what they cannot."""

import numpy as np
import pytest

from tacit.labels.choosing import Choice, choice_among, share_of
from tacit.labels.cross_validation import (
    Turns,
    held_out_temperature,
    held_out_trials,
    holdable,
    turns_for,
)
from tacit.labels.draws import Labelled
from tacit.measures.classifiers import temperature


def choice(right: dict[str, list[bool]], candidates: list[str] | None = None) -> Choice:
    """Answers to labels that were held out alone, once."""
    arrays = {name: np.array([answers]) for name, answers in right.items()}
    n = next(iter(arrays.values())).shape[1]
    return Choice(arrays, [(0, np.array([i])) for i in range(n)], candidates or list(right))


def of_ten(n: int) -> list[bool]:
    return [i < n for i in range(10)]


def test_every_label_that_can_be_is_held_out_once_in_each_repetition() -> None:
    y = np.array([0] * 7 + [1] * 3 + [2])
    labelled = Labelled(np.arange(11) * 5, y)
    trials = held_out_trials(labelled, Turns(3, 2), seed=0)
    assert {trial.repeat for trial in trials} == {0, 1}
    for repeat in range(2):
        mine = [trial for trial in trials if trial.repeat == repeat]
        assert sorted(np.concatenate([trial.held for trial in mine])) == list(range(10))
        for trial in mine:
            assert set(trial.learned.y) == {0, 1, 2}  # the only label of a class always stays
            seen = set(trial.learned.index) | set(labelled.index[trial.held])
            assert seen == set(labelled.index)
            assert not set(trial.learned.index) & set(labelled.index[trial.held])


def test_few_labels_are_held_out_alone_and_none_where_classes_have_one() -> None:
    assert turns_for(np.arange(5)) == Turns(0, 0)
    assert held_out_trials(Labelled(np.arange(5), np.arange(5)), Turns(0, 0), seed=0) == []
    y = np.repeat(np.arange(3), 2)
    assert turns_for(y) == Turns(6, 1)
    trials = held_out_trials(Labelled(np.arange(6), y), turns_for(y), seed=0)
    assert [len(trial.held) for trial in trials] == [1] * 6
    for n in (3, 10, 40, 200):
        turns = turns_for(np.repeat(np.arange(10), n))
        assert turns.folds * turns.repeats <= 20
    assert holdable(np.array([0, 0, 1])).tolist() == [True, True, False]


def test_the_preferred_way_wins_where_labels_cannot_tell() -> None:
    near = choice({"preferred": of_ten(8), "best": [True] * 7 + [False, True, True]})
    assert near.best == "best"
    assert near.winner == "preferred"
    far = choice({"preferred": of_ten(3), "best": of_ten(9)})
    assert far.winner == "best"


def test_what_is_for_comparison_cannot_win() -> None:
    found = choice({"method": of_ten(2), "reference": of_ten(10)}, ["method"])
    assert found.winner == found.best == "method"
    assert found.comparisons()["reference"].verdict == "lower"


def test_a_choice_by_luck_is_unmasked_by_choosing_anew() -> None:
    rng = np.random.default_rng(0)
    coins = {f"coin {k}": (rng.random(40) < 0.5).tolist() for k in range(30)}
    found = choice(coins)
    best = float(np.mean(found.right[found.best]))
    assert best > 0.6
    assert found.honest.value is not None
    assert found.honest.value < best - 0.05


def test_choosing_anew_is_exact_where_one_way_is_always_right() -> None:
    found = choice({"wrong": of_ten(0), "right": of_ten(10)})
    assert found.winner == "right"
    assert found.honest.value == 1.0
    assert found.accuracy("right").low == pytest.approx(10 / (10 + 1.96**2), abs=1e-3)  # Wilson
    assert found.comparisons()["wrong"].difference.value == 100


def test_a_share_of_half_labels_lies_between_those_of_whole_ones() -> None:
    low, middle, high = (share_of(count / 30, 30) for count in (28, 28.5, 29))
    for end in ("low", "high"):
        ends = [getattr(number, end) for number in (low, middle, high)]
        assert ends[1] == pytest.approx((ends[0] + ends[2]) / 2)
    everything = share_of(1.0, 30)
    assert everything.high == 1.0


def test_labels_that_were_never_held_out_do_not_count() -> None:
    labelled = Labelled(np.arange(5), np.array([0, 0, 1, 1, 2]))
    trials = held_out_trials(labelled, Turns(4, 1), seed=0)
    found = choice_among({"method": np.array([[True] * 4 + [False]])}, trials, ["method"])
    assert found.n == 4
    assert found.accuracy("method").value == 1.0


def test_a_temperature_from_held_out_answers_and_from_the_rule_of_succession() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=200)
    logits = 3 * rng.normal(size=(200, 3)) + 2 * np.eye(3)[y]
    assert held_out_temperature(logits, y).value == pytest.approx(temperature(logits, y))
    right = 4 * np.eye(3)[y[:8]]
    fitted = held_out_temperature(right, y[:8])
    assert fitted.probabilities(right).max(axis=1).mean() == pytest.approx(9 / 10)
    nothing = held_out_temperature(np.zeros((8, 3)), y[:8])
    assert nothing.probabilities(np.zeros((8, 3))) == pytest.approx(1 / 3)


def test_a_class_out_of_the_question_does_not_spoil_the_temperature() -> None:
    y = np.array([0, 1, 0, 1, 1])
    logits = np.array([[2.0, 0, -np.inf], [1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 3, 1]])
    value = held_out_temperature(logits, y).value
    assert value is not None
    assert np.isfinite(value)
