"""Numbers of images themselves, to be read beside a model's.

Images are (N, …), in [0, 1], or uint8 pixels, which are divided by 255.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tacit.images.rows import RowsOf
from tacit.measures.distances import Floats, chunks, squared_distances
from tacit.measures.separation import within_class


def flat(images: ArrayLike) -> Floats:
    """Images as rows of pixels in [0, 1], (N, D), float64."""
    x = np.asarray(images)
    if x.ndim < 2 or x.size == 0:
        raise ValueError(f"`images` has shape {x.shape}; (N, …) with at least one image is needed")
    rows = x.reshape(len(x), -1)
    return rows / 255.0 if x.dtype == np.uint8 else rows.astype(np.float64)


def mean_intensity(images: ArrayLike) -> Floats:
    """The mean pixel of each image, (N,)."""
    return flat(images).mean(axis=1)


def within_class_variance(images: ArrayLike, classes: ArrayLike) -> Floats:
    """The variance within each class, summed over pixels, (K,) in the classes' order.

    Raises:
        Undefined: where a class has a single image.
    """
    squared, y = within_class(flat(images), classes), np.asarray(classes)
    return np.array([squared[y == c].mean() for c in np.unique(y)])


def gaussian_log_prob(images: ArrayLike, centre: ArrayLike, sigma: float) -> Floats:
    """log N(x; centre, σ² I) in nats, per image, constants included, (N,).

    With the mean image (of all, or of the image's class) as `centre`, it is what a model knows
    that knows nothing else: log p(x) is read beside it.

    Args:
        images: (N, …).
        centre: (D,), or (N, D) for one per image.
        sigma: the likelihood's own, on pixels in [0, 1].
    """
    x = flat(images)
    squared = np.sum((x - np.asarray(centre, dtype=np.float64)) ** 2, axis=1)
    return -0.5 * (squared / sigma**2 + x.shape[1] * math.log(2 * math.pi * sigma**2))


def squared_error(images: ArrayLike, outputs: ArrayLike) -> Floats:
    """Σ over pixels of (image - output)², per image, (N,)."""
    x, y = flat(images), flat(outputs)
    if x.shape != y.shape:
        raise ValueError(f"`images` are {np.shape(images)}, `outputs` {np.shape(outputs)}")
    return np.sum((x - y) ** 2, axis=1)


def nearest(images: ArrayLike, training: ArrayLike | RowsOf) -> tuple[NDArray[np.int64], Floats]:
    """The nearest training image of each image: its row, (N,), and its squared distance, (N,).

    Ties go to the first row. Training images are read in portions.
    """
    x = flat(images)
    rows, best = np.zeros(len(x), dtype=np.int64), np.full(len(x), np.inf)
    pixels = training if isinstance(training, RowsOf) else np.asarray(training)
    for portion in chunks(len(pixels), 4096):
        some = flat(pixels[portion])
        if some.shape[1] != x.shape[1]:
            raise ValueError(f"`images` have {x.shape[1]} pixels, `training` {some.shape[1]}")
        found = squared_distances(x, some).argmin(axis=1)
        squared = np.sum((x - some[found]) ** 2, axis=1)  # without the product's rounding
        closer = squared < best
        rows[closer], best[closer] = portion.start + found[closer], squared[closer]
    return rows, best
