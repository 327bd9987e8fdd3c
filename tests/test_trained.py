"""A finished run from one's own code."""

import numpy as np
import pytest

import tacit
from tacit.images.sources import open_images
from tacit.trained import as_pixels

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
        (np.full((2, 8, 8), 2.0), "pixels are 2 to 2"),
        (np.full((2, 8, 8), np.nan), "pixels are NaN"),
        (np.zeros((8, 8)), "shape"),
    ],
)
def test_images_that_do_not_fit_are_refused(images, message) -> None:
    with pytest.raises(ValueError, match=message):
        as_pixels(images, (1, 8, 8))


def test_channels_may_come_last() -> None:
    x = np.random.default_rng(0).integers(0, 256, (2, 8, 6, 3), dtype=np.uint8)
    np.testing.assert_allclose(as_pixels(x, (3, 8, 6)), x.transpose(0, 3, 1, 2) / 255, atol=1e-7)
