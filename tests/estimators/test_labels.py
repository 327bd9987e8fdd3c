"""Labels as people bring them: refused by name, or warned of, never silently another class."""

import copy
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV

import tacit

TINY = {"n_components": 2, "max_epochs": 1, "min_updates": 1}
Y = np.repeat([0, 1], 12)
X = np.random.default_rng(0).normal(size=(24, 3)) + 3 * Y[:, None]


class NAType:
    """What pandas has for a missing value, which is neither equal to itself nor not."""

    def __eq__(self, other):
        return self

    __ne__ = __eq__
    __hash__ = object.__hash__

    def __bool__(self):
        raise TypeError("boolean value of NA is ambiguous")


NA = NAType()


def of(*labels):
    return np.array([labels[i % len(labels)] for i in range(24)], object)


def few(y, **options):
    return tacit.FewLabelClassifier("features", "logistic", **options).fit(X, y)


def classifier(y):
    return tacit.Classifier(**TINY).fit(X, y)


@pytest.mark.parametrize("none", [None, float("nan"), NA, np.datetime64("NaT")])
def test_missing_labels_are_none_or_refused(none) -> None:
    y = of("a", "b", none)
    assert few(y).classes_.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="y holds 8 missing labels of 24"):
        classifier(y)


def test_nan_among_numbers_means_no_label_where_some_have_none() -> None:
    y = np.where(np.arange(24) % 3, Y, np.nan)
    assert few(y).classes_.tolist() == [0, 1]
    with pytest.raises(ValueError, match="NaN"):
        classifier(y)


@pytest.mark.parametrize("fit", [few, classifier])
def test_text_and_numbers_together_are_refused(fit) -> None:
    with pytest.raises(TypeError, match="several types, such as 'a' and 1"):
        fit(of("a", 1))


@pytest.mark.parametrize("none", [-1, "-1", ""])
def test_what_says_that_a_row_has_no_label(none) -> None:
    assert few(of("a", "b", none)).classes_.tolist() == ["a", "b"]
    assert few(of("a", "b", none).astype(str)).classes_.tolist() == ["a", "b"]


@pytest.mark.parametrize("fit", [few, classifier])
@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (("Cat", "cat"), r"'Cat' \(12\) and 'cat' \(12\)"),
        (("0", "0.0", "1"), r"'0' \(8\) and '0\.0' \(8\)"),
        (("cat", "cat ", "dog"), r"'cat' \(8\) and 'cat ' \(8\)"),
        (("cat", "cat\u200b", "dog"), r"'cat\\u200b' \(8\)"),
        (("e\u0301", "\u00e9", "dog"), r"several spellings"),
        (("cat", "nan", "dog"), r"look like none.*'nan' \(8\)"),
    ],
)
@pytest.mark.parametrize("kind", [object, str])
def test_spellings_of_one_class_are_warned_of(fit, labels, said, kind) -> None:
    with pytest.warns(UserWarning, match=said):
        fit(of(*labels).astype(kind))


@pytest.mark.parametrize("fit", [few, classifier])
@pytest.mark.parametrize(
    "y", [of("a", "A"), of("cat", "cats"), Y, Y.astype(bool), Y.tolist(), torch.tensor(Y)]
)
def test_what_is_meant_so_is_not_warned_of(fit, y) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(y)


def test_a_held_representation_is_left_alone() -> None:
    fitted = tacit.VAE(**TINY).fit(X)
    before = copy.deepcopy(fitted.get_params())
    y = np.where(np.arange(24) % 3, Y, -1)
    model = tacit.FewLabelClassifier(fitted, "logistic")
    assert clone(model).representation is fitted
    assert clone(tacit.FewLabelClassifier([fitted, "pca"])).representation[0] is fitted
    model.set_params(representation__n_components=3)
    assert fitted.get_params() == before
    assert model.representation.n_components == 3
    assert not hasattr(model.representation, "model_")
    search = GridSearchCV(model, {"representation__n_components": [1, 2]}, cv=2).fit(X, Y)
    codes = search.best_estimator_.fit(X, y)._transformer.transform(X)
    assert codes.shape[1] == search.best_params_["representation__n_components"]
    with pytest.raises(ValueError, match="representation is a str, which has no such parameters"):
        tacit.FewLabelClassifier("pca").set_params(representation__n_components=3)


def test_a_frozen_representation_stays_frozen() -> None:
    fitted = tacit.VAE(**TINY).fit(X)
    model = tacit.FewLabelClassifier(FrozenEstimator(fitted), "logistic")
    search = GridSearchCV(model, {"random_state": [0, 1]}, cv=2).fit(X, Y)
    assert search.best_estimator_._transformer.estimator is fitted
