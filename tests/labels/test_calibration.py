"""A temperature within the labels of one trial: fitted, or said why not."""

import numpy as np
import pytest
from scipy.special import softmax

from tacit.labels.calibration import as_logits, fit_temperature, stratified_folds
from tacit.labels.draws import Labelled
from tacit.measures.classifiers import calibration
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
    assert calibration(p, answer.y).error < 0.03
    if true > 2:
        assert calibration(softmax(answer.logits, axis=1), answer.y).error > 0.1
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
def test_every_fold_leaves_some_of_each_class_to_learn_from(per_class) -> None:
    y = trial(per_class).y
    fold = stratified_folds(y, 5, seed=0)
    for held in (fold == f for f in np.unique(fold)):
        assert set(y[~held]) == set(range(N_CLASSES))
        assert held.sum() <= -(-len(y) // 5) + N_CLASSES - 1
    assert np.array_equal(fold, stratified_folds(y, 5, seed=0))
    assert not np.array_equal(fold, stratified_folds(y, 5, seed=1))


def test_logits_of_votes_are_finite() -> None:
    p = np.array([[1.0, 0.0], [0.25, 0.75]])
    logits = as_logits(p)
    assert np.isfinite(logits).all()
    assert softmax(logits, axis=1) == pytest.approx(p, abs=1e-6)
