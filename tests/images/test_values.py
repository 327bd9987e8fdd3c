"""One conversion of arrays, wherever they come in: estimators, saved models, array files."""

import numpy as np
import pytest

from tacit.errors import ImagesError
from tacit.estimators.autoencoder import Autoencoder
from tacit.images.sources import open_images
from tacit.images.values import few_levels, range_of, scaled_to_bytes, unit_pixels
from tacit.saved.trained import load

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (24, 8, 8), dtype=np.uint8)
BYTES[:, 0, 0], BYTES[:, 0, 1] = 0, 255

SAME = {
    "uint8": BYTES,
    "float16": (BYTES / 255).astype(np.float16),
    "float32": (BYTES / 255).astype(np.float32),
    "float64": BYTES / 255,
    "longdouble": (BYTES / 255).astype(np.longdouble),
    "uint16, times 257": BYTES.astype(np.uint16) * 257,
    "uint16, low byte 0": BYTES.astype(np.uint16) * 256,
    "int16": BYTES.astype(np.int16),
    "uint32": BYTES.astype(np.uint32),
    "int64": BYTES.astype(np.int64),
    "big-endian int32": BYTES.astype(">i4"),
    "big-endian float32": (BYTES / 255).astype(">f4"),
    "big-endian uint16": (BYTES.astype(np.uint16) * 257).astype(">u2"),
    "Fortran's order": np.asfortranarray(BYTES),
    "a list": (BYTES / 255).tolist(),
}
REFUSED = {
    "int16 below 0": BYTES.astype(np.int16) - 100,
    "int8 that wrapped": BYTES.astype(np.int8),
    "int32 above 255": BYTES.astype(np.int32) + 100,
    "int32 of 16 bits": BYTES.astype(np.int32) * 257,
    "12 bits in uint16": BYTES.astype(np.uint16) * 16,
    "10 bits in uint16": BYTES.astype(np.uint16) * 4,
    "8 bits in uint16": BYTES.astype(np.uint16),
    "floats to 255": BYTES.astype(np.float32),
    "float16 to 255": BYTES.astype(np.float16),
    "longdouble to 255": BYTES.astype(np.longdouble),
    "floats from -1 to 1": BYTES / 127.5 - 1,
    "standardised": RNG.normal(size=BYTES.shape),
    "NaN": np.where(BYTES == 255, np.nan, BYTES / 255),
    "NaN in float16": np.where(BYTES == 255, np.nan, BYTES / 255).astype(np.float16),
    "infinity": np.where(BYTES == 255, np.inf, BYTES / 255),
    "objects": (BYTES / 255).astype(object),
    "text": BYTES.astype(str),
    "complex": BYTES.astype(complex),
}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    estimator = Autoencoder(n_components=2, max_epochs=1, min_updates=2, random_state=0).fit(BYTES)
    folder = tmp_path_factory.mktemp("model") / "m"
    estimator.save(folder)
    return estimator, load(folder)


@pytest.mark.parametrize("kind", SAME)
def test_the_same_picture_in_any_type(kind, fitted, tmp_path) -> None:
    estimator, model = fitted
    x = SAME[kind]
    close = {"rtol": 0, "atol": 0.02}
    np.testing.assert_allclose(estimator.transform(x), estimator.transform(BYTES), **close)
    np.testing.assert_allclose(model.encode(x), model.encode(BYTES), **close)
    np.save(tmp_path / "x.npy", np.asarray(x))
    if np.asarray(x).dtype.itemsize <= 8:
        opened = open_images(str(tmp_path / "x.npy"))
        both = np.concatenate([opened.train.pixels[:], opened.test.pixels[:]])
        numbers = [int(name) for side in opened.names for name in side]
        assert np.abs(both[np.argsort(numbers), 0].astype(int) - BYTES).max() <= 1


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused_is_refused_everywhere(kind, fitted, tmp_path) -> None:
    estimator, model = fitted
    x = REFUSED[kind]
    for use in (
        estimator.transform,
        lambda x: Autoencoder(n_components=2, max_epochs=1, min_updates=2).fit(x),
        model.encode,
    ):
        with pytest.raises(ImagesError, match=r"pixels"):
            use(x)
    if x.dtype.kind not in "Oc":
        np.save(tmp_path / "x.npy", x)
        with pytest.raises(ImagesError, match=r"x\.npy: .*pixels"):
            open_images(str(tmp_path / "x.npy"))


def test_booleans_are_black_and_white(fitted) -> None:
    estimator, model = fitted
    mask = BYTES > 127
    white = mask.astype(float)
    np.testing.assert_array_equal(estimator.transform(mask), estimator.transform(white))
    np.testing.assert_array_equal(model.encode(mask), model.encode(white))


def test_black_images_of_any_type_are_black() -> None:
    for dtype in (np.uint8, np.uint16, np.int64, np.float16, bool):
        black = np.zeros((2, 4, 4), dtype)
        assert not range_of(black, "x").to_bytes(black).any()
        assert not unit_pixels(black, "x").any()


@pytest.mark.parametrize("white", [15, 255, 4095, 65535])
def test_levels_are_the_nearest(white) -> None:
    every = np.arange(white + 1, dtype=np.uint16)
    np.testing.assert_array_equal(scaled_to_bytes(every, white), np.rint(every * (255 / white)))


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0, 14, True), (0, 1, True), (128, 140, True), (0, 63, True), (0, 64, False), (5, 5, False)],
)
def test_few_levels_are_named(low, high, said) -> None:
    parts = [np.full((1, 2, 2), value, np.uint8) for value in (low, high)]
    note = few_levels(parts)
    assert bool(note) == said
    assert not said or f"between {low} and {high}" in note


def test_no_more_is_read_than_it_takes() -> None:
    def parts():
        yield np.array([0, 200], np.uint8)
        raise AssertionError("the levels were known")

    assert few_levels(parts()) == ""


def test_an_estimator_warns_of_few_levels() -> None:
    with pytest.warns(UserWarning, match="all pixels lie between 0 and 15"):
        Autoencoder(n_components=2, max_epochs=1, min_updates=2).fit(BYTES // 16)
