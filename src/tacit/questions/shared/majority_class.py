"""Always answering one class: what a classifier has to beat before its answers count."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tacit.measures.number import Number


def share_right(learned: NDArray[np.generic], truth: NDArray[np.generic]) -> float:
    """How often the class that is most frequent among labels learned from is right on others.

    Args:
        learned: class numbers, (n,), at least one.
        truth: of the images that are asked about, (m,), at least one.

    >>> share_right(np.array([0, 1, 1]), np.array([1, 0, 2, 1]))
    0.5
    """
    return float(np.mean(truth == np.bincount(learned).argmax()))


def against_it(accuracy: Number, share: float) -> Literal["better", "worse", "not distinguishable"]:
    """How a classifier compares with a share of right answers that needs no classifier.

    Better (or worse) where the accuracy's interval lies above (or below) the share.

    >>> against_it(Number(0.8, 0.7, 0.9, 9), 0.6), against_it(Number(0.8, 0.5, 0.9, 9), 0.6)
    ('better', 'not distinguishable')
    """
    if accuracy.low is not None and share < accuracy.low:
        return "better"
    if accuracy.high is not None and share > accuracy.high:
        return "worse"
    return "not distinguishable"
