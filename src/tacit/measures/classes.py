"""By class: confusions, and the most wrong."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Integers = NDArray[np.int64]


def confusion_matrix(true: ArrayLike, predicted: ArrayLike, n_classes: int) -> Integers:
    """How many images of each class (row) were taken for each class (column), (K, K)."""
    t, p = np.asarray(true), np.asarray(predicted)
    for name, labels in (("true", t), ("predicted", p)):
        _in_range(labels, n_classes, name)
    if t.shape != p.shape:
        raise ValueError(f"`true` has shape {t.shape}, `predicted` {p.shape}; one label per image")
    return np.bincount(t * n_classes + p, minlength=n_classes**2).reshape(n_classes, n_classes)


def most_wrong(cross_entropy: ArrayLike, count: int) -> Integers:
    """The indices of the images with the largest cross-entropy, worst first; ties by index."""
    return np.argsort(-np.asarray(cross_entropy, dtype=np.float64), kind="stable")[:count]


def _in_range(labels: NDArray[np.generic], n_classes: int, name: str) -> None:
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"`{name}` holds {labels.dtype}; integers are needed")
    if labels.size and not (labels.min() >= 0 and labels.max() < n_classes):
        raise ValueError(
            f"`{name}` holds {labels.min()} to {labels.max()}; classes are 0 to {n_classes - 1}"
        )
