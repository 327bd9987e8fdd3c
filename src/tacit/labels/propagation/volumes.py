"""Each image to one class, so that every class gets as many images as it should."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_NEAR, _FAR = 0.05, 10.0  # how far prices may move before more images are looked at
_EXACT = 10_000  # images of which one may change hands in the last sweep
_PATIENCE = 10  # sweeps over all classes without a smaller change

Sizes = NDArray[np.int64]


def whole_sizes(shares: NDArray[np.floating[Any]], n: int) -> Sizes:
    """Shares of `n` images as whole numbers that add up, by the largest remainder, (C,)."""
    exact = n * np.asarray(shares, dtype=np.float64) / np.sum(shares)
    sizes = np.floor(exact).astype(np.int64)
    sizes[np.argsort(sizes - exact, kind="stable")[: n - sizes.sum()]] += 1
    return sizes


def forced_errors(shares: NDArray[np.floating[Any]], slack: float) -> float:
    """The least share of images in a wrong class where each class gets 1 / C of them, ± `slack`.

    What a class has beyond the most that it may get goes elsewhere, and what it lacks to the least
    comes from elsewhere.

    Args:
        shares: of the classes, as they are, (C,).
        slack: by what part of itself a class's share may differ from 1 / C.

    >>> round(forced_errors(np.array([0.9, 0.1]), 0.1), 3)
    0.35
    """
    own, even = np.asarray(shares, np.float64), 1 / len(shares)
    beyond = np.maximum(own - (1 + slack) * even, 0).sum()
    lacking = np.maximum((1 - slack) * even - own, 0).sum()
    return float(max(beyond, lacking))


def priced(scores: Tensor, least: Sizes, most: Sizes, start: Tensor | None = None) -> Tensor:
    """What to add to each class's scores, (C,), so that sizes come to lie within bounds.

    These are the prices of the assignment of largest total score with `least` to `most` images in
    class c (its dual). Class by class, given the prices of the others, a price is the one nearest
    to zero at which the class is largest for an allowed number of images; sweeps go on until no
    size changes by more than one in ten thousand images. Equal scores cannot be parted by prices;
    sizes then stay wrong by them.

    Source: the auction with upper and lower bounds of Jacobs, Merkurjev and Esedoglu 2018 solves
    the same problem.

    Args:
        scores: (n, C).
        least, most: (C,); the sums of `least` and of `most` have n between them. A class of at
            most none is out of the question.
        start: prices that are about right, (C,).
    """
    start = torch.zeros(scores.shape[1], dtype=scores.dtype) if start is None else start.clone()
    start[torch.from_numpy(most == 0)] = -torch.inf
    near = _NEAR
    while True:
        # An image whose best two classes are further apart than prices move has its class already.
        best = (scores + start).topk(2, dim=1)
        contested = best.values[:, 0] - best.values[:, 1] <= 2 * near
        taken = torch.bincount(best.indices[~contested, 0], minlength=len(start)).numpy()
        bounds = least - taken, most - taken
        prices = _swept(scores[contested], *bounds, start, near, len(scores))
        sizes = (scores[contested] + prices).argmax(dim=1).bincount(minlength=len(start)).numpy()
        wrong = max((bounds[0] - sizes).max(), (sizes - bounds[1]).max())
        moved = (prices - start)[start.isfinite()].abs().max()
        if near == torch.inf or (moved < near and wrong <= len(scores) // _EXACT):
            return prices
        near = 4 * near if near < _FAR else torch.inf


def _swept(
    scores: Tensor, least: Sizes, most: Sizes, start: Tensor, near: float, n_images: int
) -> Tensor:
    """Prices at most `near` to `start` that bring every class within its bounds, if there are."""
    prices = start.clone()
    allowed = n_images // _EXACT
    classes = [int(label) for label in torch.nonzero(start.isfinite())]
    changes: list[int] = []
    while len(scores):
        changed = 0
        for label in classes:
            offered = scores + prices
            offered[:, label] = -torch.inf
            needed = (offered.amax(dim=1) - scores[:, label]).sort().values
            before = int((needed < prices[label]).sum())
            low, high = _between(needed, int(least[label])), _between(needed, int(most[label]))
            at = float(start[label])
            prices[label] = min(max(min(max(0.0, low), high), at - near), at + near)
            changed = max(changed, abs(int((needed < prices[label]).sum()) - before))
        changes.append(changed)
        # Equal scores change hands for ever.
        stuck = min(changes[-_PATIENCE:]) >= min(changes[:-_PATIENCE], default=n_images + 1)
        if changed <= allowed or stuck:
            break
    return prices


def _between(ordered: Tensor, size: int) -> float:
    """A price that `size` of the `ordered` ones are below."""
    if size <= 0:
        return float(ordered[0]) - 1
    if size >= len(ordered):
        return float(ordered[-1]) + 1
    return float(ordered[size - 1] + ordered[size]) / 2
