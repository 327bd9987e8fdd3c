"""Rows of an array that stays where it is: a file that is mapped into memory, above all."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

MOST_COPIED = 2**28
"""Bytes. Rows of a mapped file that are more than that are not copied into memory."""


class RowsOf:
    """The rows of `array` at `index`, in its order; those that are asked for are read.

    Args:
        array: (N, …).
        index: (n,), 0 to N-1, or counted from the end where negative.

    Raises:
        IndexError: there is no such row.

    >>> some = RowsOf(np.array([[0, 1], [2, 3], [4, 5]]), np.array([2, 0]))
    >>> some.shape, some[:1].tolist()
    ((2, 2), [[4, 5]])
    """

    def __init__(self, array: NDArray[Any], index: NDArray[np.int64]) -> None:
        n = len(array)
        if index.ndim != 1 or (len(index) and not (-n <= index.min() and index.max() < n)):
            raise IndexError(f"the index names rows that are not among the array's {n:,}")
        self.array, self.index = array, np.where(index < 0, index + n, index)
        self.shape: tuple[int, ...] = (len(index), *array.shape[1:])
        self.dtype, self.ndim = array.dtype, array.ndim

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, key: int | slice | ArrayLike) -> NDArray[Any]:
        """The row or rows at `key` (a number, a slice, numbers or a mask), in memory."""
        found: NDArray[Any] = self.array[self.index[key]]  # type: ignore[index]
        return found

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("rows that stay where they are make no array without a copy")
        return self.array[self.index].astype(dtype or self.dtype, copy=False)


def taken(array: NDArray[Any] | RowsOf, index: NDArray[np.int64]) -> NDArray[Any] | RowsOf:
    """The rows at `index`: a copy, or `RowsOf` where they are mapped and many."""
    whole, rows = (array.array, array.index[index]) if isinstance(array, RowsOf) else (array, index)
    mapped = isinstance(whole, np.memmap) and whole.filename is not None
    if mapped and len(rows) * math.prod(whole.shape[1:]) * whole.itemsize > MOST_COPIED:
        return RowsOf(whole, rows)
    return whole[rows]
