"""Linear layers on the faster of PyTorch's CPU libraries, and in bfloat16 where that is asked."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from tacit.models.onednn import multiplies, product
from tacit.models.precision import product_dtype

SMALLEST_PRODUCT = 2_000_000
"""Multiplications below which the way to oneDNN costs more than it saves; bfloat16 likewise."""


class Linear(nn.Linear):
    """`torch.nn.Linear`, its product taken by `linear`."""

    def forward(self, input: Tensor) -> Tensor:
        return linear(input, self.weight, self.bias)


class CodeLinear(Linear):
    """A layer that makes codes or reads them: its products are never rounded.

    It is a small part of a network's work, and most of what rounding would cost: with these layers
    in bfloat16 the reports' VAE ended 0.35 % worse than in float32 (docs/performance.md).
    """

    def forward(self, input: Tensor) -> Tensor:
        return linear(input, self.weight, self.bias, torch.float32)


def linear(
    input: Tensor, weight: Tensor, bias: Tensor | None, dtype: torch.dtype | None = None
) -> Tensor:
    """x Wᵀ + b, as `torch.nn.functional.linear`; in float32 on a CPU the product runs on oneDNN.

    PyTorch sends it to MKL, which leaves half of the speed of some of AMD's processors unused: 128
    rows from 2048 to 256 units took 1.27 ms there and 0.57 ms on oneDNN (one core of an EPYC with
    AVX-512, PyTorch 2.13). Numbers differ by rounding.

    Inside `products_in(torch.bfloat16)`, large products of float32 are taken in bfloat16, forward
    and backward; sums run in float32, and so does everything outside of the product. What it is
    given may be rounded already, as by a convolution; what it returns is float32. `dtype` says it
    for this product alone. A CPU without instructions for bfloat16 multiplies the same rounded
    numbers in float32 (`onednn.held_in`).
    """
    if not _is_large(input, weight):
        return F.linear(input.to(weight.dtype), weight, bias)
    dtype = dtype or product_dtype()
    if input.device.type == "cpu" and (dtype != torch.float32 or multiplies(dtype)):
        n_out, n_in = weight.shape
        rows = _Product.apply(input.reshape(-1, n_in), weight, bias, dtype)
        return rows.reshape(*input.shape[:-1], n_out)
    rounded = None if bias is None else bias.to(dtype)
    return F.linear(input.to(dtype), weight.to(dtype), rounded).to(weight.dtype)


def _is_large(x: Tensor, weight: Tensor) -> bool:
    # While a network is traced its batch has no number, so tracing is asked about first.
    return bool(
        not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()
        and x.device.type == weight.device.type
        and x.dtype in (torch.float32, torch.bfloat16)
        and weight.dtype == torch.float32
        and x.numel() * len(weight) >= SMALLEST_PRODUCT
    )


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, dtype: torch.dtype
    ) -> Tensor:
        ctx.given, ctx.has_bias = x.dtype, bias is not None
        x, weight = x.to(dtype), weight.to(dtype)
        ctx.save_for_backward(x, weight)
        return product(x, weight, None if bias is None else bias.to(dtype)).float()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        wants_x, wants_weight, wants_bias, _ = ctx.needs_input_grad
        gradient = gradients[0].to(x.dtype)
        return (
            product(gradient, weight.t()).to(ctx.given) if wants_x else None,
            product(gradient.t().contiguous(), x.t()).float() if wants_weight else None,
            gradients[0].sum(dim=0) if wants_bias and ctx.has_bias else None,
            None,
        )
