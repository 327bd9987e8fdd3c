"""Each image to one class, so that every class gets as many images as it should."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_CHANGES = 2000  # of a price, at most; a few dozen are usual


def whole_sizes(shares: NDArray[np.floating[Any]], n: int) -> NDArray[np.int64]:
    """Shares of `n` images as whole numbers that add up, by the largest remainder, (C,)."""
    exact = n * np.asarray(shares, dtype=np.float64) / np.sum(shares)
    sizes = np.floor(exact).astype(np.int64)
    sizes[np.argsort(sizes - exact, kind="stable")[: n - sizes.sum()]] += 1
    return sizes


def priced(scores: Tensor, sizes: NDArray[np.int64]) -> Tensor:
    """What to add to each class's scores, (C,), so that class c is largest for `sizes[c]` images.

    The prices of the assignment of largest total score under given sizes (its dual): the class
    whose size is most wrong gets the price at which it is largest for as many images as it should
    be, given the prices of the others, until all sizes are right to one in a thousand images.
    Only images that prices may move are looked at. Equal scores cannot be parted by prices; sizes
    then stay wrong by them.

    Args:
        scores: (n, C).
        sizes: how many images of each class, n in all; a class of none is out of the question.
    """
    n, n_classes = scores.shape
    out = torch.from_numpy(sizes == 0)
    prices = torch.zeros(n_classes, dtype=scores.dtype)
    prices[out] = -torch.inf
    wanted = torch.from_numpy(sizes)
    allowed = max(1, n // 1000)
    for _ in range(_CHANGES):
        wrong = torch.bincount((scores + prices).argmax(dim=1), minlength=n_classes) - wanted
        worst = int(wrong.abs().argmax())
        if abs(int(wrong[worst])) <= allowed:
            break
        others = scores + prices
        others[:, worst] = -torch.inf
        needed = others.amax(dim=1) - scores[:, worst]
        ordered = needed.sort().values
        size = int(wanted[worst])
        prices[worst] = (ordered[size - 1] + ordered[min(size, n - 1)]) / 2
    return prices
