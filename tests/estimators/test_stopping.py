"""Early stopping: rows held out decide how long is enough, and the best weights are kept."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits

import tacit
from tacit.estimators.stopping import held_out

NOISE = {
    "network": {"kind": "dense", "hidden": [64]},
    "n_components": 8,
    "learning_rate": 0.02,
    "batch_size": 50,
    "max_epochs": 60,
    "min_updates": 1,
}
"""On labels of pure noise such a network is soon overfitted."""


def noise(n: int = 120) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 5)), rng.integers(0, 3, n)


def cross_entropy(model: tacit.Classifier, x, y, weights=None) -> float:
    own = model.predict_proba(x)[np.arange(len(y)), np.searchsorted(model.classes_, y)]
    return float(np.average(-np.log(own), weights=weights))


def test_a_classifier_that_overfits_stops_and_keeps_its_best_weights() -> None:
    x, y = noise()
    stopped = tacit.Classifier(**NOISE, early_stopping=True, n_iter_no_change=4).fit(x, y)
    seen = stopped.validation_losses_
    assert stopped.n_iter_ == len(seen) < 40
    assert int(np.argmin(seen)) == len(seen) - 5, "the lowest, and four looks without a lower one"
    _, held = held_out(len(x), 0.1, y, (0, 1, 2), 0)
    assert abs(np.bincount(y[held]) - 0.1 * np.bincount(y)).max() < 1, "stratified"
    assert cross_entropy(stopped, x[held], y[held]) == pytest.approx(min(seen), abs=1e-5)
    best = stopped.history_.evaluations[-1]
    assert best.test["loss"].mean == pytest.approx(min(seen))
    assert stopped.about_.training["updates"] == best.update == 3 * (len(seen) - 4)
    rest = np.setdiff1d(np.arange(len(x)), held)
    whole = tacit.Classifier(**NOISE).fit(x[rest], y[rest])
    assert cross_entropy(whole, x[held], y[held]) > 2 * min(seen)


def test_without_it_nothing_changes_and_nothing_is_held_out() -> None:
    x, y = noise(60)
    plain = tacit.Classifier(**NOISE | {"max_epochs": 2}).fit(x, y)
    assert not hasattr(plain, "n_iter_")
    assert plain.about_.training["updates"] == 4
    assert clone(plain).get_params()["early_stopping"] is False


def test_weights_count_in_the_loss_of_rows_held_out() -> None:
    x, y = noise()
    weights = np.where(np.arange(len(y)) % 2, 1.0, 5.0)
    model = tacit.Classifier(**NOISE, early_stopping=True, n_iter_no_change=2)
    model.fit(x, y, sample_weight=weights)
    _, held = held_out(len(x), 0.1, y, (0, 1, 2), 0)
    found = cross_entropy(model, x[held], y[held], weights[held])
    assert found == pytest.approx(min(model.validation_losses_), abs=1e-5)
    assert found != pytest.approx(cross_entropy(model, x[held], y[held]), abs=1e-3)
    with pytest.raises(ValueError, match="weight 0"):
        model.fit(x, y, sample_weight=np.isin(np.arange(len(y)), held))


def test_few_rows_are_looked_at_as_often_as_many() -> None:
    x, y = noise(30)
    options = NOISE | {"max_epochs": 10, "min_updates": 40}
    model = tacit.Classifier(**options, early_stopping=True, n_iter_no_change=50).fit(x, y)
    assert model.n_iter_ == 10, "of four updates each, though a pass is one"


def test_generative_models_stop_too() -> None:
    x = load_digits().images[:80] / 16
    options = {"max_epochs": 3, "min_updates": 1, "batch_size": 40, "early_stopping": True}
    for model in (tacit.Autoencoder(4, **options), tacit.VAE(4, **options, importance_samples=2)):
        assert model.fit(x).n_iter_ == 3
        assert not any(p.requires_grad for p in model.model_.parameters())
        assert all(torch.isfinite(p).all() for p in model.model_.parameters())
    with pytest.raises(ValueError, match="rows held out have no code"):
        tacit.VAE(4, **options, posterior="per_image").fit(x)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"early_stopping": "yes"}, "early_stopping is 'yes'; it is True or False"),
        ({"validation_fraction": 1.0}, r"validation_fraction is 1\.0; it is a number between"),
        ({"validation_fraction": 0.01}, "into 118 and 2; both need a row of each of 3 classes"),
        ({"n_iter_no_change": 0}, "n_iter_no_change is 0; it is a whole number of at least 1"),
    ],
)
def test_a_parameter_that_cannot_be_is_named(options, message) -> None:
    with pytest.raises(ValueError, match=message):
        tacit.Classifier(**NOISE | {"early_stopping": True} | options).fit(*noise())


def test_a_class_of_one_row_is_named() -> None:
    x, y = noise()
    names = np.array(["cat", "dog", "owl", "yak"])[np.where(np.arange(len(y)) == 7, 3, y)]
    with pytest.raises(ValueError, match="class 'yak' has one row"):
        tacit.Classifier(**NOISE, early_stopping=True).fit(x, names)


def test_progress_says_which_weights_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    x, y = noise()
    model = tacit.Classifier(**NOISE, early_stopping=True, n_iter_no_change=4, verbose=1).fit(x, y)
    ended, best = 3 * model.n_iter_, model.about_.training["updates"]
    assert capsys.readouterr().out.splitlines()[-1] == (
        f"Classifier: ended after update {ended} of 180; the loss of rows held out was lowest "
        f"after update {best}, whose weights are kept"
    )


def test_a_notebook_shows_a_bar_in_place_of_lines(notebook, capsys) -> None:
    x, y = noise()
    tacit.Classifier(**NOISE | {"max_epochs": 4}, verbose=True).fit(x, y)
    assert capsys.readouterr().out == ""
    assert len(notebook.outputs) == 1, "replaced, not added to"
    assert notebook.outputs[0].startswith(
        '<div><progress value="1.000" max="1"></progress> Classifier: update 12 of 12, epoch 4.0'
    )
