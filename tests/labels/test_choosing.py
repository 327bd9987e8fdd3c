"""Choosing by labels that are held out: what was known before decides what they cannot."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.datasets import load_digits

from tacit.labels.choosing import Choice, choice_among, share_of
from tacit.labels.cross_validation import (
    Turns,
    held_out_temperature,
    held_out_trials,
    turns_for,
)
from tacit.labels.draws import Labelled
from tacit.labels.heads.linear import logistic
from tacit.measures.classifiers import temperature


def choice(right: dict[str, list[bool]], candidates: list[str] | None = None) -> Choice:
    """Answers to labels that were held out alone, once."""
    arrays = {name: np.array(answers) for name, answers in right.items()}
    n = len(next(iter(arrays.values())))
    return Choice(arrays, np.arange(n), np.arange(n), candidates or list(right))


def of_ten(n: int) -> list[bool]:
    return [i < n for i in range(10)]


def test_labels_of_all_classes_are_held_out_together() -> None:
    y = np.array([0] * 7 + [1] * 3 + [2])
    labelled = Labelled(np.arange(11) * 5, y)
    trials = held_out_trials(labelled, Turns(7, 2), seed=0)
    assert len(trials) == 14
    for half in (trials[:7], trials[7:]):
        assert set(np.concatenate([trial.held for trial in half])) == set(range(10))
    for trial in trials:
        assert np.bincount(trial.learned.y).tolist() == [6, 2, 1]  # an only label always stays
        seen = set(trial.learned.index) | set(labelled.index[trial.held])
        assert seen == set(labelled.index)
        assert not set(trial.learned.index) & set(labelled.index[trial.held])


def test_one_of_each_is_held_out_at_a_time_and_none_where_classes_have_one() -> None:
    assert turns_for(np.arange(5)) == Turns(0, 0)
    assert held_out_trials(Labelled(np.arange(5), np.arange(5)), Turns(0, 0), seed=0) == []
    for n in (2, 3, 7, 10):
        y = np.repeat(np.arange(10), n)
        trials = held_out_trials(Labelled(np.arange(10 * n), y), turns_for(y), seed=0)
        assert 14 <= len(trials) <= 20
        assert all(np.bincount(t.learned.y).tolist() == [n - 1] * 10 for t in trials)
    for n in (11, 40, 200):
        turns = turns_for(np.repeat(np.arange(10), n))
        assert turns.folds == 5
        assert turns.folds * turns.repeats <= 20


def test_trials_that_would_be_the_same_again_are_left_out() -> None:
    y = np.array([0, 0, 1, 1])
    trials = held_out_trials(Labelled(np.arange(4), y), turns_for(y), seed=0)
    assert sorted(trial.held.tolist() for trial in trials) == [[0, 2], [0, 3], [1, 2], [1, 3]]


@pytest.mark.parametrize("per_class", [2, 5])
def test_cross_validation_says_what_one_label_fewer_of_each_gives(per_class) -> None:
    """On scikit-learn's digits; to hold out one label alone gave 53 % for 65 with two of each."""
    digits = load_digits()
    x, y = (digits.data / 16).astype(np.float32), digits.target.astype(np.int64)
    rng = np.random.default_rng(0)
    said, truth, shuffled = [], [], []
    for _ in range(12):
        rows = [rng.choice(np.flatnonzero(y == k), per_class, replace=False) for k in range(10)]
        index = np.sort(np.concatenate(rows))
        rest = np.setdiff1d(np.arange(len(y)), index)
        for own, found in ((y[index], said), (rng.permutation(y[index]), shuffled)):
            labelled = Labelled(index, own)
            trials = held_out_trials(labelled, turns_for(own), seed=0)
            learned = [trial.learned for trial in trials]
            answers = logistic(x, learned, 10, x, Cs=[100.0], fixed=100.0).argmax(axis=2)
            right = [a[index[t.held]] == own[t.held] for a, t in zip(answers, trials, strict=True)]
            choice = choice_among({"method": np.concatenate(right)}, trials, ["method"])
            found.append(choice.share("method"))
            if found is said:
                truth.append(np.mean(answers[:, rest] == y[rest]))
    spread = np.std(np.subtract(said, truth)) / len(said) ** 0.5
    assert abs(np.mean(said) - np.mean(truth)) < max(0.03, 3 * spread)
    assert 0.06 < np.mean(shuffled) < 0.14


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


def test_leads_of_every_two_methods_hold_together() -> None:
    """A third method, whatever it answers, makes the lead over the second less sure."""
    answers = {"a": [i < 30 for i in range(40)], "b": [i % 2 == 0 for i in range(40)]}
    two, three = (choice(answers | more).comparisons() for more in ({}, {"c": [False] * 40}))
    widths = [c["b"].difference.high - c["b"].difference.low for c in (two, three)]
    assert two["b"].difference.value == three["b"].difference.value == 25
    assert widths[1] > 1.1 * widths[0]


def test_a_choice_by_luck_is_unmasked_by_choosing_anew() -> None:
    rng = np.random.default_rng(0)
    coins = {f"coin {k}": (rng.random(40) < 0.5).tolist() for k in range(30)}
    found = choice(coins)
    best = found.share(found.best)
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
    trials = held_out_trials(labelled, Turns(2, 1), seed=0)
    found = choice_among({"method": np.array([True] * 4)}, trials, ["method"])
    assert found.n == 4
    assert found.accuracy("method").value == 1.0


def test_a_label_counts_once_however_often_it_was_held_out() -> None:
    right = {"method": np.array([True, True, True, False]), "other": np.array([False] * 3 + [True])}
    found = Choice(right, np.array([0, 0, 0, 1]), np.array([0, 1, 2, 0]), ["method", "other"])
    assert found.n == 2
    assert found.share("method") == found.share("other") == 0.5
    logits = np.array([[3.0, 0], [3, 0], [3, 0], [1, 0]])
    y, label = np.array([0, 0, 0, 1]), np.array([0, 0, 0, 1])
    once, often = held_out_temperature(logits[2:], y[2:]), held_out_temperature(logits, y, label)
    assert often.value == pytest.approx(once.value)
    assert often.n == once.n == 2


def test_a_temperature_from_held_out_answers_and_from_the_rule_of_succession() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=200)
    logits = 3 * rng.normal(size=(200, 3)) + 2 * np.eye(3)[y]
    found = held_out_temperature(logits, y)
    alone = softmax(logits / temperature(logits, y), axis=1)
    both = found.probabilities(logits)
    assert np.log(both[np.arange(200), y]).mean() > np.log(alone[np.arange(200), y]).mean() - 1e-6
    assert both.max(axis=1).mean() == pytest.approx((both.argmax(axis=1) == y).mean(), abs=0.03)
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


def test_confidence_is_right_where_a_share_of_answers_is_sure_and_wrong() -> None:
    """A third of the answers tells nothing and is as sure as the others: no temperature does."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 3000)
    seen = np.where(rng.random(3000) < 1 / 3, rng.integers(0, 4, 3000), y)
    logits = rng.normal(0, 1, (3000, 4)) + 6 * np.eye(4)[seen]
    right = float((logits.argmax(axis=1) == y).mean())
    found = held_out_temperature(logits, y, np.arange(3000))
    assert found.blank == pytest.approx(1 / 3, abs=0.03)
    assert found.probabilities(logits).max(axis=1).mean() == pytest.approx(right, abs=0.01)
    alone = softmax(logits / temperature(logits, y), axis=1).max(axis=1).mean()
    assert alone < right - 0.02


def test_confidence_of_few_answers_is_no_more_than_laplaces_rule() -> None:
    y = np.arange(8) % 3
    found = held_out_temperature(3 * np.eye(3)[y], y, np.arange(8))
    p = found.probabilities(3 * np.eye(3)[y])
    assert p.max(axis=1) == pytest.approx(9 / 10, abs=1e-3)
    with_a_class_out_of_the_question = np.where(np.arange(3) == 2, -np.inf, np.eye(3)[y % 2])
    assert held_out_temperature(with_a_class_out_of_the_question, y % 2, np.arange(8)).blank < 1
