import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from tacit.labels.draws import Labelled, nested_draws
from tacit.labels.heads import linear as module
from tacit.labels.heads.linear import FIXED, fit_logistic, logistic, nearest
from tacit.labels.heads.stacked import ENOUGH

N_CLASSES = 3
NAMES = ("a", "b", "c")


def blobs(n=300, d=5, spread=1.0, seed=0):
    """Codes of three classes that touch, off centre, of unequal spread."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % N_CLASSES
    centres = 2 * np.random.default_rng(7).normal(size=(N_CLASSES, d))
    codes = 40 + centres[labels] + spread * rng.normal(size=(n, d)) * np.linspace(0.2, 1.5, d)
    return codes.astype(np.float32), labels


def trials_of(labels, per_class=4, n_draws=4):
    return nested_draws(labels, [per_class], n_draws, NAMES).labelled(labels)[0]


def scaled(codes):
    """As the documentation of `fit_logistic` says."""
    centred = codes - codes.mean(axis=0, dtype=np.float64)
    return centred / np.sqrt(np.square(centred).sum(axis=1).mean())


def left_open(codes):
    """What probabilities of one trial may differ by in two solutions, each to `ENOUGH`.

    Where a loss may still fall by ENOUGH / 2, ‖w - w*‖² ≤ ENOUGH, since ½ ‖w‖² is a part of it.
    A score then is off by at most √ENOUGH times a code's size, and a probability by half of that:
    it turns by a quarter of what two scores move apart. Two solutions may be off to either side.
    """
    return np.sqrt(ENOUGH) * np.linalg.norm(scaled(codes), axis=1).max()


def reference(x, trial, c):
    return LogisticRegression(C=c, tol=1e-10, max_iter=100_000).fit(x[trial.index], trial.y)


@pytest.mark.parametrize("c", [0.1, 10.0, 1000.0])
@pytest.mark.parametrize(("per_class", "d"), [(1, 5), (8, 5), (4, 40), (30, 5)])
def test_probabilities_are_those_of_scikit_learn(c, per_class, d):
    codes, labels = blobs(d=d)
    trials = trials_of(labels, per_class)
    found = logistic(codes, trials, N_CLASSES, codes, Cs=[c], fixed=c)
    x = scaled(codes)
    for probabilities, trial in zip(found, trials, strict=True):
        expected = reference(x, trial, c).predict_proba(x)
        np.testing.assert_allclose(probabilities, expected, atol=1e-3)


def test_c_is_the_best_of_held_out_labels():
    codes, labels = blobs(spread=2.0)
    trials = trials_of(labels, per_class=6, n_draws=6)
    grid = (0.1, 1.0, 10.0, 100.0, 1000.0)
    heads = fit_logistic(codes, trials, N_CLASSES, Cs=grid, folds=3)
    x = scaled(codes)
    for best, trial in zip(heads.C, trials, strict=True):
        totals = []
        for c in grid:
            total = 0.0
            for fold in range(3):
                folds = module._folds(trial.y[None], 3)[0]
                learned, held = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
                part = Labelled(trial.index[learned], trial.y[learned])
                log_p = reference(x, part, c).predict_log_proba(x[trial.index[held]])
                total += log_p[np.arange(len(held)), trial.y[held]].sum()
            totals.append(total)
        # Heads are solved roughly until one is chosen: of two that are as good, either may be.
        assert totals[grid.index(best)] > max(totals) - 0.05
    assert heads.chosen.all()
    assert len(set(heads.C)) > 1


def test_folds_are_stratified_and_of_one_size():
    y = np.array([[0, 1, 2, 0, 1, 2, 0, 1, 0, 1], [0, 0, 1, 1, 2, 2, 0, 0, 1, 1]])
    folds = module._folds(y, 2)
    for labels, fold in zip(y, folds, strict=True):
        for label in range(3):
            inside = np.bincount(fold[labels == label], minlength=2)
            assert abs(inside[0] - inside[1]) <= 1
            assert inside.all()
        assert np.bincount(fold).tolist() == [5, 5]


def test_nothing_is_chosen_where_nothing_can_be_held_out():
    codes, labels = blobs()
    heads = fit_logistic(codes, trials_of(labels, per_class=1), N_CLASSES)
    assert not heads.chosen.any()
    assert (heads.C == FIXED).all()


def test_trials_of_any_sizes_are_as_if_alone():
    codes, labels = blobs()
    sizes = [(3, 1), (3, 2), (7, 1), (1, 2)]
    trials = [trial for size, n in sizes for trial in trials_of(labels, size, n)]
    together = logistic(codes, trials, N_CLASSES, codes)
    votes = nearest(codes, trials, N_CLASSES, codes)
    for number, trial in enumerate(trials):
        alone = logistic(codes, [trial], N_CLASSES, codes)[0]
        np.testing.assert_allclose(together[number], alone, rtol=0, atol=left_open(codes))
        np.testing.assert_array_equal(votes[number], nearest(codes, [trial], N_CLASSES, codes)[0])


def test_small_groups_give_what_all_at_once_give(monkeypatch):
    codes, labels = blobs()
    trials = trials_of(labels, 5, 6)
    together = logistic(codes, trials, N_CLASSES, codes)
    monkeypatch.setattr(module, "_AT_ONCE", 1)
    apart = logistic(codes, trials, N_CLASSES, codes)
    np.testing.assert_allclose(apart, together, rtol=0, atol=left_open(codes))


def test_the_nearest_is_that_of_all_distances():
    codes, labels = blobs()
    new, _ = blobs(n=700, seed=3)
    trials = trials_of(labels)
    votes = nearest(codes, trials, N_CLASSES, new)
    assert (votes.sum(axis=2) == 1).all()
    for vote, trial in zip(votes, trials, strict=True):
        far = np.linalg.norm(new[:, None].astype(float) - codes[trial.index], axis=2)
        np.testing.assert_array_equal(vote.argmax(axis=1), trial.y[far.argmin(axis=1)])


METHODS = [nearest, logistic]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("per_class", [1, 3])
def test_a_perfect_code_scores_all(method, per_class):
    labels = np.arange(90) % N_CLASSES
    codes = np.eye(N_CLASSES)[labels]
    scores = method(codes, trials_of(labels, per_class), N_CLASSES, codes)
    assert (scores.argmax(axis=2) == labels).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_constant_code_scores_chance(method):
    labels = np.random.default_rng(0).permutation(np.arange(300) % N_CLASSES)
    codes = np.full((300, 4), 7.0)
    scores = method(codes, trials_of(labels), N_CLASSES, codes)
    assert np.isfinite(scores).all()
    assert abs((scores.argmax(axis=2) == labels).mean() - 1 / 3) < 0.01
    if method is logistic:
        np.testing.assert_allclose(scores, 1 / 3, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_labels_that_mean_nothing_score_chance(method):
    codes, labels = blobs(n=900)
    shuffled = np.random.default_rng(1).permutation(labels)
    trials = trials_of(shuffled, per_class=5, n_draws=20)
    scores = method(codes, trials, N_CLASSES, codes)
    assert abs((scores.argmax(axis=2) == shuffled).mean() - 1 / 3) < 0.04


@pytest.mark.parametrize("method", METHODS)
def test_a_class_without_a_label_gets_no_probability(method):
    codes, labels = blobs()
    rows = np.flatnonzero(labels != 1)[:8]
    scores = method(codes, [Labelled(rows, labels[rows])], N_CLASSES, codes)
    assert (scores[0, :, 1] == 0).all()
    np.testing.assert_allclose(scores.sum(axis=2), 1, rtol=1e-5)


CODES, LABELS = blobs(n=30)
GOOD = Labelled(np.array([0, 1, 2]), LABELS[:3])


@pytest.mark.parametrize(
    ("trials", "options", "says"),
    [
        ([], {}, "no trial is given"),
        ([GOOD, Labelled(np.array([], int), np.array([], int))], {}, "trial 1 has 0 rows"),
        ([GOOD, Labelled(np.array([0, 30]), np.array([0, 1]))], {}, "trial 1: row 30 is not"),
        ([GOOD, Labelled(np.array([0, 1]), np.array([0, 3]))], {}, "trial 1: label 3 is not"),
        ([GOOD, Labelled(np.array([0, 3]), np.array([0, 0]))], {}, "trial 1: labels of 1 class"),
        ([GOOD], {"Cs": [0.0]}, "Cs are above zero"),
        ([GOOD], {"folds": 1}, "two folds or more"),
    ],
)
def test_what_no_head_can_be_fitted_to(trials, options, says):
    with pytest.raises(ValueError, match=says):
        fit_logistic(CODES, trials, N_CLASSES, **options)


def test_new_codes_of_other_dimensions():
    heads = fit_logistic(CODES, [GOOD], N_CLASSES)
    with pytest.raises(ValueError, match="3 dimensions; the heads read 5"):
        heads.probabilities(CODES[:, :3])
