"""What runs a network: PyTorch or onnxruntime, one thread for each batch that is worked on."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tacit.encoders.base import Engine
from tacit.errors import EncoderError
from tacit.models.exporting import export_onnx

AGREE = 1e-3
"""Of the largest feature: by so much the two may differ. float16 leaves half of it open."""


@dataclass(frozen=True, eq=False)
class Torch:
    """A module in evaluation mode, on a CPU with one thread for each caller."""

    module: nn.Module
    device: str = "cpu"
    name: str = "PyTorch"

    def __call__(self, inputs: NDArray[Any]) -> NDArray[np.float32]:
        if self.device == "cpu":
            # Of the calling thread: all cores are at work on batches of their own.
            torch.set_num_threads(1)
        with torch.inference_mode():
            found = self.module(torch.from_numpy(inputs).to(self.device)).float()
            return np.asarray(found.flatten(1).cpu().numpy(), np.float32)


@dataclass(frozen=True, eq=False)
class Onnx:
    """A graph in onnxruntime, on a CPU.

    Attributes:
        session: onnxruntime's. given, got: the names of its input and of the output wanted.
        one_by_one: the graph takes one picture at a time.
    """

    session: Any
    given: str
    got: str
    one_by_one: bool = False
    name: str = "onnxruntime"

    def __call__(self, inputs: NDArray[Any]) -> NDArray[np.float32]:
        batches = [inputs[i : i + 1] for i in range(len(inputs))] if self.one_by_one else [inputs]
        parts = [self.session.run([self.got], {self.given: batch})[0] for batch in batches]
        return np.asarray(np.concatenate(parts), np.float32).reshape(len(inputs), -1)


@contextmanager
def own_threads() -> Iterator[None]:
    """A block in which callers of `Torch` change how many threads PyTorch takes, and no other."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def onnx_runtime(source: str) -> ModuleType:
    """onnxruntime, with onnx beside it.

    Raises:
        EncoderError: they are not installed.
    """
    if not has_onnx():
        raise EncoderError(
            f"encoder '{source}' needs onnx and onnxruntime: pip install 'tacit[onnx]'"
        )
    import onnxruntime

    return onnxruntime


def has_onnx(*more: str) -> bool:
    """Whether onnx and onnxruntime are installed, and what else is named."""
    return all(find_spec(name) is not None for name in ("onnx", "onnxruntime", *more))


def session_of(runtime: ModuleType, model: bytes | Path) -> Any:
    """A session that works in the thread that calls it."""
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    given = str(model) if isinstance(model, Path) else model
    return runtime.InferenceSession(given, options, providers=["CPUExecutionProvider"])


def faster(module: nn.Module, inputs: NDArray[Any], folder: Path) -> Engine:
    """PyTorch or onnxruntime, whichever takes less time for these inputs on one thread.

    onnxruntime is taken into account where it is installed, the module can be exported to it, and
    both give the same features.

    Args:
        module: in evaluation mode, on the CPU. inputs: real ones, (n, C, H, W).
        folder: for the exported graph while it is looked at.
    """
    own = Torch(module)
    other = exported(module, inputs, folder)
    if other is None:
        return own
    expected, found = own(inputs), other(inputs)
    scale = float(np.abs(expected).max(initial=0)) or 1.0
    if found.shape != expected.shape or not np.abs(found - expected).max() <= AGREE * scale:
        return own
    return own if _seconds(own, inputs) <= _seconds(other, inputs) else other


def _seconds(engine: Engine, inputs: NDArray[Any]) -> float:
    taken = []
    for _ in range(2):
        began = time.perf_counter()
        engine(inputs)
        taken.append(time.perf_counter() - began)
    return min(taken)


def exported(module: nn.Module, inputs: NDArray[Any], folder: Path) -> Onnx | None:
    """The module in onnxruntime; None where that cannot be had."""
    if not has_onnx("onnxscript"):
        return None
    import onnxruntime

    path = folder / "exported.onnx"
    try:
        x = torch.from_numpy(inputs)
        export_onnx(module, x, path, "pictures", "features", external_data=True)
        return Onnx(session_of(onnxruntime, path), "pictures", "features")
    except Exception:  # whatever of a thousand architectures cannot be exported runs in PyTorch
        return None
