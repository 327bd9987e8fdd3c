"""By class: means with intervals, the top class against the next, confusions, the most wrong."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tacit.measures.intervals import Floats, mean_t, welch, welch_p
from tacit.measures.number import Number, Undefined

Integers = NDArray[np.int64]


def class_means(
    values: ArrayLike,
    classes: ArrayLike,
    n_classes: int,
    *,
    over: str = "images",
    unit: str = "",
    given: str = "this model",
) -> tuple[Number, ...]:
    """The mean of per-image values within each class, with t intervals over its images.

    Args:
        values: one per image, (N,).
        classes: integers in [0, n_classes), (N,). A class without images gets an undefined number.
    """
    x, y = _labelled(values, classes, n_classes)
    return tuple(mean_t(x[y == c], over=over, unit=unit, given=given) for c in range(n_classes))


@dataclass(frozen=True)
class TopClass:
    """The class of highest mean, and whether the images tell it from the others.

    Attributes:
        top, second: the classes of highest and next mean.
        difference: mean of top - mean of second, with Welch's interval.
        p_values: of top against each other class that has two images or more, by class (Welch).
        distinguishable: whether the largest of them is below 0.05.
    """

    top: int
    second: int
    difference: Number
    p_values: dict[int, float]
    distinguishable: bool


def top_class(
    values: ArrayLike,
    classes: ArrayLike,
    n_classes: int,
    *,
    over: str = "images",
    unit: str = "",
    given: str = "this model",
) -> TopClass:
    """Which class has the highest mean, and is it distinguishable from the next?

    Welch's t between independent images. That the top is seen in the same images needs no
    correction (Gutmann and Maymin 1987; Hung and Fithian 2019); where variances differ all others
    are asked, not the next alone (Goldwasser and others 2025). `engine.best_class` does so over
    several seeds.

    Args:
        values: one per image, (N,).
        classes: integers in [0, n_classes), (N,).

    Raises:
        Undefined: where fewer than two classes have two images that differ.
    """
    x, y = _labelled(values, classes, n_classes)
    groups = {c: x[y == c] for c in range(n_classes)}
    present = [c for c, group in groups.items() if len(group) >= 2]
    if len(present) < 2:
        raise Undefined(f"{len(present)} classes have two {over} or more; two classes are needed")
    ranked = sorted(present, key=lambda c: (-groups[c].mean(), c))
    top, second = ranked[:2]
    p_values = {c: welch_p(groups[top], groups[c]) for c in sorted(ranked[1:])}
    difference = welch(groups[top], groups[second], over=over, unit=unit, given=given)
    return TopClass(top, second, difference, p_values, max(p_values.values()) < 0.05)


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


def _labelled(values: ArrayLike, classes: ArrayLike, n_classes: int) -> tuple[Floats, Integers]:
    x, y = np.asarray(values, dtype=np.float64), np.asarray(classes)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"`values` has shape {x.shape}, `classes` {y.shape}; (N,) each is needed")
    _in_range(y, n_classes, "classes")
    return x, y


def _in_range(labels: NDArray[np.generic], n_classes: int, name: str) -> None:
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"`{name}` holds {labels.dtype}; integers are needed")
    if labels.size and not (labels.min() >= 0 and labels.max() < n_classes):
        raise ValueError(
            f"`{name}` holds {labels.min()} to {labels.max()}; classes are 0 to {n_classes - 1}"
        )
