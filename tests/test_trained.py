"""A finished run from one's own code."""

import numpy as np
import pytest

import tacit
from tacit.cli import run_command
from tacit.files import Damaged, read_record
from tacit.images.sources import open_images
from tacit.saved.trained import as_pixels
from tacit.studies.execution.work import read_images

from .studies.conftest import finished, small_study  # noqa: F401


@pytest.fixture(scope="module")
def images():
    return open_images("digits").test.pixels[:6]


def test_a_vae_does_all_that_it_can(finished, images) -> None:  # noqa: F811
    model = tacit.load(finished, run="vae")
    codes = model.encode(images)
    assert codes.shape == (6, 4)
    assert codes.dtype == np.float32
    np.testing.assert_array_equal(codes, model.encode(images))
    np.testing.assert_allclose(codes, model.encode(images[:, 0] / 255.0), atol=1e-5)
    decoded = model.decode(codes)
    assert decoded.shape == (6, 1, 8, 8)
    assert decoded.min() >= 0
    assert decoded.max() <= 1
    np.testing.assert_array_equal(model.reconstruct(images), decoded)
    np.testing.assert_array_equal(model.sample(3), model.sample(3))
    assert (model.sample(3, seed=1) != model.sample(3)).any()
    estimate = model.log_prob(images, n_samples=200)
    assert np.isfinite(estimate.log_prob).all()
    assert estimate.log_prob.shape == (6,)
    assert estimate.bound == "lower"
    with pytest.raises(TypeError, match="does not predict"):
        model.predict(images)


def test_a_per_image_vae_encodes_unseen_images_by_optimisation(finished, images) -> None:  # noqa: F811
    model = tacit.load(finished, run="per-image")
    codes = model.encode(images)
    assert codes.shape == (6, 4)
    np.testing.assert_array_equal(codes, model.encode(images))
    error = np.square(model.reconstruct(images) - images / 255.0).sum()
    other = np.square(model.decode(np.zeros((6, 4))) - images / 255.0).sum()
    assert error < other


def test_a_classifier_predicts_by_name(finished, images) -> None:  # noqa: F811
    model = tacit.load(finished, run="few", draw=1)
    probabilities = model.predict_proba(images)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert set(model.predict(images)) <= set("0123456789")
    with pytest.raises(TypeError, match="no decoder"):
        model.decode(np.zeros((1, 4)))
    with pytest.raises(TypeError, match="no p"):
        model.sample(2)


def test_snapshots_can_be_loaded(finished, images) -> None:  # noqa: F811
    early, late = (tacit.load(finished, run="vae", epoch=epoch) for epoch in (1, 2))
    assert (early.encode(images) != late.encode(images)).any()
    final = tacit.load(finished, run="vae")
    np.testing.assert_array_equal(late.encode(images), final.encode(images))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"run": "vea"}, "did you mean 'vae'"),
        ({"run": "vae", "seed": 7}, "has no seed 7"),
        ({"run": "few", "draw": 5}, r"draws: \[0, 1\]"),
        ({"run": "vae", "epoch": 9}, r"it kept \[1, 2\]"),
    ],
)
def test_what_is_not_there_is_named_with_the_choices(finished, options, message) -> None:  # noqa: F811
    with pytest.raises(ValueError, match=message):
        tacit.load(finished, **options)


def test_a_folder_without_a_study_is_named(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no study"):
        tacit.load(tmp_path, run="vae")


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 1, 9, 8), np.uint8), r"the model takes \(N, 1, 8, 8\)"),
        (np.full((2, 8, 8), 2.0), "pixels lie between 2 and 2"),
        (np.full((2, 8, 8), np.nan), "hold NaN"),
        (np.zeros((8, 8)), "shape"),
    ],
)
def test_images_that_do_not_fit_are_refused(images, message) -> None:
    with pytest.raises(ValueError, match=message):
        as_pixels(images, (1, 8, 8))


def test_channels_may_come_last() -> None:
    x = np.random.default_rng(0).integers(0, 256, (2, 8, 6, 3), dtype=np.uint8)
    np.testing.assert_allclose(as_pixels(x, (3, 8, 6)), x.transpose(0, 3, 1, 2) / 255, atol=1e-7)


@pytest.mark.parametrize("run", ["vae", "per-image", "autoencoder", "few"])
def test_a_run_that_is_saved_is_the_same_model(finished, images, run, tmp_path) -> None:  # noqa: F811
    model = tacit.load(finished, run=run)
    model.save_pretrained(tmp_path / "model")
    for loaded in (
        tacit.load(tmp_path / "model"),
        tacit.TrainedModel.from_pretrained(tmp_path / "model"),
    ):
        np.testing.assert_array_equal(loaded.encode(images), model.encode(images))
        assert loaded.class_names == model.class_names
        assert loaded.about == model.about
    card = (tmp_path / "model" / "README.md").read_text()
    assert f"run: {run}" in card
    assert "| test | loss |" in card or run == "per-image"


def test_a_run_says_what_it_learned_from_and_how_it_measured(finished) -> None:  # noqa: F811
    train = open_images("digits", train_size=80).train
    about = tacit.load(finished, run="vae").about
    assert about.data.sha256 == train.sha256
    assert about.data.n == 80
    assert {(m.split, m.term) for m in about.measured} >= {("test", "elbo"), ("train", "kl")}
    few = tacit.load(finished, run="few", draw=1).about
    assert few.data.n == 20
    assert few.data.sha256 != about.data.sha256


def test_a_study_needs_the_name_of_a_run_and_a_saved_model_has_none(finished, tmp_path) -> None:  # noqa: F811
    with pytest.raises(ValueError, match=r"say which run: .*per-image"):
        tacit.load(finished)
    tacit.load(finished, run="vae").save(tmp_path / "model")
    with pytest.raises(ValueError, match="holds one saved model"):
        tacit.load(tmp_path / "model", run="vae")


@pytest.mark.parametrize(
    "name", ["model.safetensors", "job.json", "snapshots/update-1.safetensors"]
)
def test_a_run_with_a_flipped_byte_is_refused_by_name(finished, name) -> None:  # noqa: F811
    own = finished / read_record(finished / "study.json")["runs"]["vae"][0]["folder"]
    whole = (own / name).read_bytes()
    (own / name).write_bytes(whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:])
    try:
        with pytest.raises(Damaged, match=name.split("/")[-1]):
            tacit.load(finished, run="vae", epoch=1 if "snapshots" in name else None)
    finally:
        (own / name).write_bytes(whole)


def test_commands_take_a_finished_run_and_its_test_images(finished, tmp_path, capsys) -> None:  # noqa: F811
    assert run_command(["encode", str(finished), "--run", "vae", "--limit", "4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "image,label,code_0,code_1,code_2,code_3"
    assert [line.split(",")[0] for line in lines[1:]] == [f"test/{i}" for i in range(4)]
    expected = tacit.load(finished, run="vae").encode(read_images(finished / "images").test.pixels)
    assert float(lines[1].split(",")[2]) == pytest.approx(float(expected[0, 0]), abs=1e-6)
    assert run_command(["predict", str(finished), "--run", "few", "--draw", "1"]) == 0
    assert run_command(["describe", str(finished), "--run", "per-image"]) == 0
    said = capsys.readouterr().out
    assert "mean of each image" in said
    assert run_command(["sample", str(finished), "--run", "vea", "--out", "x.png"]) == 2
    assert "did you mean 'vae'" in capsys.readouterr().err
