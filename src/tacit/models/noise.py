"""Noise of a batch of which this process looks at some rows alone.

What is drawn for an image depends on its place in the whole batch: whoever takes a share of the
batch draws for all of it and keeps what belongs to the share, so that no image's noise depends on
how many shares there are. Every draw that belongs to the images of a batch goes through `drawn`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Share:
    """Some rows of a batch.

    Attributes:
        places: of the rows in the whole batch, (b,), at least one of them.
        whole: how many rows the batch has.
        counted: whether they count. Where there are more processes than rows, some look at a row
            that another one counts, so that all of them take the same steps.
    """

    places: Tensor
    whole: int
    counted: bool = True


class Noise(torch.Generator):
    """A generator that knows of which share of a batch it is asked; None for all of it."""

    share: Share | None = None

    def __new__(cls, device: torch.device | str = "cpu") -> "Noise":
        return super().__new__(cls, device=device)  # type: ignore[call-arg]


def drawn(
    draw: Callable[..., Tensor],
    shape: Sequence[int],
    generator: torch.Generator,
    *,
    axis: int = 0,
    **like: Any,
) -> Tensor:
    """What `draw` (`torch.randn`, `torch.rand`) gives for the rows of a batch.

    Args:
        shape: of what is wanted. axis: that of the batch's rows.
        generator: where it comes from; one that is no `Noise` is asked for all of a batch.
        like: dtype and device.
    """
    share = getattr(generator, "share", None)
    if share is None:
        return draw(tuple(shape), generator=generator, **like)
    whole = list(shape)
    whole[axis] = share.whole
    return draw(tuple(whole), generator=generator, **like).index_select(axis, share.places)
