"""Always answering one class: what a classifier has to beat before its answers count."""

from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tacit.measures.intervals import proportion


def share_right(learned: NDArray[np.generic], truth: NDArray[np.generic]) -> float:
    """How often the class that is most frequent among labels learned from is right on others.

    Args:
        learned: class numbers, (n,), at least one.
        truth: of the images that are asked about, (m,), at least one.

    >>> share_right(np.array([0, 1, 1]), np.array([1, 0, 2, 1]))
    0.5
    """
    return float(np.mean(truth == np.bincount(learned).argmax()))


def against_it(
    right: Iterable[ArrayLike], share: float
) -> Literal["better", "worse", "not distinguishable"]:
    """How classifiers compare with a share of right answers that needs no classifier.

    Better (or worse) where, for every one of them, Wilson's interval over images lies above (or
    below) the share.

    Args:
        right: of each classifier whether it was right, (m,).
        share: as `share_right` gives.

    >>> against_it([[1, 1, 1, 1, 1, 1, 1, 1, 0]], 0.1), against_it([[1, 0, 0]], 0.1)
    ('better', 'not distinguishable')
    """
    ranges = [proportion(answers) for answers in right]
    if all(one.low is not None and share < one.low for one in ranges):
        return "better"
    if all(one.high is not None and share > one.high for one in ranges):
        return "worse"
    return "not distinguishable"
