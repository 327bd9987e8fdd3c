"""A graph's Laplacian in float32: products, forty steps of heat in twenty, and what solves it."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.polynomial import chebyshev
from scipy import sparse
from torch import Tensor

STEPS = 40  # of heat between two choices of Poisson MBO, Calder 2020
_HEAT_ERROR = 1e-4  # of scores between 0 and 1
_TOLERANCE = 1e-5  # of the residual, against its beginning; labels settle at 1e-3
_ITERATIONS = 10_000


class System:
    """The graph as what is multiplied by, in float32."""

    def __init__(self, weights: sparse.csr_array) -> None:
        off = weights - sparse.diags_array(weights.diagonal())  # an image's own edge cancels in L
        degrees = off.sum(axis=1)
        self.laplacian = _as_torch(sparse.diags_array(degrees) - off)
        self.degrees = torch.from_numpy(np.asarray(degrees, dtype=np.float32))[:, None]
        self.step = float(1 / degrees.max())
        # No eigenvalue of L is above the largest sum of two joined degrees (Anderson and Morley
        # 1985), so those of I - step L lie between this and one.
        edges = off.tocoo()
        largest = float((degrees[edges.row] + degrees[edges.col]).max())
        self.middle, self.half = 1 - self.step * largest / 2, self.step * largest / 2
        heat = sparse.eye_array(len(degrees)) - self.step * (sparse.diags_array(degrees) - off)
        self.heat = _as_torch(heat)
        centred = heat - self.middle * sparse.eye_array(len(degrees))
        self.twice_centred = _as_torch(2 / self.half * centred)
        self.series = self._series()

    def _series(self) -> list[float]:
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


def conjugate_gradients(
    multiply: Callable[[Tensor], Tensor], target: Tensor, diagonal: Tensor
) -> Tensor:
    """x of A x = `target`, column by column, A positive (semi-)definite, from zero.

    Preconditioned by `diagonal`. A column is done where its residual, in the norm of the
    preconditioner, is `_TOLERANCE` of what it was.
    """
    x = torch.zeros_like(target)
    residual = target.clone()
    scaled = residual / diagonal
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
        scaled = residual / diagonal
        before, size = size, (residual * scaled).sum(dim=0)
        direction = scaled.addcmul_(direction, torch.where(done, 0.0, size / before))
    raise ArithmeticError(
        f"labels have not settled after {_ITERATIONS:,} iterations of conjugate gradients; the "
        "weights of the graph differ by too many orders of magnitude"
    )
