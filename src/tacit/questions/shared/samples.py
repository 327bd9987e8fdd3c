"""Which images a question looks at: they belong to the data, so every seed and run sees the same.

Sharing them keeps pairs paired across models. What one seed says is then given these images; an
interval over images says how far other images might differ.
"""

import numpy as np
from numpy.typing import NDArray

from tacit.images.dataset import UNLABELLED, Images
from tacit.images.splits import stratified_subset
from tacit.streams import numpy_stream

Rows = NDArray[np.int64]


def compared_classes(train: Images, test: Images, fewest: int = 2) -> list[int]:
    """The classes with at least `fewest` images on both sides; none without labels."""
    if train.labels is None or test.labels is None:
        return []
    counts = [
        np.bincount(labels[labels != UNLABELLED], minlength=train.n_classes)
        for labels in (train.labels, test.labels)
    ]
    return np.flatnonzero(np.minimum(*counts) >= fewest).tolist()


def of_each_class(images: Images, classes: list[int], per_class: int, split: str) -> Rows:
    """At most `per_class` rows of each class, class after class, each in random order."""
    chosen = [
        numpy_stream(0, "looked at", split, c).permutation(np.flatnonzero(images.truth == c))
        for c in classes
    ]
    return np.concatenate([rows[:per_class] for rows in chosen])


def of_all(images: Images, size: int, split: str) -> Rows:
    """At most `size` rows in ascending order, stratified by class where there are labels."""
    if size >= len(images):
        return np.arange(len(images))
    labels = np.zeros(len(images), np.int64) if images.labels is None else images.labels
    return stratified_subset(labels, size, numpy_stream(0, "looked at", split))
