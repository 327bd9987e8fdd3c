"""Many images, or codes, through a network: some at a time, and put together again."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tacit.training.batches import batch_of, images_at_once
from tacit.training.examples import Examples
from tacit.training.objectives import Batch
from tacit.training.ranks import ALONE, Ranks

AT_ONCE = 500
"""So many rows go through a network at once: what it makes of a row may depend on that by rounding,
so that another number would be another result."""

CPU = torch.device("cpu")

Made = TypeVar("Made")


def in_parts(function: Callable[[slice], Made], n: int, at_once: int = AT_ONCE) -> Made:
    """What `function` makes of rows 0 to n, so many of them at a time, one after another.

    Args:
        function: of some of the rows. Gives a tensor or an array, its first axis the rows, or a
            tuple or a dictionary of such.
        n: the number of rows; of none, the function makes what has none.

    >>> in_parts(lambda rows: np.arange(100)[rows] ** 2, 5, at_once=2)
    array([ 0,  1,  4,  9, 16])
    """
    firsts = range(0, max(n, 1), at_once)
    return _joined([function(slice(first, min(first + at_once, n))) for first in firsts])


@torch.no_grad()
def of_rows(function: Callable[[Tensor], Made], values: Tensor, at_once: int = AT_ONCE) -> Made:
    """What `function` makes of images or codes, (n, …), without gradients."""
    return in_parts(lambda rows: function(values[rows]), len(values), at_once)


@torch.no_grad()
def of_images(
    function: Callable[[Batch], Made],
    images: Examples,
    index: NDArray[np.integer[Any]] | None = None,
    *,
    device: torch.device = CPU,
    at_once: int = AT_ONCE,
    ranks: Ranks = ALONE,
    owned: bool = False,
) -> Made:
    """What `function` makes of the images at `index`, or of all, without gradients.

    Where images are large, fewer go through at once (`images_at_once`). Several ranks share them,
    and each has what is made of all; owned: see `Ranks.share`.
    """
    chosen, size = _chosen(images, index, at_once)

    def made(rows: slice) -> Made:
        batch = batch_of(images, chosen[rows], device, ranks, owned=owned)
        return ranks.whole(function(batch), batch.share)

    return in_parts(made, len(chosen), size)


@torch.no_grad()
def of_pixels(
    function: Callable[[Tensor], Made],
    images: Examples,
    index: NDArray[np.integer[Any]] | None = None,
    *,
    device: torch.device = CPU,
    at_once: int = AT_ONCE,
) -> Made:
    """As `of_images`, of images as floats alone: their labels are not looked at."""
    chosen, size = _chosen(images, index, at_once)
    return in_parts(
        lambda rows: function(torch.from_numpy(images.scaled(chosen[rows])).to(device)),
        len(chosen),
        size,
    )


def _chosen(
    images: Examples, index: NDArray[np.integer[Any]] | None, at_once: int
) -> tuple[NDArray[np.int64], int]:
    """The rows that are meant, and how many of them go through at once."""
    chosen = np.arange(len(images)) if index is None else np.asarray(index, np.int64)
    return chosen, images_at_once(images.scaled(chosen[:1]).size, at_once)


def _joined(parts: list[Any]) -> Any:
    first = parts[0]
    if isinstance(first, Tensor):
        return torch.cat(parts)
    if isinstance(first, dict):
        return {name: _joined([part[name] for part in parts]) for name in first}
    if isinstance(first, tuple):
        return tuple(_joined(list(column)) for column in zip(*parts, strict=True))
    return np.concatenate(parts)
