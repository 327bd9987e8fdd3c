"""How far classes lie apart and how much varies within them, in codes or flattened images.

Values are per image wherever a measure is a mean over images, so that two representations of the
same images can be compared in pairs, and within each class.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import silhouette_samples

from tacit.measures.distances import Floats, as_features, chunks, squared_distances
from tacit.measures.number import Undefined

Classes = NDArray[np.int64]


def silhouette(features: ArrayLike, classes: ArrayLike) -> Floats:
    """(b - a) / max(a, b) per image, (N,): in [-1, 1], 0 where nothing separates (Rousseeuw 1987).

    a is the mean distance to the image's own class, b to the nearest other class.

    Args:
        features: (N, D).
        classes: integers, (N,).

    Raises:
        Undefined: for fewer than two classes, or where every image is a class of its own.
    """
    x, y = _labelled(features, classes)
    n_classes = len(np.unique(y))
    if not 2 <= n_classes < len(x):
        raise Undefined(f"{n_classes} classes among {len(x)} images; 2 to {len(x) - 1} are needed")
    return np.asarray(silhouette_samples(x, y), dtype=np.float64)


def nearest_neighbour(features: ArrayLike, classes: ArrayLike) -> Floats:
    """Whether each image's nearest other image is of its class, (N,): leave-one-out accuracy.

    1 or 0; where several are equally near, the share of them in the class. Constant features thus
    score chance.

    Args:
        features: (N, D).
        classes: integers, (N,).

    Raises:
        Undefined: for fewer than two images or two classes.
    """
    x, y = _labelled(features, classes)
    _need_two_classes(y)
    correct = np.empty(len(x))
    for rows in chunks(len(x)):
        squared = squared_distances(x[rows], x)
        squared[np.arange(len(squared)), np.arange(len(x))[rows]] = np.inf
        nearest = squared == squared.min(axis=1, keepdims=True)
        same = y[rows, None] == y
        correct[rows] = np.sum(nearest & same, axis=1) / np.sum(nearest, axis=1)
    return correct


def within_class(features: ArrayLike, classes: ArrayLike) -> Floats:
    """Squared distance to the own class's mean times n_c / (n_c - 1), (N,).

    With that factor the mean over a class is its total variance, without bias.

    Args:
        features: (N, D).
        classes: integers, (N,).

    Raises:
        Undefined: where a class has a single image.
    """
    x, y = _labelled(features, classes)
    found, position, counts = np.unique(y, return_inverse=True, return_counts=True)
    if counts.min() < 2:
        raise Undefined(f"class {found[counts.argmin()]} has one image, so no variance within it")
    return _squared(x, _means(x, position, counts)[position]) * (counts / (counts - 1))[position]


def fisher_terms(features: ArrayLike, classes: ArrayLike) -> tuple[Floats, Floats]:
    """Each image's part in the variance between classes and within them, (N,) each.

    mean(between) / mean(within) is the variance between classes over that within them (Fisher
    1936), and over the images of one class that class's own, the mean of all classes held. It is
    without bias: class means of few images lie apart by chance, so that tr S_B / tr S_W of classes
    that are alike has the expectation (K - 1) / (N - K), and this has 0; it may fall below. With c
    the class of image i, m_c its mean, s_c² its variance without bias, and m the mean of all,

        within_i  = ‖x_i - m_c‖² n_c / (n_c - 1)
        between_i = ‖m_c - m‖² + 2 (x_i - m_c)·(m_c - m) - bias_c
        bias_c    = s_c² (1 / n_c - 2 / N) + Σ_k n_k s_k² / N²

    where the second term of between_i has the mean zero and is what x_i does to m_c, and bias_c is
    the expectation of ‖m_c - m‖² beyond the squared distance of the means themselves.

    Args:
        features: (N, D).
        classes: integers, (N,).

    Raises:
        Undefined: where a class has a single image.
    """
    x, y = _labelled(features, classes)
    x = x - x.mean(axis=0)
    found, position, counts = np.unique(y, return_inverse=True, return_counts=True)
    if counts.min() < 2:
        raise Undefined(f"class {found[counts.argmin()]} has one image, so no variance within it")
    own = _means(x, position, counts)[position]
    within = np.sum((x - own) ** 2, axis=1)
    # What rounding leaves of no variance is no variance.
    within[within <= 1e-26 * np.sum(x**2, axis=1).max()] = 0.0
    within *= (counts / (counts - 1))[position]
    variances = np.bincount(position, within) / counts
    bias = variances * (1 / counts - 2 / len(x)) + np.sum(counts * variances) / len(x) ** 2
    between = np.sum(own**2, axis=1) + 2 * np.sum((x - own) * own, axis=1) - bias[position]
    return between, within


def _squared(x: Floats, means: Floats) -> Floats:
    """‖x - mean‖² per row; what rounding leaves of no distance is none."""
    squared = np.sum((x - means) ** 2, axis=1)
    squared[squared <= 1e-26 * np.sum(x**2, axis=1)] = 0.0
    return squared


def _means(x: Floats, position: Classes, counts: Classes) -> Floats:
    sums = np.zeros((len(counts), x.shape[1]))
    np.add.at(sums, position, x)
    return sums / counts[:, None]


def _need_two_classes(y: Classes) -> None:
    if len(np.unique(y)) < 2:
        raise Undefined("one class only; separation is between two or more")


def _labelled(features: ArrayLike, classes: ArrayLike) -> tuple[Floats, Classes]:
    x, y = as_features(features, "features"), np.asarray(classes)
    if y.shape != x.shape[:1]:
        raise ValueError(f"`classes` has shape {y.shape}; one per image, {x.shape[:1]}, is needed")
    return x, y
