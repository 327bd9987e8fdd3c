"""Numbers packed for the page: weights rounded as its size allows, all in one compressed text."""

import base64
import zlib
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

HALF = "float16"
STEPS = (127, 96, 72, 54, 40, 30, 22, 16, 12, 9)
"""To how many steps on either side of nothing the weights of a row may be rounded, finest first."""

Precision = int | str
"""`HALF`, or a number of steps."""


class Packer:
    """Lays arrays one after another and says where each lies, as `network.js` reads them.

    Weights of two and more axes are rounded to `precision`; all else stays float32.
    """

    def __init__(self, precision: Precision) -> None:
        self.precision = precision
        self._parts: list[bytes] = []
        self._size = 0
        self._known: dict[tuple[str, tuple[int, ...], bytes], dict[str, Any]] = {}

    def weight(self, weight: Tensor) -> dict[str, Any]:
        """A weight or bias of a network."""
        array = weight.detach().cpu().float().numpy()
        if array.ndim < 2:
            return self.floats(array)
        if self.precision == HALF:
            # All low bytes, then all high ones, which are alike and so compress to the half.
            planes = array.astype("<f2").view(np.uint8).reshape(-1, 2).T
            return self._lay("float16", array.shape, planes.tobytes())
        sizes, steps = rounded(array, int(self.precision))
        return self._lay("steps", array.shape, sizes.astype("<f4").tobytes() + steps.tobytes())

    def floats(self, array: NDArray[Any]) -> dict[str, Any]:
        """An array as float32."""
        return self._lay("float32", array.shape, array.astype("<f4").tobytes())

    def pixels(self, array: NDArray[np.uint8]) -> dict[str, Any]:
        """An array of bytes."""
        return self._lay("bytes", array.shape, np.ascontiguousarray(array).tobytes())

    def _lay(self, form: str, shape: tuple[int, ...], content: bytes) -> dict[str, Any]:
        """What was laid before is not laid again: two models may share a part."""
        key = (form, shape, content)
        if key not in self._known:
            self._known[key] = {"at": self._size, "shape": list(shape), "form": form}
            self._parts.append(content)
            self._size += len(content)
        return self._known[key]

    def text(self) -> str:
        """All of it, compressed (zlib), in base64."""
        return base64.b64encode(zlib.compress(b"".join(self._parts), 9)).decode()


def rounded(
    weight: NDArray[np.float32], steps: int
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Whole steps for each weight, and how large a step is in each row: weight ≈ size · step.

    A row is what stands under one index of the first axis; its largest weight, in absolute value,
    is `steps` steps.

    >>> sizes, steps = rounded(np.float32([[1.0, -0.5], [0.0, 0.0]]), 4)
    >>> sizes.tolist(), steps.tolist()
    ([0.25, 0.0], [[4, -2], [0, 0]])
    """
    rows = weight.reshape(len(weight), -1)
    sizes = np.abs(rows).max(axis=1) / np.float32(steps)
    whole = np.rint(np.divide(rows, sizes[:, None], where=sizes[:, None] > 0, out=0 * rows))
    return sizes, whole.astype(np.int8).reshape(weight.shape)


@torch.no_grad()
def as_packed(network: nn.Module, precision: Precision) -> None:
    """Round the weights of a network to what `Packer` keeps of them, in place."""
    for parameter in network.parameters():
        if parameter.ndim < 2:
            continue
        array = parameter.detach().cpu().numpy()
        if precision == HALF:
            kept = array.astype(np.float16).astype(np.float32)
        else:
            sizes, steps = rounded(array, int(precision))
            kept = sizes.reshape(-1, *[1] * (array.ndim - 1)) * steps.astype(np.float32)
        parameter.copy_(torch.from_numpy(kept))
