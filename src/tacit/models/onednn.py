"""Products by oneDNN, where this PyTorch and this processor have them."""

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

_operator = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
"""Private to PyTorch, so that it may be missing, or be another one, in any version."""


def multiplies(dtype: torch.dtype) -> bool:
    """Whether oneDNN takes products of a dtype here: bfloat16 needs AVX-512, or AMX, on x86."""
    return bool(torch.backends.mkldnn.enabled) and _answers(dtype)


def held_in(dtype: torch.dtype, device: torch.device) -> torch.dtype:
    """The dtype in which factors that were rounded to `dtype` are multiplied on a device.

    Where a CPU has no instructions for `dtype`, PyTorch multiplies number by number, which took 18
    to 25 times as long as float32 in convolutions. The same rounded numbers are multiplied in
    float32 there: float32 holds them exactly, and sums run in float32 either way.
    """
    return dtype if device.type != "cpu" or multiplies(dtype) else torch.float32


def product(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """a bᵀ + bias, on a CPU; a: (n, k), b: (m, k), both possibly transposed views."""
    if multiplies(a.dtype):
        return _ask(a, b, bias)
    held = held_in(a.dtype, a.device)
    if held == a.dtype:
        return F.linear(a, b, bias)
    return product(a.to(held), b.to(held), None if bias is None else bias.to(held)).to(a.dtype)


def _ask(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    return _operator(a, b, bias, "none", [], "")  # type: ignore[misc]


@cache
def _answers(dtype: torch.dtype) -> bool:
    """Asked by three small products, of the kinds that a layer and its gradients need."""
    if _operator is None:
        return False
    a, b = torch.ones(2, 3, dtype=dtype), torch.ones(4, 3, dtype=dtype)
    gradient = torch.ones(2, 4, dtype=dtype)
    try:
        found = (
            _ask(a, b, torch.zeros(4, dtype=dtype)),
            _ask(gradient, b.t()),
            _ask(gradient.t().contiguous(), a.t()),
        )
    except (RuntimeError, TypeError):  # no such instructions; or other arguments than ours
        return False
    ones = ((2, 4, 3.0), (2, 3, 4.0), (4, 3, 2.0))  # of so many rows, columns and summands
    return [got.tolist() for got in found] == [[[n] * m] * k for k, m, n in ones]
