"""The images that questions look at: of the classes asked for, the same at every call."""

import numpy as np
import pytest

from tacit.images.dataset import UNLABELLED, Images
from tacit.questions.shared.samples import compared_classes, of_all, of_each_class


def labelled(labels: list[int]) -> Images:
    pixels = np.zeros((len(labels), 1, 2, 2), np.uint8)
    return Images(pixels, np.array(labels), ("a", "b", "c"))


def test_classes_are_compared_where_both_sides_have_two_images() -> None:
    train = labelled([0, 0, 0, 1, 1, 2, UNLABELLED, UNLABELLED])
    test = labelled([0, 0, 1, 2, 2])
    assert compared_classes(train, test) == [0]
    assert compared_classes(Images(train.pixels), test) == []


def test_each_class_gives_so_many_of_its_own_in_random_order() -> None:
    images = labelled([0, 1, 2] * 30)
    rows = of_each_class(images, [0, 2], 10, "train")
    assert images.labels is not None
    assert images.labels[rows].tolist() == [0] * 10 + [2] * 10
    assert len(set(rows.tolist())) == 20
    assert np.any(np.diff(rows[:10]) < 0)
    assert np.array_equal(rows, of_each_class(images, [0, 2], 10, "train"))
    fewer = of_each_class(images, [0, 2], 4, "train")
    assert np.array_equal(fewer[:4], rows[:4])


@pytest.mark.parametrize("size", [7, 30, 100])
def test_a_sample_of_all_is_stratified_and_sorted(size: int) -> None:
    images = labelled([0] * 60 + [1] * 30)
    rows = of_all(images, size, "test")
    assert images.labels is not None
    assert np.all(np.diff(rows) > 0)
    assert len(rows) == min(size, 90)
    assert abs(np.mean(images.labels[rows] == 0) - 2 / 3) < 0.1
    assert len(of_all(Images(images.pixels), size, "test")) == min(size, 90)
