"""Estimators on an encoder from elsewhere: pictures in, and scikit-learn's conventions kept."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

import tacit
from tacit.errors import EncoderError

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx_graphs import saved

QUICK = {"max_epochs": 1, "min_updates": 150, "learning_rate": 0.01, "device": "cpu"}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TACIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def source(tmp_path: Path) -> str:
    """An encoder that sees pixels, forty times as large."""
    path = tmp_path / "own.onnx"
    return saved(path, weights=np.eye(192, dtype=np.float32)[:, ::3] * 40) + ",mean=0,sd=1"


@pytest.fixture
def pictures() -> tuple[list[Image.Image], np.ndarray]:
    """Digits 0 to 2 of three sizes, and their labels as text."""
    digits, y = load_digits(return_X_y=True)
    rows = np.flatnonzero(y < 3)[:120]
    made = [
        Image.fromarray(digits[row].reshape(8, 8).astype(np.uint8) * 15).resize(
            (8 * (1 + i % 3),) * 2, Image.Resampling.NEAREST
        )
        for i, row in enumerate(rows)
    ]
    return made, np.array(["zero", "one", "two"])[y[rows]]


def test_a_transformer_in_a_pipeline(source, pictures):
    x, y = pictures
    model = make_pipeline(tacit.PretrainedEncoder(source), LogisticRegression())
    assert cross_val_score(model, x, y, cv=3).mean() > 0.9
    encoder = tacit.PretrainedEncoder(source).fit()
    assert encoder.transform(x[:2]).shape == (2, encoder.n_features_out_) == (2, 64)
    assert encoder.get_feature_names_out()[1] == "own_1"
    assert clone(encoder).get_params() == {"device": "auto", "source": source}


def test_a_pickle_names_the_encoder_and_refuses_another(source, pictures, tmp_path):
    x, _ = pictures
    encoder = tacit.PretrainedEncoder(source).fit()
    expected = encoder.transform(x)
    kept = pickle.dumps(encoder)
    assert len(kept) < 4000
    assert np.array_equal(pickle.loads(kept).transform(x), expected)
    saved(tmp_path / "own.onnx")
    with pytest.raises(EncoderError, match="is not what it was"):
        pickle.loads(kept).transform(x)


def test_a_head_is_learned_on_its_features(source, pictures, tmp_path):
    x, y = pictures
    model = tacit.Classifier(source, **QUICK).fit(x[:90], y[:90])
    assert model.score(x[90:], y[90:]) > 0.9
    assert model.classes_.tolist() == ["one", "two", "zero"]
    found = model.predict_proba(x)
    assert np.array_equal(model.predict_proba(x[5:6])[0], found[5])  # whatever comes with it
    again = clone(model).fit(x[:90], y[:90])
    assert np.array_equal(again.predict_proba(x), found)
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict_proba(x), found)
    model.save_pretrained(tmp_path / "model")
    assert np.array_equal(
        tacit.Classifier.from_pretrained(tmp_path / "model").predict_proba(x), found
    )
    loaded = tacit.load(tmp_path / "model")
    assert np.allclose(loaded.predict_proba(x), found, atol=1e-5)
    assert loaded.predict(x).tolist() == model.predict(x).tolist()


def test_rows_may_be_weighed(source, pictures):
    x, y = pictures

    def found(weights: np.ndarray | None) -> np.ndarray:
        model = tacit.Classifier(source, **QUICK).fit(x, y, sample_weight=weights)
        return model.predict_proba(x)

    assert np.allclose(found(np.full(len(y), 3.0)), found(None), atol=1e-6)
    assert not np.allclose(found(np.where(y == "zero", 20.0, 1.0)), found(None), atol=1e-6)


def test_paths_and_arrays_are_pictures_too(source, pictures, tmp_path):
    x, y = pictures
    paths = []
    for i, one in enumerate(x):
        paths.append(tmp_path / f"{i}.png")
        one.save(paths[-1])
    model = tacit.Classifier(tacit.PretrainedEncoder(source), **QUICK).fit(paths, y)
    expected = model.predict_proba(paths)
    assert np.array_equal(model.predict_proba(x), expected)
    assert np.array_equal(model.predict_proba([np.asarray(one) for one in x]), expected)


def test_parameters_are_searched(source, pictures):
    x, y = pictures
    grid = {"learning_rate": [1e-6, 0.01]}
    few = {name: value for name, value in QUICK.items() if name != "learning_rate"}
    found = GridSearchCV(tacit.Classifier(source, **few), grid, cv=2).fit(x, y)
    assert found.best_params_ == {"learning_rate": 0.01}


def test_few_labels(source, pictures):
    x, y = pictures
    few = np.where(np.arange(len(y)) < 12, y, "-1")
    model = tacit.FewLabelClassifier(encoder=source).fit(x, few)
    assert (model.transduction_[12:] == y[12:]).mean() > 0.9
    assert model.representation_ == "own"
    assert model.method_ in ("propagate-then-head", "poisson-then-head", "logistic")
    p = model.predict_proba(x[:5])
    assert np.allclose(p.sum(axis=1), 1)
    assert np.allclose(pickle.loads(pickle.dumps(model)).predict_proba(x[:5]), p)
    assert clone(model).get_params()["encoder"] == source
    assert (clone(model).fit(x, few).predict(x[12:]) == y[12:]).mean() > 0.9


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda s: tacit.Classifier("features:own.npy"), "holds features of some pictures"),
        (lambda s: tacit.Classifier("resnet18"), "is none of timm:NAME"),
        (lambda s: tacit.FewLabelClassifier("pca", encoder=s), "encoder gives it already"),
        (lambda s: tacit.FewLabelClassifier(encoder=[]), "empty list"),
        (lambda s: tacit.FewLabelClassifier(encoder=[3]), "encoder is a int"),
        (lambda s: tacit.FewLabelClassifier(encoder=s, method="scratch"), "for features it is"),
    ],
)
def test_what_cannot_be_is_said(make, said, source, pictures):
    x, y = pictures
    with pytest.raises((ValueError, TypeError), match=said):
        make(source).fit(x, y)


def test_pictures_and_labels_have_one_length(source, pictures):
    x, y = pictures
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        tacit.Classifier(source, **QUICK).fit(x[:-1], y)
