"""What two ways to compute the same thing may differ by: they add up in other orders.

How a processor adds up depends on how many numbers it holds at once, so that no test may ask for
the sums of one machine. A tolerance says what is summed, by these rules:

- A float holds a number to u of its size: `UNIT` of its dtype, 2⁻²⁴ or 2⁻⁵³.
- A sum of n products, in any order, is off by at most n u Σ |aᵢ bᵢ|, and by λ √n u Σ |aᵢ bᵢ| in all
  but a share of 2 exp(-λ² / 2) of cases (Higham and Mary 2019, A new approach to probabilistic
  rounding error analysis); `LAMBDA` leaves one in 10¹⁰ out.
- Adam divides a gradient by its own size. Of N gradients about as large as s, the smallest is about
  s / N, so that an error of δ s turns a step by up to δ N of the rate, and never by more than twice
  the rate. In float32 a network of 10⁵ weights has some that rounding alone sends the other way; in
  float64 it has none. Training is compared in float64, therefore: `Doubled` are images for it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tacit.images.dataset import Images

LAMBDA = 7.0
UNIT = {torch.float32: 2.0**-24, torch.float64: 2.0**-53}


def reordered(a: Tensor, b: Tensor) -> Tensor:
    """What a bᵀ may differ by in two orders of its sums, number by number; a: (n, k), b: (m, k)."""
    sizes = a.double().abs() @ b.double().abs().mT
    return 2 * LAMBDA * a.shape[-1] ** 0.5 * UNIT[a.dtype] * sizes


def assert_reordered(found: Tensor, expected: Tensor, a: Tensor, b: Tensor) -> None:
    """Both are a bᵀ, plus one number each, to what a reordered sum may differ by."""
    more = 2 * UNIT[expected.dtype] * expected.abs().double()
    off = (found.double() - expected.double()).abs()
    assert bool((off <= reordered(a, b) + more).all()), float(
        (off / (reordered(a, b) + more)).max()
    )


def trained_alike(model: nn.Module, *, n_summed: int, rate: float, updates: int) -> float:
    """What a weight of a model may differ by after updates of Adam whose gradients are summed in
    another order: of n numbers, at a rate."""
    dtype = next(iter(model.parameters())).dtype
    n_weights = sum(p.numel() for p in model.parameters())
    turned = 2 * LAMBDA * n_summed**0.5 * UNIT[dtype] * n_weights
    return rate * updates * min(2.0, turned)


@dataclass(frozen=True, eq=False)
class Doubled:
    """Images as examples in float64."""

    images: Images

    @property
    def labels(self) -> NDArray[np.int64] | None:
        return self.images.labels

    def __len__(self) -> int:
        return len(self.images)

    def scaled(self, index: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
        return self.images.scaled(index).astype(np.float64)  # type: ignore[return-value]
