"""A temperature within the labels of one trial: fitted, or said why not."""

import numpy as np
import pytest
from scipy.special import softmax

from tacit.labels.calibration import as_logits, even_weights, fit_temperature, folds_of
from tacit.labels.draws import Labelled
from tacit.measures.classifiers import calibration_excess
from tacit.streams import numpy_stream

N_CLASSES = 4


def trial(per_class: int) -> Labelled:
    y = np.repeat(np.arange(N_CLASSES), per_class)
    return Labelled(7 * np.arange(len(y)), y)


class Overconfident:
    """Logits from which the right temperature is known: classes were drawn at `true`."""

    def __init__(self, n: int, true: float) -> None:
        rng = numpy_stream(0, "logits")
        self.logits = 3 * true * rng.standard_normal((n, N_CLASSES))
        p = softmax(self.logits / true, axis=1)
        self.y = (p.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
        self.asked: list[int] = []

    def labelled(self) -> Labelled:
        return Labelled(np.arange(len(self.y)), self.y)

    def __call__(self, learned: Labelled, rows: np.ndarray) -> np.ndarray:
        assert not set(learned.index) & set(rows), "what is held out was learned from"
        assert (learned.y == self.y[learned.index]).all()
        self.asked += rows.tolist()
        return self.logits[rows]


@pytest.mark.parametrize("true", [0.5, 1.0, 4.0])
def test_it_finds_the_temperature_that_confidence_lacks(true) -> None:
    answer = Overconfident(4000, true)
    found = fit_temperature(answer.labelled(), N_CLASSES, answer)
    assert found.value == pytest.approx(true, rel=0.05)
    assert found.n == 4000
    assert sorted(answer.asked) == list(range(4000)), "each label is held out once"
    p = found.probabilities(answer.logits)
    assert p.sum(axis=1) == pytest.approx(1)
    assert calibration_excess(p, answer.y) < 0.03
    if true > 2:
        assert calibration_excess(softmax(answer.logits, axis=1), answer.y) > 0.1
        assert f"{found.value:.2f}" in str(found)


def test_one_label_of_a_class_cannot_be_held_out() -> None:
    few = trial(2)
    few = Labelled(few.index[1:], few.y[1:])

    def never(learned: Labelled, rows: np.ndarray) -> np.ndarray:
        raise AssertionError("asked")

    found = fit_temperature(few, N_CLASSES, never)
    assert found.value is None
    assert "1 labelled" in found.reason
    assert "1 labelled" in str(found)
    assert found.probabilities(np.zeros((2, 4))) == pytest.approx(0.25)
    absent = fit_temperature(trial(3), N_CLASSES + 1, never)
    assert absent.value is None


@pytest.mark.parametrize(
    ("right", "reason"), [(True, "every answer is right"), (False, "no better than chance")]
)
def test_answers_without_a_best_temperature_are_said(right, reason) -> None:
    few = trial(3)
    y = dict(zip(few.index.tolist(), few.y.tolist(), strict=True))

    def answer(learned: Labelled, rows: np.ndarray) -> np.ndarray:
        shown = np.array([y[int(row)] for row in rows])
        return np.eye(N_CLASSES)[shown if right else (shown + 1) % N_CLASSES]

    found = fit_temperature(few, N_CLASSES, answer)
    assert found.value is None
    assert reason in found.reason


@pytest.mark.parametrize("per_class", [2, 3, 5, 12])
def test_folds_hold_out_as_many_of_every_class_and_leave_some(per_class) -> None:
    y = trial(per_class).y
    folds = folds_of(y, min(5, per_class), seed=0)
    assert np.sort(np.concatenate(folds)).tolist() == list(range(len(y)))
    for held in folds:
        counts = np.bincount(y[held], minlength=N_CLASSES)
        assert counts.max() - counts.min() <= (per_class > 5)
        assert set(np.delete(y, held)) == set(range(N_CLASSES))
    again, other = folds_of(y, min(5, per_class), seed=0), folds_of(y, min(5, per_class), seed=1)
    assert all(map(np.array_equal, folds, again))
    assert not all(map(np.array_equal, folds, other))


def test_small_classes_take_turns_and_a_single_label_stays() -> None:
    y = np.array([0] * 6 + [1] * 2 + [2])
    folds = folds_of(y, 6, seed=0)
    assert [np.bincount(y[held], minlength=3).tolist() for held in folds] == [[1, 1, 0]] * 6
    label = np.concatenate(folds)
    assert np.bincount(label).tolist() == [1] * 6 + [3] * 2
    assert np.bincount(label, even_weights(label)) == pytest.approx(1)
    assert folds_of(np.arange(4), 2, seed=0) == []


def test_logits_of_votes_are_finite() -> None:
    p = np.array([[1.0, 0.0], [0.25, 0.75]])
    logits = as_logits(p)
    assert np.isfinite(logits).all()
    assert softmax(logits, axis=1) == pytest.approx(p, abs=1e-6)
