"""How images reach the workers."""

import numpy as np
import pytest

from tacit.images.dataset import Images, Split
from tacit.streams import numpy_stream
from tacit.studies.shared_images import mapped_from, read_images, write_images
from tacit.studies.work import mean_image
from tacit.training.examples import Chosen


def some_pixels() -> np.ndarray:
    return numpy_stream(0, "pixels").integers(0, 256, (10, 1, 8, 8), dtype=np.uint8)


def test_images_come_back_as_they_were(tmp_path) -> None:
    train = Images(some_pixels(), np.arange(10) % 2, ("a", "b"), "noise")
    test = Images(some_pixels()[:4])
    write_images(tmp_path / "images", Split(train, test))
    back = read_images(tmp_path / "images")
    assert back.train.sha256 == train.sha256
    assert back.test.sha256 == test.sha256
    assert back.train.class_names == ("a", "b")
    assert back.test.labels is None


def test_pixels_that_are_mapped_from_a_file_are_not_copied(tmp_path) -> None:
    path = tmp_path / "pixels.npy"
    np.save(path, some_pixels())
    mapped = np.load(path, mmap_mode="r")
    assert mapped_from(mapped) == (path.resolve(), mapped.offset)
    assert mapped_from(mapped[2:]) is None
    assert mapped_from(some_pixels()) is None
    write_images(tmp_path / "images", Split(Images(mapped), Images(mapped[2:])))
    assert not (tmp_path / "images" / "train-pixels.npy").exists()
    back = read_images(tmp_path / "images")
    np.testing.assert_array_equal(back.train.pixels, some_pixels())
    np.testing.assert_array_equal(back.test.pixels, some_pixels()[2:])


@pytest.mark.parametrize("at_once", [2**24, 3 * 64, 1])
def test_the_mean_image_is_the_mean_of_all(at_once, monkeypatch) -> None:
    monkeypatch.setattr("tacit.studies.work.PIXELS_AT_ONCE", at_once)
    images = Images(some_pixels())
    expected = some_pixels().astype(float).mean(axis=0) / 255
    np.testing.assert_allclose(mean_image(images).numpy(), expected, atol=1e-6)


def test_chosen_examples_are_the_images_and_no_copy() -> None:
    images = Images(some_pixels(), np.arange(10) % 3, ("a", "b", "c"))
    index = np.array([7, 2, 5])
    chosen, taken = Chosen(images, index), images.take(index)
    assert len(chosen) == 3
    np.testing.assert_array_equal(chosen.labels, taken.labels)
    some = np.array([2, 0])
    np.testing.assert_array_equal(chosen.scaled(some), taken.scaled(some))
    np.testing.assert_allclose(mean_image(chosen), mean_image(taken))
    assert chosen.images.pixels is images.pixels
    assert Chosen(Images(some_pixels()), index).labels is None
