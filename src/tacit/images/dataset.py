"""A set of images: pixels, labels, and a hash of what they hold."""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tacit.errors import ImagesError
from tacit.images.rows import RowsOf, taken

if TYPE_CHECKING:
    from tacit.images.originals import Originals

UNLABELLED = -1
"""The label of an image that has none, in a set where others have one."""

MAX_CLASSES, LONGEST_NAME = 2_000, 200
"""More classes, or longer names, are surely no classes but numbers or texts of each image."""


def check_classes(n_classes: int, longest: int, source: str) -> None:
    """See that labels are those of classes.

    Raises:
        ImagesError: there are too many, or the longest name has too many characters.
    """
    if n_classes > MAX_CLASSES:
        raise ImagesError(
            f"{source}: the labels name {n_classes:,} classes; there can be {MAX_CLASSES:,}. Where "
            "labels are no classes, leave them away"
        )
    if longest > LONGEST_NAME:
        raise ImagesError(
            f"{source}: a class has a name of {longest:,} characters; {LONGEST_NAME} are allowed"
        )


BYTES_AT_ONCE = 2**24
"""As much is read of images that are looked at one after another."""


@dataclass(frozen=True, eq=False)
class Images:
    """Images of one shape, with labels where there are any.

    Attributes:
        pixels: uint8, (N, C, H, W); may be a memory map, or rows of one.
        labels: int64, (N,), class numbers, `UNLABELLED` where unknown; None without labels.
        class_names: the name of each class, in the order of the numbers.
        source: where they come from, for people to read.
        originals: the pictures before they were made alike; None where nobody will ask.
        features: what encoders from elsewhere make of them, (N, D) each, by the encoder's key.
    """

    pixels: NDArray[np.uint8] | RowsOf
    labels: NDArray[np.int64] | None = None
    class_names: tuple[str, ...] = ()
    source: str = "arrays"
    originals: "Originals | None" = None
    features: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.pixels.dtype != np.uint8 or self.pixels.ndim != 4:
            raise ValueError(
                f"pixels are {self.pixels.dtype} of shape {self.pixels.shape}; "
                "images are uint8 of shape (N, C, H, W)"
            )
        if self.labels is not None and self.labels.shape != (len(self.pixels),):
            raise ValueError(
                f"{len(self.pixels)} images have labels of shape {self.labels.shape}; "
                "there is one label for each image"
            )

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of one image."""
        _, channels, height, width = self.pixels.shape
        return channels, height, width

    @property
    def n_classes(self) -> int:
        """The number of classes; 0 without labels."""
        return len(self.class_names)

    @property
    def class_counts(self) -> NDArray[np.int64]:
        """How many images each class has, (n_classes,)."""
        known = np.empty(0, np.int64) if self.labels is None else self.labels
        return np.bincount(known[known != UNLABELLED], minlength=self.n_classes)

    @property
    def truth(self) -> NDArray[np.int64]:
        """The labels, for whoever knows that there are some.

        Raises:
            ValueError: there are none.
        """
        if self.labels is None:
            raise ValueError(f"images of {self.source} have no labels")
        return self.labels

    def labels_of(self, index: NDArray[np.integer[Any]]) -> NDArray[np.int64] | None:
        """The labels of the images at `index`; None without any."""
        return None if self.labels is None else self.labels[index]

    def take(self, index: NDArray[np.integer[Any]] | Sequence[int]) -> "Images":
        """The images at `index`, in its order; many of a file that is mapped are not copied."""
        rows = np.asarray(index, dtype=np.int64)
        labels = self.labels_of(rows)
        originals = None if self.originals is None else self.originals.take(rows)
        features = {key: known[rows] for key, known in self.features.items()}
        pixels = taken(self.pixels, rows)
        return Images(pixels, labels, self.class_names, self.source, originals, features)

    def with_originals(self, originals: "Originals") -> "Images":
        """The same images with the pictures that they come from; what was hashed is not again."""
        found = replace(self, originals=originals)
        if "sha256" in self.__dict__:
            found.__dict__["sha256"] = self.sha256
        return found

    def scaled(self, index: NDArray[np.integer[Any]] | slice = slice(None)) -> NDArray[np.float32]:
        """Pixels of the images at `index` as float32 in [0, 1], (n, C, H, W)."""
        return self.pixels[index].astype(np.float32) / np.float32(255)

    def portions(self) -> Iterator[NDArray[np.uint8]]:
        """The pixels in their order, a few images, (n, C, H, W), at a time, each contiguous."""
        rows = max(1, BYTES_AT_ONCE // max(1, math.prod(self.shape)))
        for start in range(0, len(self), rows):
            yield np.ascontiguousarray(self.pixels[start : start + rows])

    @cached_property
    def sha256(self) -> str:
        """A hash of shape, pixels, labels and class names; of nothing else."""
        digest = hashlib.sha256(repr((self.pixels.shape, self.class_names)).encode())
        for portion in self.portions():
            digest.update(portion.data)
        if self.labels is not None:
            digest.update(np.ascontiguousarray(self.labels).data)
        return digest.hexdigest()


class Split(NamedTuple):
    """Images to learn from and images to test on; no image is in both."""

    train: Images
    test: Images

    @property
    def sha256(self) -> str:
        """One hash for training and test images together."""
        return hashlib.sha256(f"{self.train.sha256}{self.test.sha256}".encode()).hexdigest()
