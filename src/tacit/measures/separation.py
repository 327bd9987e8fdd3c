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


def variability_share(outputs: ArrayLike, originals: ArrayLike, classes: ArrayLike) -> Floats:
    """Variance within each class of the outputs as a share of the originals' own, (K,).

    Args:
        outputs, originals: of the same images, (N, D) each.
        classes: integers, (N,); K of them differ, and the result is in their order.

    Raises:
        Undefined: where a class has a single image, or originals that do not vary.
    """
    y = np.asarray(classes)
    kept, own = within_class(outputs, y), within_class(originals, y)
    found = np.unique(y)
    shares = np.empty(len(found))
    for k, c in enumerate(found):
        of_originals = own[y == c].mean()
        if of_originals == 0:
            raise Undefined(f"the originals of class {c} do not vary")
        shares[k] = kept[y == c].mean() / of_originals
    return shares


def fisher_ratio(features: ArrayLike, classes: ArrayLike) -> float:
    """Between-class over within-class scatter, tr S_B / tr S_W (Fisher 1936), classes as they are.

    Args:
        features: (N, D).
        classes: integers, (N,).

    Raises:
        Undefined: for one class, or where nothing varies within classes.
    """
    between, within, _ = _scatter(features, classes)
    if within.sum() == 0:
        raise Undefined("nothing varies within the classes")
    return float(between.sum() / within.sum())


def class_fisher_ratios(features: ArrayLike, classes: ArrayLike) -> Floats:
    """Each class's own share of `fisher_ratio`: n_c ‖m_c - m‖² over its scatter, (K,).

    Raises:
        Undefined: for one class, or where a class does not vary.
    """
    between, within, found = _scatter(features, classes)
    if within.min() == 0:
        raise Undefined(f"nothing varies within class {found[within.argmin()]}")
    return between / within


def _scatter(features: ArrayLike, classes: ArrayLike) -> tuple[Floats, Floats, Classes]:
    """Scatter of the class means and within the classes, (K,) each, and the classes."""
    x, y = _labelled(features, classes)
    _need_two_classes(y)
    found, position, counts = np.unique(y, return_inverse=True, return_counts=True)
    means = _means(x, position, counts)
    between = counts * np.sum((means - x.mean(axis=0)) ** 2, axis=1)
    within = np.zeros(len(found))
    np.add.at(within, position, _squared(x, means[position]))
    return between, within, found


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
