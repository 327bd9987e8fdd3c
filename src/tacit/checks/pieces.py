"""Pixels a few at a time, so that what is made of them stays small, however many they are."""

import math
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

PIXELS = 2**20
"""Of so many at a time, several copies as float32 take some ten megabytes."""


def pieces(portions: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    """The images of `portions`, (n, C, H, W) each, in their order, at most `PIXELS` or one."""
    for portion in portions:
        rows = max(1, PIXELS // max(1, math.prod(portion.shape[1:])))
        for start in range(0, len(portion), rows):
            yield portion[start : start + rows]
