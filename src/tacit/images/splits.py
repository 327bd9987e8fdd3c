"""Which images are learned from, which are tested on, and which have labels."""

import hashlib
import math
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tacit.errors import ImagesError
from tacit.images.dataset import UNLABELLED, Images
from tacit.images.originals import joined
from tacit.streams import numpy_stream

TEST_SHARE = 0.2
_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 by the golden ratio: any odd number without a pattern


def stratified_subset(
    labels: NDArray[np.integer[Any]], n: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """`n` images, sorted, in which every class has its share of the whole to within one.

    Quotas are rounded by the largest remainder. Images without a label count as a class.

    Args:
        labels: (N,).
        n: how many, 1 to N.
        generator: chooses the images.

    Raises:
        ImagesError: `n` is not between 1 and N.
    """
    if not 1 <= n <= len(labels):
        raise ImagesError(f"{n:,} of {len(labels):,} images are asked for; 1 to all can be had")
    classes, counts = np.unique(labels, return_counts=True)
    quotas, remainders = np.divmod(n * counts, len(labels))
    largest = np.argsort(-remainders, kind="stable")[: n - quotas.sum()]
    quotas[largest] += 1
    chosen = [
        generator.choice(np.flatnonzero(labels == label), quota, replace=False)
        for label, quota in zip(classes, quotas, strict=True)
    ]
    return np.sort(np.concatenate(chosen))


def few_label_draw(
    labels: NDArray[np.integer[Any]],
    per_class: int,
    draw: int,
    class_names: Sequence[str] = (),
    *,
    small_classes: Literal["refuse", "whole"] = "refuse",
) -> NDArray[np.int64]:
    """The images whose labels a method may see: `per_class` of each class, sorted.

    The choice is seeded by the number of the draw alone, so all methods and seeds see the same
    images, and it is nested: the images of a smaller `per_class` are among those of a larger one.

    Args:
        labels: (N,); images without a label are never drawn.
        per_class: how many of each class.
        draw: the number of the draw, from 0.
        class_names: of the classes 0, 1, …; without them, the classes that occur.
        small_classes: what becomes of classes with fewer than `per_class` images: they are an
            error, or the method sees the whole of them.

    Raises:
        ImagesError: a class has fewer than `per_class` images and `small_classes` is "refuse", no
            image has a label, or a number is out of range.
    """
    if per_class < 1 or draw < 0:
        raise ImagesError(
            f"`per_class` is {per_class} and `draw` is {draw}; "
            "`per_class` is at least 1, `draw` at least 0"
        )
    n_classes = len(class_names) or int(labels.max(initial=UNLABELLED)) + 1
    names = tuple(class_names) or tuple(str(label) for label in range(n_classes))
    counts = np.bincount(labels[labels != UNLABELLED], minlength=n_classes)
    if not counts.any():
        raise ImagesError("labels are to be drawn, but no image has one")
    smallest = int(counts.argmin())
    if counts[smallest] < per_class and small_classes == "refuse":
        raise ImagesError(
            f"`per_class` is {per_class}, but class '{names[smallest]}' has only "
            f"{counts[smallest]} training images; ask for at most so many, or for the whole of "
            "such classes (`small_classes: whole`)"
        )
    chosen = [
        numpy_stream(draw, "draw", label).permutation(np.flatnonzero(labels == label))[:per_class]
        for label in range(n_classes)
    ]
    return np.sort(np.concatenate(chosen))


def content_hashes(images: Images) -> Iterator[bytes]:
    """SHA-256 of each image's pixels, one after another."""
    for portion in images.portions():
        for row in portion:
            yield hashlib.sha256(row.data).digest()


def in_test(content_hash: bytes) -> bool:
    """Whether an image with this SHA-256 is tested on: the hash is in the lowest fifth.

    What an image holds decides, and nothing else: adding or removing images, renaming them or
    listing them in another order moves none, and copies of an image stay on one side. Each class
    is split about 80 to 20, as by independent draws; a small class may have no test image.
    """
    return int.from_bytes(content_hash[:8], "big") < TEST_SHARE * 2**64


def sides_by_content(images: Images) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The training and the test images by `in_test`, by index.

    Where only some images have labels, those without are learned from: they can test no answer.

    Raises:
        ImagesError: all images fall on one side.
    """
    test = np.fromiter(map(in_test, content_hashes(images)), bool, len(images))
    if images.labels is not None:
        test &= images.labels != UNLABELLED
    both_sides(len(test) - int(test.sum()), int(test.sum()), images.source)
    return np.flatnonzero(~test), np.flatnonzero(test)


def both_sides(n_train: int, n_test: int, source: str) -> None:
    """Check that there is something to learn from and something to test on.

    Raises:
        ImagesError: one side is empty.
    """
    if not (n_train and n_test):
        raise ImagesError(
            f"{source}: of {n_train + n_test:,} images, {n_train:,} would be learned from and "
            f"{n_test:,} tested on; both are needed. Images that come without a split are split by "
            "content, about 80 to 20, copies of one image together: bring more images, or a split "
            "of your own (folders train and test, or a column split in labels.csv)"
        )


def found_in_both(train: Images, test: Images) -> NDArray[np.int64]:
    """The test images, by index, whose pixels are those of a training image."""
    if train.shape != test.shape:
        return np.empty(0, np.int64)
    # Most images differ in a few of their pixels already; only the others are read whole.
    learned, tested = samples(train), samples(test)
    suspects = np.flatnonzero(np.isin(tested, learned))
    alike = np.flatnonzero(np.isin(learned, tested[suspects]))
    contents = set(content_hashes(train.take(alike)))
    found = [content in contents for content in content_hashes(test.take(suspects))]
    return suspects[np.array(found, dtype=bool)]


def samples(images: Images) -> NDArray[np.uint64]:
    """A number of each image, (N,), that some fifty of its pixels make."""
    n_pixels = math.prod(images.shape)
    numbers = [np.empty(0, np.uint64)]
    for portion in images.portions():
        some = portion.reshape(-1, n_pixels)[:, :: max(1, n_pixels // 50)]
        words = np.pad(some, ((0, 0), (0, -some.shape[1] % 8))).view(np.uint64)
        mixed = np.zeros(len(words), np.uint64)
        for column in words.T:
            mixed = (mixed ^ column) * _ODD
            mixed ^= mixed >> np.uint64(32)
        numbers.append(mixed)
    return np.concatenate(numbers)


def together(parts: Sequence[Images]) -> Images:
    """Images of several sets as one, those of the first in front; labels where one has some."""
    first, *others = parts
    if not others:
        return first
    labels = None
    if any(part.labels is not None for part in parts):
        nothing = [np.full(len(part), UNLABELLED, np.int64) for part in parts]
        known = [n if p.labels is None else p.labels for p, n in zip(parts, nothing, strict=True)]
        labels = np.concatenate(known)
    pixels = np.concatenate([part.pixels for part in parts])
    pictures = [part.originals for part in parts if part.originals is not None]
    originals = reduce(joined, pictures) if len(pictures) == len(parts) else None
    return Images(pixels, labels, first.class_names, first.source, originals)
