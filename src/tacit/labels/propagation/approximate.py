"""Nearest rows among so many that not all pairs can be looked at, with their recall measured."""

from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tacit.streams import numpy_stream

Codes = NDArray[np.float32]

AIM = 0.99
"""Of the true nearest rows, the share to be found; recall of .95 is promised."""

_SAMPLE = 500  # rows that the number of cells is chosen by, and as many others that are told of
_FEWEST = 8  # cells looked into
_MOST = 0.125  # of the cells; beyond, all pairs are quicker
_CELLS = 4.0  # times the root of the number of rows
_PER_CELL = 40  # rows that a cell's centre is learned from
_ROUNDS = 8  # of k-means


def is_installed() -> bool:
    """Whether faiss is: ``pip install 'tacit[scale]'``."""
    return find_spec("faiss") is not None


class Cells:
    """An inverted file: rows by the nearest of some centres, of which a few are looked into.

    The centres are a seeded k-means of the rows. How many cells are looked into is chosen on a
    sample of the points, so that a share of their true neighbours is found. Nothing depends on the
    number of threads.

    Source: IVF of Jégou, Douze and Schmid 2011, as faiss has it (Douze et al. 2024).

    Args:
        rows: (n, d), to choose from.
    """

    def __init__(self, rows: Codes) -> None:
        import faiss

        n, d = rows.shape
        n_cells = 2 ** round(np.log2(_CELLS * n**0.5))
        faiss.omp_set_num_threads(torch.get_num_threads())
        self.centres = faiss.IndexFlatL2(d)
        index: Any = faiss.IndexIVFFlat(self.centres, d, n_cells)
        index.cp.niter, index.cp.max_points_per_centroid = _ROUNDS, _PER_CELL
        index.cp.seed = int(numpy_stream(0, "cells").integers(2**31))
        index.train(rows)
        index.add(rows)
        self.index, self.n_cells = index, n_cells

    def nearest(self, points: Codes, k: int, looked_into: int) -> NDArray[np.int64]:
        """Candidates for the `k` nearest rows of each point, (m, k); -1 where there were fewer."""
        self.index.nprobe = looked_into
        _, found = self.index.search(points, k)
        return np.asarray(found, np.int64)

    def enough(self, points: Codes, true: NDArray[np.int64], k: int, share: float) -> int:
        """How many cells to look into for a share of the `true` rows, (m, j); 0: too many."""
        looked_into = _FEWEST
        while looked_into <= _MOST * self.n_cells:
            if recall(self.nearest(points, k, looked_into), true) >= share:
                return looked_into
            looked_into *= 2
        return 0


def recall(found: NDArray[np.int64], true: NDArray[np.int64]) -> float:
    """The share of the `true` rows of each point, (m, j), that are among the `found`, (m, k)."""
    return float((true[:, :, None] == found[:, None, :]).any(axis=2).mean())


def samples(n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows to choose by, and others to tell the recall of."""
    size = min(_SAMPLE, n // 2)
    chosen = numpy_stream(0, "recall").choice(n, 2 * size, replace=False)
    return np.sort(chosen[:size]), np.sort(chosen[size:])
