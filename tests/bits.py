"""Whether tensors are the same to the bit."""

from collections.abc import Mapping

import torch
from torch import Tensor


def same_tensors(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> bool:
    """Whether two sets of tensors have the same names and, name by name, the same bits."""
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
