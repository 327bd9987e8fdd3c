"""Arrays that are larger than memory are read where they lie, and give what a copy gives."""

import tracemalloc

import numpy as np
import pytest

from tacit.images import dataset, rows
from tacit.images.dataset import Images
from tacit.images.rows import RowsOf
from tacit.images.sources import open_images
from tacit.measures.images import nearest
from tacit.questions.shared.scoring import OVERALL, mean_images
from tacit.streams import numpy_stream

SHAPES = {"gray": (20_000, 28, 28), "first": (9_000, 3, 24, 24), "last": (9_000, 24, 24, 3)}


@pytest.fixture
def file(request, tmp_path):
    """A .npy file of some 15 MB, without a split, in which some images are copies of others."""
    pixels = numpy_stream(0, "pixels").integers(0, 256, SHAPES[request.param], dtype=np.uint8)
    pixels[100:200] = pixels[300:400]
    np.save(tmp_path / "images.npy", pixels)
    return tmp_path / "images.npy"


@pytest.fixture
def small(monkeypatch) -> None:
    """A megabyte is much."""
    monkeypatch.setattr(rows, "MOST_COPIED", 2**20)
    monkeypatch.setattr(dataset, "BYTES_AT_ONCE", 2**20)


def peak(action):
    """What an action gives, and the most memory that it takes on its way, in bytes."""
    tracemalloc.start()
    try:
        return action(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


ASKED = [{}, {"train_size": 6_000}, {"duplicates": "remove"}]


@pytest.mark.parametrize("asked", ASKED, ids=["all", "some", "no copies"])
@pytest.mark.parametrize("file", SHAPES, indirect=True)
def test_a_large_file_is_split_in_little_memory_as_a_small_one_is(file, asked, request) -> None:
    copied, in_memory = peak(lambda: open_images(str(file), **asked))
    request.getfixturevalue("small")
    mapped, taken = peak(lambda: open_images(str(file), **asked))
    assert in_memory > 10e6
    assert taken < 6e6
    assert isinstance(mapped.train.pixels, RowsOf)
    assert mapped.train.sha256 == copied.train.sha256
    assert mapped.test.sha256 == copied.test.sha256
    assert mapped.notes == copied.notes
    some = np.array([5, 3, 5, len(mapped.train) - 1])
    for index in (some, slice(7, 20), slice(None)):
        np.testing.assert_array_equal(mapped.train.scaled(index), copied.train.scaled(index))


@pytest.mark.parametrize("file", SHAPES, indirect=True)
def test_numbers_of_mapped_images_are_those_of_copies(file, request) -> None:
    copied = open_images(str(file), size=8, channels="gray"), open_images(str(file))
    request.getfixturevalue("small")
    mapped = open_images(str(file), size=8, channels="gray"), open_images(str(file))
    assert mapped[0].train.sha256 == copied[0].train.sha256
    of, like = mapped[1].train, copied[1].train
    np.testing.assert_array_equal(
        mean_images(of, [])[OVERALL],
        like.pixels.mean(axis=0, dtype=np.float64).ravel() / 255,
        strict=True,
    )
    for found, expected in zip(
        nearest(of.scaled(slice(0, 2)), of.pixels),
        nearest(like.scaled(slice(0, 2)), like.pixels),
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected)


def test_rows_read_like_the_array_that_they_make() -> None:
    array = np.arange(24).reshape(6, 2, 2)
    index = np.array([4, -1, 0, 4])
    some, copy = RowsOf(array, index), array[index]
    assert (some.shape, some.ndim, some.dtype, len(some)) == (copy.shape, 3, copy.dtype, 4)
    for key in (1, -1, slice(1, 3), [3, 0], np.array([True, False, False, True])):
        np.testing.assert_array_equal(some[key], copy[key])
    np.testing.assert_array_equal(np.asarray(some), copy)
    np.testing.assert_array_equal(np.concatenate([some, some]), np.concatenate([copy, copy]))
    assert np.asarray(some, np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="without a copy"):
        np.asarray(some, copy=False)
    for wrong in ([6], [-7], [[0]]):
        with pytest.raises(IndexError, match="not among the array's 6"):
            RowsOf(array, np.array(wrong))


def test_rows_of_rows_are_rows_and_few_are_copied(tmp_path, small) -> None:
    np.save(tmp_path / "x.npy", numpy_stream(0, "x").integers(0, 256, (3000, 1, 28, 28), np.uint8))
    whole = Images(np.load(tmp_path / "x.npy", mmap_mode="r"))
    order = numpy_stream(0, "order").permutation(3000)
    mixed = whole.take(order)
    assert isinstance(mixed.pixels, RowsOf)
    again = mixed.take(order[:2000])
    assert isinstance(again.pixels, RowsOf)
    assert again.pixels.array is whole.pixels
    np.testing.assert_array_equal(again.pixels[:9], whole.pixels[order[order[:9]]])
    assert type(mixed.take(order[:3]).pixels) is np.ndarray
    assert type(Images(np.array(whole.pixels)).take(order).pixels) is np.ndarray
