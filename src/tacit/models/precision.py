"""In which precision the products of a network's layers are taken."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

Precision = Literal["auto", "float32", "bfloat16"]


class _Products(threading.local):
    dtype = torch.float32


_products = _Products()


def dtype_of(precision: Precision, device: torch.device) -> torch.dtype:
    """What `precision` means on a device: "auto" is bfloat16 on a GPU, and float32 on a CPU.

    >>> dtype_of("auto", torch.device("cpu"))
    torch.float32
    """
    if precision == "auto":
        precision = "bfloat16" if device.type == "cuda" else "float32"
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


@contextmanager
def products_in(dtype: torch.dtype) -> Iterator[None]:
    """Inside, this thread's linear layers and convolutions multiply in `dtype`, where they gain.

    Weights, losses, gradients of weights and what linear layers hand on stay as they are: a layer
    rounds what it multiplies. What convolutions hand on is rounded already.
    """
    before = _products.dtype
    _products.dtype = dtype
    try:
        yield
    finally:
        _products.dtype = before


def product_dtype(weight: torch.dtype = torch.float32) -> torch.dtype:
    """In what products with weights of a dtype are taken here and now; only float32 is rounded."""
    return _products.dtype if weight == torch.float32 else weight
