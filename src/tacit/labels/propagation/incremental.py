"""Poisson learning that follows labels one by one: a new label costs one column, not all."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from tacit.labels.propagation.laplacian import System, conjugate_gradients

Floats = NDArray[np.float64]

EVEN = 5
"""Labels of every class that a class's share of the images is taken to have besides its own.

Chosen on digits, mnist-5k, steel and textures; 2 and 10 did about as well (docs/labelling.md).
"""

_AT_ONCE = 2**24  # numbers of the columns that are solved for together, 64 MiB


class Spread:
    """Labels of a graph's images, spread over all of them, and what each tells of the others.

    Poisson learning (Calder, Cook, Thorpe and Slepčev 2020) solves L u = Σ_j δ_j (y_j - ȳ) over the
    labelled images j, Σ_i D_ii u_i = 0. It is linear in the labels: with the column of the
    pseudo-inverse g_j = L⁺ δ_j, class c scores

        u_c = Σ_{j of c} g_j - (m_c / m) Σ_j g_j + constant,   m labels, m_c of class c.

    Kept are the sums over each class, (n, C), and of the columns only the rows of labelled images,
    (m, m), and of those that are watched, (m, W): enough for every answer, and to hold any labels
    out, without another solution. To give, change or take a label costs one column; memory does not
    grow by n with each label.

    Labels that were asked for are no fair sample: a class of many is hardly more frequent, and
    would take images from one of few. So, as Calder et al. do where shares b_c are known,
    scores are multiplied by b_c / (m_c / m), with shares between even ones and those of the labels,
    b_c = (m_c + a) / (m + a C), a = `EVEN`; and by C / m, so that they are of one size with few
    labels and with many.

    Args:
        graph: symmetric weights of one piece, (n, n): `neighbour_graph`.
        watched: rows for which scores can be had from any of the labels alone.

    Attributes:
        rows: the labelled images, in the order in which they were given. y: their classes.
    """

    def __init__(self, graph: sparse.csr_array, watched: Sequence[int] = ()) -> None:
        self._system = System(sparse.csr_array(graph).astype(np.float32))
        self._degrees = self._system.degrees.numpy().astype(np.float64)[self._system.place, 0]
        self._degrees /= self._degrees.sum()
        self.n = len(self._degrees)
        self.rows: list[int] = []
        self.y: list[int] = []
        self._sums = np.zeros((0, self.n))
        self._among = np.zeros((0, 0))
        self._means = np.zeros(0)  # of each column, weighted by the degrees
        self.watched = np.asarray(watched, np.int64)
        self._watched = np.zeros((0, len(self.watched)), np.float32)

    def columns(self, rows: Sequence[int]) -> Floats:
        """g_j of the images at `rows`, (k, n), each with mean zero."""
        source = torch.full((self.n, len(rows)), -1 / self.n, dtype=torch.float32)
        places = self._system.place[list(rows)]
        source[torch.from_numpy(places), torch.arange(len(rows))] += 1

        def multiply(p: torch.Tensor) -> torch.Tensor:
            # What rounding leaves of the columns' sums is a constant that no direction removes.
            product = self._system.laplacian @ p
            return product.sub_(product.mean(dim=0))

        found = conjugate_gradients(multiply, source, self._system.precondition).numpy()
        found = found[self._system.place]
        return np.ascontiguousarray((found - found.mean(axis=0)).T, dtype=np.float64)

    def give(self, rows: Sequence[int], y: Sequence[int]) -> None:
        """Add labels of images that have none.

        Raises:
            ValueError: an image has one, or comes twice.
        """
        if len({*self.rows, *rows}) < len(self.rows) + len(rows):
            raise ValueError(f"of rows {list(rows)} some have a label already, or come twice")
        for part in self._parts(rows):
            self._add(rows[part], y[part])

    def _add(self, rows: Sequence[int], y: Sequence[int]) -> None:
        new = self.columns(rows)
        m = len(self.rows)
        among = np.zeros((m + len(rows), m + len(rows)))
        among[:m, :m] = self._among
        everyone = [*self.rows, *rows]
        among[m:] = new[:, everyone]
        among[:m, m:] = new[:, self.rows].T  # L⁺ is symmetric
        self._among, self.rows, self.y = among, everyone, [*self.y, *y]
        self._means = np.append(self._means, new @ self._degrees)
        self._watched = np.concatenate([self._watched, new[:, self.watched].astype(np.float32)])
        self._reach(max(y) + 1)
        np.add.at(self._sums, list(y), new)

    def take(self, rows: Sequence[int]) -> None:
        """Take labels away again.

        Raises:
            ValueError: an image has none.
        """
        if without := {*rows} - {*self.rows}:
            raise ValueError(f"of rows {list(rows)} these have no label: {sorted(without)}")
        for part in self._parts(rows):
            self._remove(rows[part])

    def _remove(self, rows: Sequence[int]) -> None:
        places = [self.rows.index(row) for row in rows]
        np.subtract.at(self._sums, [self.y[i] for i in places], self.columns(rows))
        gone = set(places)
        kept = [i for i in range(len(self.rows)) if i not in gone]
        self._among, self._means = self._among[np.ix_(kept, kept)], self._means[kept]
        self._watched = self._watched[kept]
        self.rows, self.y = [self.rows[i] for i in kept], [self.y[i] for i in kept]
        for label in set(range(len(self._sums))) - set(self.y):
            self._sums[label] = 0.0  # exactly, so that rounding does not pile up

    def _parts(self, rows: Sequence[int]) -> list[slice]:
        """Of rows, as many at a time as are solved for together."""
        most = max(1, _AT_ONCE // self.n)
        return [slice(first, first + most) for first in range(0, len(rows), most)]

    def scores(self, n_classes: int) -> Floats:
        """Of all images, (n, C), minus infinity where a class has no label."""
        self._reach(n_classes)
        counts = np.bincount(self.y, minlength=n_classes)
        m = max(1, len(self.y))
        u = self._sums[:n_classes].T - np.outer(self._sums[:n_classes].sum(axis=0), counts / m)
        u -= self._degrees @ u
        u *= weights_of(counts)
        u[:, counts == 0] = -np.inf
        return u

    def held_out(self, learned: NDArray[np.int64], held: NDArray[np.int64], n: int) -> Floats:
        """Scores of `held` labels from those at `learned` alone (places among all), (k, n)."""
        return self._from(self._among[np.ix_(held, learned)], learned, n)

    def of_watched(self, learned: NDArray[np.int64], n: int) -> Floats:
        """Scores of the watched images from the labels at `learned` alone, (W, n)."""
        return self._from(self._watched[learned].T, learned, n)

    def _from(
        self, columns: NDArray[np.floating[Any]], learned: NDArray[np.int64], n: int
    ) -> Floats:
        """Scores from labels at some places, by the rows of their columns, (k, len(learned))."""
        y = np.asarray(self.y)[learned]
        counts = np.bincount(y, minlength=n)
        sources = np.eye(n)[y] - counts / len(y)
        u = columns @ sources - self._means[learned] @ sources
        u *= weights_of(counts)
        u[:, counts == 0] = -np.inf
        return u

    def _reach(self, n_classes: int) -> None:
        if (more := n_classes - len(self._sums)) > 0:
            self._sums = np.concatenate([self._sums, np.zeros((more, self.n))])


def weights_of(counts: NDArray[np.int64]) -> Floats:
    """C b_c / m_c of classes with m_c labels, (C,), as `Spread` says; 0 where there are none.

    >>> weights_of(np.array([1, 1, 4, 0])).round(2).tolist()
    [0.86, 0.86, 0.32, 0.0]
    """
    n_classes = max(1, int(np.count_nonzero(counts)))
    shares = (counts + EVEN) / (counts.sum() + EVEN * n_classes)
    return np.where(counts > 0, n_classes * shares / np.maximum(counts, 1), 0.0)
