"""Images that are asked for by chance: what they say of all others leans to neither side."""

from collections.abc import Collection
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from tacit.streams import numpy_stream

AFTER, EVERY = 20, 5
"""From the answer after so many on, every so manieth image is one chosen by chance.

It costs little: with and without them accuracy after 40 answers was 96.8 and 97.4 % on steel, 66.1
and 67.2 % on textures, 96.5 and 96.6 % on digits (ten starts each;
`python -m benchmarks.labelling SET --after 40`, and with `--no-chance`).
"""


class ByChance:
    """All images in an order drawn by lot, copies of one picture once.

    The images of the longest beginning of that order that is answered are a sample drawn by lot,
    whatever they were answered for. So nothing needs to be written down of which they are.

    Args:
        copies: a number for each image, (N,), the same for equal pictures. seed: of the lot.
    """

    def __init__(self, copies: NDArray[np.int64], seed: int) -> None:
        self._copies = copies
        order = numpy_stream(seed, "by chance").permutation(len(copies))
        first = np.unique(copies[order], return_index=True)[1]
        self._order: list[int] = order[np.sort(first)].tolist()

    def answered(self, gone: Collection[int]) -> set[int]:
        """Copies of the sample, of those that are answered."""
        drawn = (int(self._copies[row]) for row in self._order)
        return set(takewhile(lambda copy: copy in gone, drawn))

    def due(self, gone: Collection[int], answers: int) -> int | None:
        """The image to ask for as the next of the sample, where that is due after so many answers.

        Args:
            gone: the copies that are answered, or will be before it.
        """
        reached = len(self.answered(gone))
        if reached == len(self._order) or reached >= (answers - AFTER) // EVERY:
            return None
        return self._order[reached]
