"""What an objective is: per-image terms of a model on a batch of images."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

Terms = dict[str, Tensor]


class Batch(NamedTuple):
    """x: images in [0, 1], (B, C, H, W); y: labels, (B,), or None; index: training rows, (B,).

    codes: of these images, (B, D), where a frozen encoder's are known already; else None.
    """

    x: Tensor
    y: Tensor | None
    index: Tensor  # type: ignore[assignment]  # the field's own name, not tuple's method
    codes: Tensor | None = None


class Objective(Protocol):
    """Per-image terms of a model on a batch; all randomness comes from `generator`."""

    def __call__(
        self, model: "torch.nn.Module", batch: Batch, generator: torch.Generator
    ) -> Terms: ...
