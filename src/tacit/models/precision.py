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

    Weights, activations between layers, losses and gradients of weights stay as they are: a layer
    rounds what it multiplies, and hands on what it was given.
    """
    before = _products.dtype
    _products.dtype = dtype
    try:
        yield
    finally:
        _products.dtype = before


def product_dtype() -> torch.dtype:
    """In what products are taken here and now."""
    return _products.dtype
