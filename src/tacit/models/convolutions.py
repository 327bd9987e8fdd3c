"""Convolutions as PyTorch's, on the faster of the ways to compute them."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tacit.models.onednn import held_in
from tacit.models.precision import product_dtype

FEWEST_CHANNELS = 16
"""Input channels below which rounding to bfloat16 costs more than it saves."""


class Conv2d(nn.Conv2d):
    """`torch.nn.Conv2d`; inside `products_in(torch.bfloat16)` its products are in bfloat16.

    What it hands on stays rounded then: ReLU and maxima of such numbers are exact, and a linear
    layer takes them as they are.
    """

    def forward(self, input: Tensor) -> Tensor:
        dtype = product_dtype(self.weight.dtype)
        few = self.in_channels < FEWEST_CHANNELS and input.dtype != dtype
        if dtype == self.weight.dtype or few:
            return super().forward(input)
        held = held_in(dtype, input.device)
        bias = None if self.bias is None else self.bias.to(dtype).to(held)
        weight = self.weight.to(dtype).to(held)
        return self._conv_forward(input.to(dtype).to(held), weight, bias).to(dtype)


class ConvTranspose2d(nn.ConvTranspose2d):
    """3×3, of stride 2 and padding 1, as `torch.nn.ConvTranspose2d`.

    Where there are few output channels (an image's own), on a CPU, it is taken as a convolution:
    each pixel of the input makes a square of 2×2 of the output, which are four channels before
    they are put in place (Shi 2016, the sub-pixel convolution). From 32 channels at 14×14 to one at
    28×28 that took half of the time forward and nine tenths with gradients, from 4×4 to 8×8 two
    fifths and two thirds. Numbers differ by rounding. In bfloat16 it is as `Conv2d` is, and an
    image's channels lie side by side in memory, which is faster by a tenth.
    """

    def __init__(self, c_in: int, c_out: int, output_padding: tuple[int, int]) -> None:
        super().__init__(c_in, c_out, 3, stride=2, padding=1, output_padding=output_padding)

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        here = _is_computed_here(input)
        weight, bias = self.weight, self.bias
        assert bias is not None
        dtype = product_dtype(weight.dtype)
        rounded = dtype != weight.dtype
        if rounded:
            held = held_in(dtype, input.device)
            input = input.to(dtype, memory_format=torch.channels_last).to(held)
            weight, bias = weight.to(dtype).to(held), bias.to(dtype).to(held)
        if here and 4 * self.out_channels < self.in_channels:
            out = self._as_convolution(input, weight, bias)
            return out.to(dtype) if rounded else out
        # Given its bias, oneDNN takes up to 1.3 times as long in float32 and seven times in
        # bfloat16. Values are the same to the bit, but not the sums that are a bias's gradient.
        if rounded or (here and not (bias.requires_grad and torch.is_grad_enabled())):
            out = F.conv_transpose2d(input, weight, None, 2, 1, self.output_padding)
            if rounded:
                out, bias = out.to(dtype), bias.to(dtype)
            return out + bias[:, None, None]
        return super().forward(input, output_size)

    def _as_convolution(self, input: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        n_in, n_out = weight.shape[:2]
        # Row 2i of the output meets tap 1 of row i; row 2i + 1 meets tap 2 of row i and tap 0 of
        # row i + 1: with a row of zeros before them, taps 2 (1 - a) + p of phase p, window row a.
        taps = F.pad(weight, (1, 0, 1, 0)).view(n_in, n_out, 2, 2, 2, 2).flip(2, 4)
        kernel = taps.permute(1, 3, 5, 0, 2, 4).reshape(4 * n_out, n_in, 2, 2)
        # One row and one column too many are made before the first and are cut off.
        squares = F.conv2d(input, kernel, bias.repeat_interleave(4), padding=1)[..., 1:, 1:]
        height, width = (2 * side - 1 + more for side, more in zip(
            input.shape[-2:], self.output_padding, strict=True
        ))  # fmt: skip
        return F.pixel_shuffle(squares, 2)[..., :height, :width]


def _is_computed_here(input: Tensor) -> bool:
    """On a CPU, and not traced for another runtime."""
    return bool(
        not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()
        and input.device.type == "cpu"
    )
