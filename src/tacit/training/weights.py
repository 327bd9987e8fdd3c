"""Models and their weights from files that are not trusted.

Nothing is ever unpickled, and nothing allocated that a file does not hold.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from tacit.files import Damaged, verify_file
from tacit.images.bounded import shown
from tacit.models.config import ModelConfig, build
from tacit.models.models import Model
from tacit.models.parts import freeze

MAX_HEADER = 1 << 20
_DTYPES = {"F64": torch.float64, "F32": torch.float32, "I64": torch.int64, "BOOL": torch.bool}
_PICKLES = {b"PK\x03\x04": "a zip archive, as PyTorch pickles are", b"\x80": "a pickle"}


class ModelFileError(Damaged):
    """A file or folder that cannot be taken for a model; the message names it and says why."""


@dataclass(frozen=True)
class Header:
    """What a safetensors file says of itself: its note, and type and shape of each tensor."""

    note: dict[str, str]
    tensors: dict[str, tuple[torch.dtype, tuple[int, ...]]]


@dataclass(frozen=True)
class Read:
    """What a file of weights gave.

    Attributes:
        model: in evaluation mode and without gradients.
        others: tensors that are not the model's. note: what the file says of itself.
    """

    model: Model
    others: dict[str, Tensor]
    note: dict[str, str]


def read_model(
    path: Path,
    config: ModelConfig,
    described: Path,
    *,
    sha256: str | None = None,
    prefix: str = "",
    others: Callable[[], Mapping[str, Tensor]] = dict,
) -> Read:
    """The model that a configuration describes, with its weights.

    Args:
        path: of the weights. described: the file that the configuration is from.
        sha256: of the weights; None where they were verified.
        prefix: what stands before the names of the model's own tensors.
        others: which other tensors the file holds.

    Raises:
        ModelFileError: the configuration describes no model, the file holds other tensors, or its
            checksum does not fit.
    """
    header = read_header(path)
    try:
        # On the meta device a model of any size takes no memory.
        with torch.device("meta"):
            model, more = build(config), others()
    except (RuntimeError, ArithmeticError, ValueError, TypeError) as error:
        own = isinstance(error, ValueError)  # others are PyTorch's, in words about its operations
        why = str(error) if own else "its sizes make no network"
        raise ModelFileError(f"{shown(described)} describes no model: {why}") from None
    own_tensors = {f"{prefix}{name}": value for name, value in model.state_dict().items()}
    check_tensors(path, header, {**own_tensors, **more})
    if sha256 is not None:
        try:
            verify_file(path, sha256)
        except Damaged as error:
            raise ModelFileError(str(error)) from None
    tensors = load_file(path)
    model = model.to_empty(device="cpu")
    model.load_state_dict({name: tensors.pop(f"{prefix}{name}") for name in model.state_dict()})
    freeze(model)
    return Read(model, tensors, header.note)


def read_header(path: Path) -> Header:
    """The header of a safetensors file, held against the size of the file.

    Raises:
        ModelFileError: it is no such file, or its header does not fit what follows it.
    """
    with path.open("rb") as file:
        size = path.stat().st_size
        start = file.read(8)
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > min(size - 8, MAX_HEADER):
            # A header of 1,152 bytes begins as a pickle does, so that this is asked here alone.
            for magic, what in _PICKLES.items():
                if start.startswith(magic):
                    raise ModelFileError(
                        f"{shown(path)} is {what}, which can run code when it is read; "
                        "it is not read, weights are a safetensors file"
                    )
            raise ModelFileError(
                f"{shown(path)} is no safetensors file of a model: it has {size:,} bytes and "
                f"promises a header of {length:,}; headers have at most {MAX_HEADER:,}"
            )
        text = file.read(length)
    try:
        return _parsed(json.loads(text), size - 8 - length)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ModelFileError(f"{shown(path)}: its header is damaged ({error})") from None


def _parsed(header: Any, payload: int) -> Header:
    note = header.pop("__metadata__", {})
    if not all(isinstance(text, str) for text in [*note, *note.values()]):
        raise ValueError("its note is no text")
    tensors: dict[str, tuple[torch.dtype, tuple[int, ...]]] = {}
    places = []
    for name, entry in header.items():
        dtype, shape = _DTYPES[entry["dtype"]], tuple(entry["shape"])
        first, last = entry["data_offsets"]
        if not all(type(n) is int and n >= 0 for n in (*shape, first, last)):
            raise ValueError(f"'{name}' has the shape {shape} at bytes {first} to {last}")
        if last - first != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"'{name}' of shape {shape} is given {last - first:,} bytes")
        tensors[name] = dtype, shape
        places.append((first, last))
    end = 0
    for first, last in sorted(places):
        if first != end:
            raise ValueError(f"a tensor begins at byte {first:,}, not at {end:,}")
        end = last
    if end != payload:
        raise ValueError(f"it promises {end:,} bytes of tensors; {payload:,} follow")
    return Header(note, tensors)


def check_tensors(path: Path, header: Header, wanted: Mapping[str, Tensor]) -> None:
    """See that a file holds the tensors wanted (which may be on the meta device), and no others.

    Raises:
        ModelFileError: listing every one that differs.
    """
    needed = {name: (value.dtype, tuple(value.shape)) for name, value in wanted.items()}
    differences = [
        f"\n  {name}: the file has {_said(header.tensors.get(name))}, "
        f"the model needs {_said(needed.get(name))}"
        for name in sorted(header.tensors.keys() | needed.keys())
        if header.tensors.get(name) != needed.get(name)
    ]
    if differences:
        raise ModelFileError(
            f"{shown(path)} does not fit the model in its configuration:{''.join(differences)}"
        )


def _said(entry: tuple[torch.dtype, tuple[int, ...]] | None) -> str:
    return "nothing" if entry is None else f"{str(entry[0]).removeprefix('torch.')} {entry[1]}"
