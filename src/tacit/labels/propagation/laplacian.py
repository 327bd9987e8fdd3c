"""A graph's Laplacian in float32: products, forty steps of heat in twenty, and what solves it."""

import warnings
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.polynomial import chebyshev
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from torch import Tensor

STEPS = 40  # of heat between two choices of Poisson MBO, Calder 2020
_HEAT_ERROR = 1e-4  # of scores between 0 and 1
_TOLERANCE = 1e-5  # of the residual, against its beginning; labels settle at 1e-3
_ITERATIONS = 10_000
IN_THE_CACHE = 80_000  # images, in whatever order


class Groups(NamedTuple):
    """Rows put together with their neighbours, and these groups with theirs, until all are one.

    Every row, and every group, goes with the neighbour of its heaviest edge: the rounds of Borůvka
    1926.

    Attributes:
        order: of the rows, (n,), in which a group's are side by side.
        joins: of each round but the last the group of each row (or group of the round before), both
            counted in that order.
        leaving: for each of these rounds what each group's edges to others weigh in all.
    """

    order: NDArray[np.int64]
    joins: list[NDArray[np.int64]]
    leaving: list[NDArray[np.float64]]

    @classmethod
    def of(cls, weights: sparse.csr_array) -> "Groups":
        """Of the rows of a graph of one piece, (n, n)."""
        n = weights.shape[0]
        edges = sparse.coo_array(weights)
        ends, data = edges.coords, edges.data
        group: NDArray[Any] = np.arange(n)
        joins: list[NDArray[np.int64]] = []
        leaving: list[NDArray[np.float64]] = []
        while (between := group[ends[0]] != group[ends[1]]).any():
            ends, data = tuple(group[end[between]] for end in ends), data[between]
            # Of parallel edges the weights are added.
            graph = sparse.csr_array(sparse.coo_array((data, ends), shape=(n, n)))
            leaving.append(np.asarray(graph.sum(axis=1), np.float64))
            ends, data = sparse.coo_array(graph).coords, graph.data
            heaviest = np.maximum.reduceat(data, graph.indptr[:-1])
            found = np.flatnonzero(data == heaviest[ends[0]])
            beside = np.empty(n, np.int64)
            beside[ends[0][found]] = ends[1][found]
            chosen = sparse.csr_array((np.ones(n, np.int8), (np.arange(n), beside)), shape=(n, n))
            n, group = connected_components(chosen, directed=False)
            joins.append(group.astype(np.int64))
        places = [np.zeros(1, np.int64)]
        for group in reversed(joins):
            order = np.argsort(places[-1][group], kind="stable")
            places.append(np.argsort(order))
        places.reverse()
        return cls(
            np.argsort(places[0]),
            [above[group][np.argsort(own)] for own, above, group in _rounds(places, joins)][:-1],
            [total[np.argsort(own)] for own, total in zip(places, leaving, strict=False)][1:],
        )


def _rounds(
    places: list[NDArray[np.int64]], joins: list[NDArray[np.int64]]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    return zip(places[:-1], places[1:], joins, strict=True)


class System:
    """The graph as what is multiplied by, in float32.

    Attributes:
        order: in which its rows are worked on: of a large graph, neighbours side by side, so that a
            product finds most of what it gathers in the cache and takes half of the time.
        place: of each of the graph's rows in that order.
    """

    def __init__(self, weights: sparse.csr_array) -> None:
        self.order = np.arange(weights.shape[0])
        self._coarser: list[_Coarser] = []
        if len(self.order) > IN_THE_CACHE:
            groups = Groups.of(weights)
            self.order = groups.order
            weights = sparse.csr_array(weights[self.order][:, self.order])
            self._coarser = [
                _Coarser(join, leaving)
                for join, leaving in zip(groups.joins, groups.leaving, strict=True)
            ]
        self.place = np.argsort(self.order)
        off = weights - sparse.diags_array(weights.diagonal())  # an image's own edge cancels in L
        degrees = off.sum(axis=1)
        self.laplacian = _as_torch(sparse.diags_array(degrees) - off)
        self.degrees = torch.from_numpy(np.asarray(degrees, dtype=np.float32))[:, None]
        self.step = float(1 / degrees.max())
        self._off = off
        # No eigenvalue of L is above the largest sum of two joined degrees (Anderson and Morley
        # 1985), so those of I - step L lie between this and one.
        edges = off.tocoo()
        largest = float((degrees[edges.row] + degrees[edges.col]).max())
        self.middle, self.half = 1 - self.step * largest / 2, self.step * largest / 2

    def precondition(self, residual: Tensor) -> Tensor:
        """About L⁻¹ of a residual: divided by the degrees, and of a large graph so for every size.

        Each group's sum is divided by what its edges to others weigh, and given to all of its rows.
        A million codes in ten clusters, which hang together by single edges, take a tenth of the
        steps.

        Source: the sum over levels of Bramble, Pasciak and Xu 1990, on a graph's groups.
        """
        sums = [residual]
        for coarser in self._coarser:
            sums.append(coarser.sums @ sums[-1])
        found = torch.zeros_like(sums[-1][:1])
        for coarser, total in zip(reversed(self._coarser), reversed(sums), strict=False):
            found = (total / coarser.leaving).add_(found)[coarser.group]
        return (residual / self.degrees).add_(found) if self._coarser else residual / self.degrees

    @property
    def heat(self) -> Tensor:
        """I - step L."""
        return self._heating[0]

    @property
    def twice_centred(self) -> Tensor:
        """Twice I - step L, moved and stretched so that its eigenvalues lie between -1 and 1."""
        return self._heating[1]

    @cached_property
    def _heating(self) -> tuple[Tensor, Tensor]:
        """Both, which Poisson MBO alone multiplies by."""
        degrees = self._off.sum(axis=1)
        same = sparse.eye_array(len(degrees))
        heat = same - self.step * (sparse.diags_array(degrees) - self._off)
        return _as_torch(heat), _as_torch(2 / self.half * (heat - self.middle * same))

    @cached_property
    def series(self) -> list[float]:
        """x^STEPS on the eigenvalues' interval by Chebyshev polynomials, to `_HEAT_ERROR`."""
        nodes = chebyshev.chebpts1(2 * STEPS)
        values = (self.middle + self.half * nodes) ** STEPS
        every = chebyshev.chebfit(nodes, values, 2 * STEPS - 1)
        left_out = np.abs(every[::-1]).cumsum()[::-1]
        return [float(factor) for factor in every[left_out > _HEAT_ERROR]]

    def heated(self, u: Tensor) -> Tensor:
        """(I - step L)^STEPS u: some 20 products with the graph instead of 40."""
        before, now = u, self.twice_centred @ u / 2
        total = self.series[0] * before + self.series[1] * now
        for factor in self.series[2:]:
            before, now = now, torch.addmm(before, self.twice_centred, now, beta=-1)
            total.add_(now, alpha=factor)
        return total


def _as_torch(matrix: Any) -> Tensor:
    rows = sparse.csr_array(matrix)
    with warnings.catch_warnings():
        # PyTorch says once that its compressed rows are new; the product alone is used.
        warnings.simplefilter("ignore", UserWarning)
        return torch.sparse_csr_tensor(
            torch.from_numpy(rows.indptr.astype(np.int32)),
            torch.from_numpy(rows.indices.astype(np.int32)),
            torch.from_numpy(rows.data.astype(np.float32)),
            rows.shape,
        )


class _Coarser:
    """Groups of the rows of a size: a group's sum, and what belongs to each row."""

    def __init__(self, group: NDArray[np.int64], leaving: NDArray[np.float64]) -> None:
        ends = np.ones(len(group), np.float32), (group, np.arange(len(group)))
        self.sums = _as_torch(sparse.csr_array(ends, shape=(len(leaving), len(group))))
        self.group = torch.from_numpy(group)
        self.leaving = torch.from_numpy(leaving.astype(np.float32))[:, None]


def conjugate_gradients(
    multiply: Callable[[Tensor], Tensor],
    target: Tensor,
    precondition: Callable[[Tensor], Tensor],
) -> Tensor:
    """x of A x = `target`, column by column, A positive (semi-)definite, from zero.

    A column is done where its residual, in the norm of the preconditioner, is `_TOLERANCE` of what
    it was.
    """
    x = torch.zeros_like(target)
    residual = target.clone()
    scaled = precondition(residual)
    direction = scaled.clone()
    size = (residual * scaled).sum(dim=0)
    enough = _TOLERANCE**2 * size
    for _ in range(_ITERATIONS):
        done = size <= enough
        if done.all():
            return x
        product = multiply(direction)
        rate = size / (direction * product).sum(dim=0)
        rate[done] = 0.0  # a finished column stays; going on would divide by what is next to zero
        x.addcmul_(direction, rate)
        residual.addcmul_(product, rate, value=-1)
        scaled = precondition(residual)
        before, size = size, (residual * scaled).sum(dim=0)
        direction = scaled.addcmul_(direction, torch.where(done, 0.0, size / before))
    raise ArithmeticError(
        f"labels have not settled after {_ITERATIONS:,} iterations of conjugate gradients; the "
        "weights of the graph differ by too many orders of magnitude"
    )
