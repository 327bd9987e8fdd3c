"""MNIST from a folder, or images of the same shape."""

from functools import cache

import numpy as np

from tacit.images.dataset import Images, Split
from tacit.images.sources import open_images
from tacit.streams import numpy_stream


@cache
def images_of(data_dir: str | None, n: int) -> Split:
    """n training images of 28×28 and their test images.

    Without a folder they are noise: their content does not change how long a step takes, and
    nothing can be said about what was learned from them.
    """
    if data_dir is None:
        return Split(noise_images(n, 28), noise_images(max(100, n // 6), 28))
    split = open_images("mnist", data_dir=data_dir)
    chosen = np.sort(numpy_stream(0, "benchmark").permutation(len(split.train))[:n])
    return Split(split.train.take(chosen), split.test)


def noise_images(n: int, side: int) -> Images:
    """n gray images of noise in ten classes."""
    pixels = numpy_stream(0, "benchmark").integers(0, 256, (n, 1, side, side), dtype=np.uint8)
    return Images(pixels, np.arange(n) % 10, tuple("0123456789"), source="noise")
