"""`FewLabelClassifier`: ahead of label spreading, within scikit-learn's conventions."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import LabelSpreading

import tacit
from tacit.images.splits import few_label_draw
from tacit.labels.methods import base, logistic, propagation

QUICK = {"method": "poisson"}


@pytest.fixture(scope="module")
def iris():
    x, y = load_iris(return_X_y=True)
    rows = few_label_draw(y, per_class=4, draw=0)
    few = np.full(len(y), -1)
    few[rows] = y[rows]
    return x, y, few


@pytest.fixture(scope="module")
def chosen(iris):
    x, _, few = iris
    return tacit.FewLabelClassifier().fit(x, few)


def test_with_30_labels_of_digits_it_is_clearly_ahead_of_label_spreading() -> None:
    # Three labels of each class; over five draws 94.4 % against 88.9, and 91.7 by an RBF kernel.
    x, y = load_digits(return_X_y=True)
    ours, theirs = [], []
    for draw in range(2):
        rows = few_label_draw(y, per_class=3, draw=draw)
        few = np.full(len(y), -1)
        few[rows] = y[rows]
        model = tacit.FewLabelClassifier("features", "poisson-mbo").fit(x, few)
        spread = LabelSpreading(kernel="knn").fit(x / 16, few)
        rest = few == -1
        ours.append(np.mean(model.transduction_[rest] == y[rest]))
        theirs.append(np.mean(spread.transduction_[rest] == y[rest]))
        confidence = model.predict_proba(x[rest]).max(axis=1).mean()
        assert abs(confidence - ours[-1]) < 0.06
    assert np.mean(ours) > np.mean(theirs) + 0.04
    assert min(ours) > 0.93


def test_rows_without_a_label_are_not_judged(iris) -> None:
    x, y, few = iris
    model = tacit.FewLabelClassifier("features", "logistic").fit(x, few)
    known = few != -1
    right = model.predict(x) == y
    assert model.score(x, few) == np.mean(right[known])
    weight = np.arange(len(y))
    assert model.score(x, few, weight) == pytest.approx(
        np.average(right[known], weights=weight[known])
    )
    scores = cross_val_score(model, x, few, cv=StratifiedKFold(4, shuffle=True, random_state=0))
    assert scores.min() > 0.5
    with pytest.raises(ValueError, match="y holds no label"):
        model.score(x, np.full(len(y), -1))


def test_what_was_chosen_is_said_and_is_the_best_or_no_worse_by_a_standard_error(chosen) -> None:
    results = chosen.cv_results_
    pairs = list(zip(results["representation"], results["method"], strict=True))
    assert len(set(pairs)) == len(pairs) == 2 * 4
    mine = pairs.index((chosen.representation_, chosen.method_))
    best = results["mean_test_score"].max()
    assert results["low"][mine] < best <= results["high"][mine]
    assert 0.5 < chosen.accuracy_.value <= 1
    assert chosen.accuracy_.n == 12  # labels, each counted once
    assert chosen.temperature_ > 0


def test_given_labels_stay_and_new_rows_are_answered_one_by_one(iris, chosen) -> None:
    x, y, few = iris
    np.testing.assert_array_equal(chosen.transduction_[few != -1], y[few != -1])
    assert np.mean(chosen.transduction_ == y) > 0.85
    new = x + 0.01
    together = chosen.predict_proba(new)
    np.testing.assert_allclose(together.sum(axis=1), 1)
    assert chosen.score(new, y) > 0.85
    alone = np.concatenate([chosen.predict_proba(new[i : i + 1]) for i in (3, 77)])
    np.testing.assert_allclose(alone, together[[3, 77]], rtol=1e-5)


def test_methods_that_begin_alike_share_it(iris, monkeypatch: pytest.MonkeyPatch) -> None:
    x, _, few = iris
    made: list[str] = []

    def counted(function, name):
        def call(*given, **options):
            made.append(options.get("method", name))
            return function(*given, **options)

        return call

    for module, name in ((base, "neighbour_graph"), (propagation, "propagate")):
        monkeypatch.setattr(module, name, counted(getattr(module, name), name))
    monkeypatch.setattr(logistic, "fit_temperature", counted(logistic.fit_temperature, "scaled"))
    model = tacit.FewLabelClassifier("features").fit(x, few)
    assert sorted(made) == ["neighbour_graph", "poisson", "poisson-mbo"], "nothing twice or unused"
    alone = tacit.FewLabelClassifier("features", model.method_).fit(x, few)
    np.testing.assert_array_equal(model.transduction_, alone.transduction_)
    assert len(pickle.dumps(model)) < 1.2 * len(pickle.dumps(alone)), (
        "scores of trials are not kept"
    )


def test_the_labels_of_other_rows_are_never_looked_at(iris) -> None:
    # Rows whose label is not given may carry any marker of "none".
    x, _, few = iris
    first = tacit.FewLabelClassifier("features", **QUICK).fit(x, few)
    as_objects = np.array([None if label == -1 else int(label) for label in few], dtype=object)
    other = tacit.FewLabelClassifier("features", **QUICK).fit(x, as_objects)
    np.testing.assert_array_equal(first.transduction_, other.transduction_)


def test_labels_of_text_and_unlabelled_as_numpy_writes_it(iris) -> None:
    x, y, few = iris
    names = np.array(["setosa", "versicolor", "virginica"])
    text = np.where(few == -1, "-1", names[few])
    model = tacit.FewLabelClassifier("features", **QUICK).fit(x, text)
    assert model.classes_.tolist() == names.tolist()
    assert set(model.predict(x)) <= set(names)
    assert model.transduction_[few != -1].tolist() == names[y[few != -1]].tolist()


def test_it_works_with_clone_pipelines_and_pickle(iris) -> None:
    x, y, few = iris
    model = tacit.FewLabelClassifier(["features", "pca"], ["logistic", "nearest"])
    assert clone(model).get_params() == model.get_params()
    pipeline = make_pipeline(StandardScaler(), model).fit(x, few)
    assert pipeline.score(x, y) > 0.8
    again = pickle.loads(pickle.dumps(pipeline))
    np.testing.assert_array_equal(again.predict_proba(x), pipeline.predict_proba(x))


def test_representations_that_learn_from_all_rows_or_are_given() -> None:
    data = load_digits()
    x, y = data.images[:200] / 16, data.target[:200]
    few = np.where(np.arange(200) < 60, y, -1)
    tiny = tacit.Autoencoder(4, max_epochs=1, min_updates=30)
    fitted = clone(tiny).fit(x)
    model = tacit.FewLabelClassifier(
        [tiny, PCA(5), fitted, FrozenEstimator(PCA(3).fit(x.reshape(200, -1)))], **QUICK
    ).fit(x, few)
    names = ["Autoencoder", "PCA", "Autoencoder-2", "PCA-2"]
    assert model.cv_results_["representation"] == names
    assert not hasattr(tiny, "model_")  # a clone learned
    assert model.predict(x[:7]).shape == (7,)
    bytes_ = tacit.FewLabelClassifier("pixels", **QUICK).fit((x * 255).astype(np.uint8), few)
    assert bytes_.score((x * 255).astype(np.uint8), y) > 0.8


def test_networks_of_images_answer_for_new_ones() -> None:
    data = load_digits()
    x, y = data.images[:60] / 16, data.target[:60]
    one_each = np.where(np.arange(60) < 10, y, -1)  # nothing can be held out: one training
    model = tacit.FewLabelClassifier("pixels", "scratch").fit(x, one_each)
    assert model.accuracy_.value is None
    assert "no class has two labels" in model.accuracy_.interval
    assert model.temperature_ is None
    assert np.isnan(model.cv_results_["mean_test_score"]).all()
    assert model.score(x[:10], y[:10]) > 0.9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "poison"}, "method is 'poison'; for rows of values it is auto or nearest"),
        ({"method": "scratch"}, "for rows of values"),
        ({"method": "all-labels"}, "method is 'all-labels'"),
        ({"method": []}, "give at least one"),
        ({"representation": "pixels"}, "for rows of values it is auto, features, standardized"),
        ({"representation": []}, "give at least one"),
    ],
)
def test_a_parameter_that_cannot_be_is_named(options, message, iris) -> None:
    x, _, few = iris
    with pytest.raises(ValueError, match=message):
        tacit.FewLabelClassifier(**options).fit(x, few)


def test_what_is_no_representation_or_no_labels(iris) -> None:
    x, _, few = iris
    with pytest.raises(TypeError, match="representation is a LabelSpreading"):
        tacit.FewLabelClassifier(LabelSpreading()).fit(x, few)
    with pytest.raises(ValueError, match=r"labels of 0 classes \(-1 stands for none\)"):
        tacit.FewLabelClassifier().fit(x, np.full(len(x), -1))
    with pytest.raises(ValueError, match="labels of 1 class "):
        tacit.FewLabelClassifier().fit(x, np.where(few == 0, 0, -1))
    with pytest.raises(ValueError, match="inconsistent numbers"):
        tacit.FewLabelClassifier().fit(x, few[:-1])
    with pytest.raises(NotFittedError):
        tacit.FewLabelClassifier().predict(x)
