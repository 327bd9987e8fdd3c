"""A small residual network (He 2016), for images of 8×8 to some hundred pixels."""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from tacit.models.convolutions import Conv2d
from tacit.models.linear import CodeLinear
from tacit.models.networks import SMALLEST_SIDE, Encoder, Shape, halved

LARGEST_FACTOR = 4
"""Channels double from stage to stage until there are so many times as many as at first."""

HALVED_FIRST = 16
"""The side above which the first convolution halves an image: what costs most is at full size."""


class GroupNorm(nn.GroupNorm):
    """`torch.nn.GroupNorm` in the precision of its weights, whatever a convolution handed on."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.to(self.weight.dtype))


class Residual(nn.Module):
    """relu(shortcut(x) + norm(conv(relu(norm(conv(x)))))): two 3×3 convolutions.

    The shortcut is x itself, or a 1×1 convolution where the stride or the channels differ. The
    second normalisation starts at nothing, so that a block starts as its shortcut (Goyal 2017).
    """

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        last = _norm(c_out)
        nn.init.zeros_(last.weight)
        self.within = nn.Sequential(
            Conv2d(c_in, c_out, 3, stride=stride, padding=1, bias=False),
            _norm(c_out),
            nn.ReLU(),
            Conv2d(c_out, c_out, 3, padding=1, bias=False),
            last,
        )
        same = stride == 1 and c_in == c_out
        self.shortcut = (
            nn.Identity()
            if same
            else nn.Sequential(Conv2d(c_in, c_out, 1, stride=stride, bias=False), _norm(c_out))
        )
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.shortcut(x) + self.within(x))


def _norm(channels: int) -> GroupNorm:
    """Over groups of an image's own channels: no image depends on its company, in no mode."""
    groups = next(g for g in (8, 4, 2, 1) if channels % g == 0)
    return GroupNorm(groups, channels)


def stages(shape: Shape, width: int) -> list[tuple[int, int]]:
    """Channels and strides of the first convolution and of each block: depth follows the size.

    Each block but the first halves the image, until its longer side is at most 4.

    >>> stages((3, 32, 32), 32)
    [(32, 2), (32, 1), (64, 2), (128, 2)]
    >>> stages((1, 8, 8), 32)
    [(32, 1), (32, 1), (64, 2)]
    """
    side = max(shape[1:])
    first = 2 if side > HALVED_FIRST else 1
    side = halved(side) if first == 2 else side
    found = [(width, first), (width, 1)]
    while side > SMALLEST_SIDE:
        found.append((min(2 * found[-1][0], LARGEST_FACTOR * width), 2))
        side = halved(side)
    return found


Places = Literal["kept", "mean"]
"""What becomes of the at most 4×4 places that the blocks leave."""


class ResEncoder(Encoder):
    """A 3×3 convolution, residual blocks, and a linear layer to the code.

    At 32×32 that is three blocks, at 64×64 four. It is normalised by groups of channels within each
    image (Wu and He 2018), so that it has no running statistics and does the same in training as
    elsewhere.

    Args:
        width: channels of the first convolution; the last has up to `LARGEST_FACTOR` times as many.
        places: whether the linear layer reads every place ("kept") or their mean. Where things lie
            tells characters apart; of a texture it says nothing.
    """

    def __init__(
        self, shape: Shape, latent_dim: int, *, width: int = 24, places: Places = "kept"
    ) -> None:
        super().__init__()
        (channels, stride), *blocks = stages(shape, width)
        layers: list[nn.Module] = [
            Conv2d(shape[0], channels, 3, stride=stride, padding=1, bias=False),
            _norm(channels),
            nn.ReLU(),
        ]
        sides = [_after(side, stride) for side in shape[1:]]
        for wider, stride in blocks:
            layers.append(Residual(channels, wider, stride))
            channels, sides = wider, [_after(side, stride) for side in sides]
        kept = places == "kept"
        self.features = nn.Sequential(*layers, nn.Flatten() if kept else MeanOverPlaces())
        self.n_features = channels * (math.prod(sides) if kept else 1)
        self.latent_dim = latent_dim
        self.code = CodeLinear(self.n_features, latent_dim)


def _after(side: int, stride: int) -> int:
    return halved(side) if stride == 2 else side


class MeanOverPlaces(nn.Module):
    """(B, C, H, W) to (B, C)."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.mean(x, dim=(2, 3))
