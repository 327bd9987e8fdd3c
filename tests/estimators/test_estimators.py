"""Estimators against truth: densities that integrate to one, scales that count, encoders kept."""

import pickle

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tacit
from tacit.models.parts import PartError, part_of

DENSE = {"kind": "dense", "hidden": [16]}
SMALL = {
    "n_components": 2,
    "network": DENSE,
    "max_epochs": 1,
    "min_updates": 30,
    "learning_rate": 0.01,
}
TINY = {"n_components": 3, "max_epochs": 1, "min_updates": 3}
FEW = {"min_updates": 3, "importance_samples": 2}


@pytest.fixture(scope="module")
def digits():
    data = load_digits()
    return data.images[:120] / 16, data.target[:120]


@pytest.fixture(scope="module")
def rows():
    generator = np.random.default_rng(0)
    return generator.normal(size=(80, 2)) @ [[2.0, 1.0], [0.0, 0.3]] + [5.0, -3.0]


@pytest.fixture(scope="module")
def vae(rows):
    return tacit.VAE(**SMALL, sigma=0.5, importance_samples=200).fit(rows)


def test_the_density_of_values_integrates_to_one_in_their_own_units() -> None:
    x = 100 + 20 * np.random.default_rng(0).normal(size=(100, 1)) ** 3
    vae = tacit.VAE(**SMALL | {"n_components": 1}, sigma=0.3, importance_samples=100).fit(x)
    width = x.std()
    grid = np.linspace(x.mean() - 8 * width, x.mean() + 8 * width, 400)
    density = np.exp(vae.score_samples(grid[:, None]))
    assert np.trapezoid(density, grid) == pytest.approx(1, abs=0.02)


def test_the_unit_of_values_moves_their_log_density_by_the_logarithm_of_the_unit(rows, vae) -> None:
    # A power of two scales numbers without rounding, so that the standardised rows are the same.
    other = tacit.VAE(**SMALL, sigma=0.5, importance_samples=200).fit(1024 * rows)
    expected = vae.score_samples(rows[:9]) - 2 * np.log(1024)
    np.testing.assert_allclose(other.score_samples(1024 * rows[:9]), expected, rtol=1e-12)


@pytest.mark.parametrize("posterior", ["amortized", "per_image"])
def test_a_score_depends_on_neither_order_nor_company(posterior, rows) -> None:
    options = SMALL | {"importance_samples": 20, "posterior_steps": 10}
    vae = tacit.VAE(**options, posterior=posterior).fit(rows)
    scores = vae.score_samples(rows)
    np.testing.assert_array_equal(vae.score_samples(rows[:1]), scores[:1])
    twice = vae.score_samples(np.concatenate([rows[3:4], rows[3:4]]))
    np.testing.assert_allclose(vae.score_samples(rows[::-1])[::-1], scores, rtol=0, atol=1e-9)
    np.testing.assert_allclose(twice, scores[3], rtol=0, atol=1e-9)
    if posterior == "amortized":
        np.testing.assert_array_equal(vae.score_samples(rows[::-1])[::-1], scores)
        np.testing.assert_array_equal(twice, [scores[3]] * 2)


def test_score_is_the_mean_of_score_samples(rows, vae) -> None:
    assert vae.score(rows[:7]) == vae.score_samples(rows[:7]).mean()


def test_likelier_rows_score_higher(rows, vae) -> None:
    assert vae.score(rows[:20]) > vae.score(rows[:20] + 10) + 10


@pytest.mark.parametrize("form", ["nhw", "nhwc", "rgb"])
def test_images_come_back_in_the_form_they_were_given(form, digits) -> None:
    x = digits[0] if form == "nhw" else digits[0][..., None].repeat(3 if form == "rgb" else 1, 3)
    for estimator in (tacit.Autoencoder(**TINY), tacit.VAE(**TINY)):
        codes = estimator.fit_transform(x)
        assert codes.shape == (120, 3)
        back = estimator.inverse_transform(codes)
        assert back.shape == x.shape
        assert back.min() >= 0
        assert back.max() <= 1
        assert len(estimator.get_feature_names_out()) == 3
    assert estimator.sample(5).shape == (5, *x.shape[1:])


def test_bytes_are_floats_times_255(digits) -> None:
    bytes_ = np.rint(digits[0] * 255).astype(np.uint8)
    ours, theirs = (tacit.Autoencoder(**TINY).fit(x) for x in (bytes_, bytes_ / 255))
    np.testing.assert_allclose(ours.transform(bytes_), theirs.transform(bytes_ / 255), atol=1e-5)


def test_values_come_back_in_their_own_units(rows) -> None:
    options = SMALL | {"min_updates": 400}
    autoencoder = tacit.Autoencoder(**options).fit(rows)
    error = np.square(autoencoder.inverse_transform(autoencoder.transform(rows)) - rows).sum(axis=1)
    assert autoencoder.score(rows) == pytest.approx(-error.mean())
    assert error.mean() < 0.05 * rows.var(axis=0).sum()


def test_a_constant_column_does_no_harm(rows) -> None:
    x = np.column_stack([rows, np.full(len(rows), 0.1)])
    vae = tacit.VAE(**SMALL, importance_samples=5).fit(x)
    assert np.isfinite(vae.score_samples(x[:5])).all()


def test_samples_are_the_same_for_the_same_number_and_spread_with_noise(rows, vae) -> None:
    np.testing.assert_array_equal(vae.sample(4), vae.sample(4))
    assert (vae.sample(4) != vae.sample(4, random_state=1)).any()
    assert vae.sample(500, noise=True).std() > vae.sample(500).std()
    with pytest.raises(ValueError, match="at least one row"):
        vae.sample(0)


def test_the_same_random_state_gives_the_same_fit_and_none_another(rows) -> None:
    first, second, other = (
        tacit.Autoencoder(**SMALL, random_state=state).fit(rows).transform(rows)
        for state in (0, 0, None)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_pipelines_and_searches(digits) -> None:
    x, y = digits
    flat = x.reshape(len(x), -1)
    pipeline = make_pipeline(StandardScaler(), tacit.Classifier(**SMALL | {"n_components": 8}))
    assert cross_val_score(pipeline, flat, y, cv=2).shape == (2,)
    search = GridSearchCV(tacit.VAE(**SMALL | FEW), {"n_components": [1, 2]}, cv=2).fit(x)
    assert search.best_params_["n_components"] in (1, 2)
    kept = pickle.loads(pickle.dumps(search.best_estimator_))
    np.testing.assert_array_equal(kept.score_samples(x[:6]), search.score_samples(x[:6]))


@pytest.mark.slow
def test_other_processes_fit_and_score_the_same(digits) -> None:
    x, _ = digits
    estimator = tacit.VAE(**SMALL | FEW)
    searches = [
        GridSearchCV(estimator, {"n_components": [1, 2]}, cv=2, n_jobs=n).fit(x).cv_results_
        for n in (1, 2)
    ]
    here, there = (search["mean_test_score"] for search in searches)
    np.testing.assert_allclose(there, here, rtol=1e-5)
    kept = estimator.fit(x)
    scores = joblib.Parallel(n_jobs=2)(
        joblib.delayed(kept.score_samples)(part) for part in (x[:3], x[3:6])
    )
    np.testing.assert_allclose(np.concatenate(scores), kept.score_samples(x[:6]), rtol=1e-9)


def weights_of(estimator):
    return {k: v.clone() for k, v in part_of(estimator.model_, "encoder").state_dict().items()}


@pytest.mark.parametrize("make", [tacit.Autoencoder, tacit.VAE])
def test_a_given_encoder_is_kept_frozen_or_fine_tuned(make, digits) -> None:
    x, y = digits
    given = make(**TINY).fit(x)
    before = weights_of(given)
    frozen = tacit.Classifier(given, frozen=True, min_updates=20, max_epochs=1).fit(x, y)
    tuned = tacit.Classifier(given, min_updates=20, max_epochs=1).fit(x, y)
    assert all((weights_of(frozen)[name] == value).all() for name, value in before.items())
    assert any((weights_of(tuned)[name] != value).any() for name, value in before.items())
    assert all((weights_of(given)[name] == value).all() for name, value in before.items())
    np.testing.assert_allclose(frozen.predict_proba(x).sum(axis=1), 1)
    assert clone(frozen).encoder is given
    assert cross_val_score(clone(frozen).set_params(min_updates=2), x, y, cv=2).shape == (2,)


@pytest.mark.parametrize("fitted", [True, False])
def test_a_grid_over_an_encoder_fits_each_candidate_anew(fitted, digits) -> None:
    x, y = digits
    given = tacit.Autoencoder(**TINY)
    if fitted:
        given.fit(x)
    kept = dict(vars(given))
    before = weights_of(given) if fitted else {}
    pipeline = make_pipeline(tacit.Classifier(given, min_updates=2, max_epochs=1))
    grid = {"classifier__encoder__n_components": [1, 3]}
    found = GridSearchCV(pipeline, grid, cv=2, scoring=width_of_code, refit=True).fit(x, y)
    assert found.cv_results_["mean_test_score"].tolist() == [1.0, 3.0]
    best = found.best_estimator_[-1]
    assert best.encoder_.n_components == best.encoder_.config_.latent_dim == 3
    assert vars(given) == kept
    assert all((weights_of(given)[name] == value).all() for name, value in before.items())
    assert hasattr(given, "model_") == fitted
    held = pipeline[-1].encoder
    assert held is given
    pipeline.set_params(classifier__encoder__max_epochs=7)
    assert (given.max_epochs, pipeline[-1].encoder.max_epochs) == (TINY["max_epochs"], 7)


def width_of_code(estimator, x, y) -> float:
    return float(estimator[-1].config_.latent_dim)


def test_an_encoder_that_learned_nothing_is_fitted_first(digits) -> None:
    x, y = digits
    given = tacit.Autoencoder(**TINY)
    found = tacit.Classifier(given, frozen=True, min_updates=2, max_epochs=1).fit(x, y)
    assert not hasattr(given, "model_")
    expected = weights_of(clone(given).fit(x))
    assert all((weights_of(found)[name] == value).all() for name, value in expected.items())


def test_scikit_learns_frozen_estimator_is_taken_as_it_is(digits) -> None:
    x, y = digits
    given = tacit.Autoencoder(**TINY).fit(x)
    frozen = FrozenEstimator(given)
    model = tacit.Classifier(frozen, frozen=True, min_updates=2, max_epochs=1)
    for found in (model.fit(x, y), clone(model).fit(x, y)):
        assert all((weights_of(found)[n] == w).all() for n, w in weights_of(given).items())
    other = tacit.Autoencoder(**TINY, random_state=1).fit(x)
    model.set_params(encoder__estimator=other)
    assert (frozen.estimator, model.encoder.estimator) == (given, other)
    with pytest.raises(ValueError, match="cannot set parameters of the inner estimator"):
        model.set_params(encoder__max_epochs=3)
    assert make_pipeline(frozen, LogisticRegression()).fit(x, y).predict(x).shape == y.shape


def test_verbose_prints_the_loss_while_it_learns_and_changes_nothing(rows, capsys) -> None:
    options = {**SMALL, "max_epochs": 20, "min_updates": 1, "batch_size": 20}  # of 4 updates
    silent = tacit.Autoencoder(**options).fit(rows)
    assert capsys.readouterr().out == ""
    some, every = (tacit.Autoencoder(**options, verbose=v).fit(rows) for v in (1, 2))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10 + 20
    last = f"loss {np.mean(silent.history_.loss[-8:]):.4g}"
    assert lines[9] == f"Autoencoder: update 80 of 80, epoch 20.0, {last}"
    for told in (some, every):
        np.testing.assert_array_equal(told.transform(rows), silent.transform(rows))


def test_what_an_encoder_cannot_be(digits, rows) -> None:
    x, y = digits
    with pytest.raises(NotFittedError):
        tacit.Classifier(FrozenEstimator(tacit.Autoencoder())).fit(x, y)
    with pytest.raises(TypeError, match="encoder is a PCA; it is a tacit Autoencoder"):
        tacit.Classifier(PCA()).fit(x, y)
    with pytest.raises(ValueError, match="encoder__max_epochs: encoder is None"):
        tacit.Classifier().set_params(encoder__max_epochs=3)
    per_image = tacit.VAE(**TINY, posterior="per_image").fit(x)
    with pytest.raises(PartError, match="no encoder to take"):
        tacit.Classifier(per_image).fit(x, y)
    with pytest.raises(
        ValueError, match=r"X is \(n, 8, 8\); the encoder that was given reads \(n, 2"
    ):
        tacit.Classifier(tacit.Autoencoder(**SMALL).fit(rows)).fit(x, y)
    with pytest.raises(ValueError, match="no encoder to be frozen"):
        tacit.Classifier(frozen=True).fit(x, y)


@pytest.mark.parametrize("labels", [["cat", "dog"], [False, True], [3, 7], [0.0, 1.0]])
def test_labels_of_any_type_are_predicted_as_they_are(labels, rows, tmp_path) -> None:
    y = np.array(labels)[(rows[:, 0] > 5).astype(int)]
    classifier = tacit.Classifier(**SMALL | {"min_updates": 100}).fit(rows, y)
    assert classifier.score(rows, y) > 0.9
    classifier.save_pretrained(tmp_path / "model")
    loaded = tacit.Classifier.from_pretrained(tmp_path / "model")
    found = loaded.predict(rows)
    assert found.dtype.kind == y.dtype.kind
    np.testing.assert_array_equal(found, classifier.predict(rows))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 0}, "n_components is 0; it is a whole number of at least 1"),
        ({"n_components": 2.5}, r"n_components is 2\.5; it is a whole number"),
        ({"n_components": "2"}, "n_components is '2'; it is a whole number"),
        ({"n_components": True}, "n_components is True; it is a whole number"),
        ({"n_components": 10**9}, "n_components: 1000000000; it is at most 65536"),
        ({"max_epochs": 1.5}, r"max_epochs is 1\.5; it is a whole number"),
        ({"max_epochs": None}, "max_epochs is None; it is a whole number"),
        ({"batch_size": 3.5}, r"batch_size is 3\.5; it is a whole number"),
        ({"min_updates": -1}, "min_updates is -1; it is a whole number of at least 1"),
        ({"learning_rate": "fast"}, "learning_rate is 'fast'; it is a positive number"),
        ({"learning_rate": np.nan}, "learning_rate is nan; it is a positive number"),
        ({"verbose": "yes"}, "verbose is 'yes'; it is a whole number of at least 0"),
        ({"random_state": -1}, "random_state is -1; a number is at least 0"),
        ({"network": "convolution"}, "network: .*'convolution' is none of"),
        ({"network": "pool"}, "network 'pool' has no decoder"),
        ({"max_epochs": 0}, "max_epochs is 0; it is a whole number of at least 1"),
        ({"learning_rate": -1.0}, r"learning_rate is -1\.0; it is a positive number"),
        ({"posterior": "shared"}, "'shared'; it is amortized or per_image"),
        ({"likelihood": "poisson"}, "'poisson'; it is gaussian or bernoulli"),
        ({"sigma": -0.1}, "sigma"),
        ({"importance_samples": 0}, "importance_samples is 0"),
        ({"device": "gpu"}, "device is 'gpu'; it is auto, cpu, cuda, or cuda:N"),
        ({"device": None}, "device is None; it is auto"),
        ({"device": "cuda:-1"}, "device is 'cuda:-1'; it is"),
    ],
)
def test_a_parameter_that_cannot_be_is_named(options, message, digits) -> None:
    with pytest.raises(ValueError, match=message):
        tacit.VAE(**TINY | options).fit(digits[0])


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((4, 3, 8, 8)), r"np\.moveaxis"),
        (np.full((4, 8, 8), 2.0), r"pixels lie between 2 and 2; they must be numbers in \[0, 1\]"),
        (np.full((4, 8, 8), np.nan), "NaN"),
        (np.zeros((0, 8, 8)), "0 sample"),
        (np.zeros((2, 2, 2, 2, 2)), "dim"),
        (
            np.ma.masked_array(np.zeros((4, 8, 8)), np.eye(8, dtype=bool)[None].repeat(4, 0)),
            "32 .*masked",
        ),
        (np.ma.masked_array(np.zeros((4, 2)), [[True, False]] * 4), "4 values are masked"),
        ([np.zeros((8, 8)), np.zeros((8, 4))], r"different shapes, such as \(8, 8\) and \(8, 4\)"),
    ],
)
def test_images_that_cannot_be_are_named(x, message) -> None:
    with pytest.raises(ValueError, match=message):
        tacit.Autoencoder(**TINY).fit(x)


def test_rows_of_another_form_than_the_training_data_are_refused(digits, rows, vae) -> None:
    x = digits[0]
    images = tacit.Autoencoder(**TINY).fit(x)
    for other in (x.reshape(len(x), -1), x[:, :4], x[..., None].repeat(3, 3)):
        with pytest.raises(ValueError, match=r"fitted on \(n, 8, 8\)"):
            images.transform(other)
    with pytest.raises(ValueError, match=r"fitted on \(n, 2\)"):
        vae.transform(x)
    with pytest.raises(ValueError, match=r"they are \(n, 3\)"):
        images.inverse_transform(np.zeros((2, 4)))


def test_bernoulli_is_a_probability_of_binarised_images(digits) -> None:
    x = digits[0].round()
    vae = tacit.VAE(**TINY, likelihood="bernoulli", importance_samples=5).fit(x)
    assert (vae.score_samples(x[:5]) < 0).all()
    with pytest.raises(ValueError, match="is for images"):
        tacit.VAE(likelihood="bernoulli").fit(x.reshape(len(x), -1))


def test_an_estimator_that_is_saved_is_the_one_that_is_loaded(rows, vae, tmp_path) -> None:
    vae.save_pretrained(tmp_path / "vae")
    loaded = tacit.VAE.from_pretrained(tmp_path / "vae")
    assert loaded.get_params() == vae.get_params()
    np.testing.assert_array_equal(loaded.score_samples(rows[:5]), vae.score_samples(rows[:5]))
    with pytest.raises(ValueError, match="holds a model for VAE, not for Classifier"):
        tacit.Classifier.from_pretrained(tmp_path / "vae")
    with pytest.raises(TypeError, match=r"tacit\.VAE\.from_pretrained"):
        tacit.load(tmp_path / "vae")
    with pytest.raises(NotFittedError):
        tacit.VAE().save_pretrained(tmp_path / "new")


def test_a_saved_image_estimator_is_a_trained_model_too(digits, tmp_path) -> None:
    x, y = digits
    vae = tacit.VAE(**TINY).fit(x)
    vae.save(tmp_path / "vae")
    model = tacit.load(tmp_path / "vae")
    np.testing.assert_allclose(model.encode(x), vae.transform(x), atol=1e-5)
    classifier = tacit.Classifier(model, min_updates=3, max_epochs=1).fit(x, y)
    assert classifier.config_.latent_dim == 3


def test_threads_that_fit_at_once_do_not_disturb_each_other(rows) -> None:
    alone = [tacit.Autoencoder(**SMALL, random_state=i).fit(rows).transform(rows) for i in range(4)]
    together = joblib.Parallel(n_jobs=4, backend="threading")(
        joblib.delayed(tacit.Autoencoder(**SMALL, random_state=i).fit_transform)(rows)
        for i in range(4)
    )
    np.testing.assert_array_equal(together, alone)


def test_a_model_of_images_with_channels_first_reads_them_last_here(digits, tmp_path) -> None:
    x, y = digits
    colour = np.stack([x, x[::-1], 1 - x], axis=3)
    fitted = tacit.VAE(**TINY).fit(colour)
    fitted.save(tmp_path / "first")
    model = tacit.load(tmp_path / "first")
    model.save(tmp_path / "second")
    again = tacit.VAE.from_pretrained(tmp_path / "second")
    np.testing.assert_array_equal(again.transform(colour), fitted.transform(colour))
    assert again.inverse_transform(again.transform(colour[:2])).shape == (2, 8, 8, 3)
    options = {"frozen": True, "min_updates": 3, "max_epochs": 1}
    ours, theirs = (tacit.Classifier(e, **options).fit(colour, y) for e in (fitted, model))
    np.testing.assert_array_equal(ours.predict_proba(colour), theirs.predict_proba(colour))


def test_a_gpu_that_is_not_there_is_named(digits, monkeypatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for device in ("cuda", "cuda:1"):
        with pytest.raises(ValueError, match=f"{device}, but PyTorch sees no CUDA.*cpu or auto"):
            tacit.Autoencoder(**TINY, device=device).fit(digits[0])
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    with pytest.raises(ValueError, match="cuda:1, but PyTorch sees 1 here, from cuda:0 on"):
        tacit.Autoencoder(**TINY, device="cuda:1").fit(digits[0])


@pytest.mark.parametrize(
    "device",
    [
        "cpu",
        "auto",
        pytest.param(
            "cuda",
            marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
        ),
    ],
)
def test_wherever_it_was_trained_it_is_asked_on_the_cpu(device, digits, tmp_path) -> None:
    x, y = digits
    options = TINY | {"device": device}
    vaes = [
        tacit.VAE(**options | FEW, posterior=kind).fit(x) for kind in ("amortized", "per_image")
    ]
    classifier = tacit.Classifier(**TINY | {"device": device}, encoder=vaes[0], frozen=True)
    models = [tacit.Autoencoder(**options).fit(x), *vaes, classifier.fit(x, y)]
    cpu = tacit.Autoencoder(**TINY, device="cpu").fit(x)
    np.testing.assert_allclose(models[0].transform(x), cpu.transform(x), rtol=1e-2, atol=1e-3)
    for number, model in enumerate(models):
        assert {p.device.type for p in model.model_.parameters()} == {"cpu"}
        model.save(tmp_path / str(number))
        assert type(model).from_pretrained(tmp_path / str(number)).device == device
        ask = model.predict_proba if number == 3 else model.transform
        assert np.isfinite(ask(x[:3])).all()
    assert np.isfinite(vaes[0].score_samples(x[:3])).all()


@pytest.mark.parametrize("estimator", [tacit.Autoencoder, tacit.VAE, tacit.Classifier])
def test_former_names_are_taken_with_a_warning(estimator: type) -> None:
    with pytest.warns(FutureWarning, match="is called .* now"):
        made = estimator(n_code=3, epochs=2, updates=5, rate=0.01)
    assert (made.n_components, made.max_epochs, made.min_updates) == (3, 2, 5)
    assert made.learning_rate == 0.01
    assert not {"n_code", "epochs", "updates", "rate"} & made.get_params().keys()
    with pytest.raises(TypeError, match="n_code is the former name of n_components; give one"):
        estimator(n_code=3, n_components=3)


def test_tensors_are_taken_wherever_they_come_from(digits, rows) -> None:
    x = (digits[0] / digits[0].max()).astype(np.float32)
    encoder = tacit.Autoencoder(**TINY).fit(x)
    tensor = torch.tensor(x, requires_grad=True)
    np.testing.assert_array_equal(encoder.transform(tensor), encoder.transform(x))
    vae = tacit.VAE(**TINY).fit(torch.tensor(rows, requires_grad=True))
    assert vae.n_features_in_ == rows.shape[1]
    tacit.Autoencoder(**TINY, device=torch.device("cpu")).fit(x)
