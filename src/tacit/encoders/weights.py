"""Weights from a file that a user names: tensors by name, and nothing else."""

import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from tacit.errors import EncoderError
from tacit.images.bounded import shown

WITHIN = ("state_dict_ema", "model_ema", "state_dict", "model")
"""Where checkpoints keep the weights, the best first."""

PREFIXES = ("module.", "_orig_mod.")
_LISTED = 5
_COUNTS = "num_batches_tracked"  # of batch normalisation: no feature depends on it


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors file, or of PyTorch's own format.

    The latter is read with PyTorch's reader of weights alone, which runs nothing that a file says.

    Raises:
        EncoderError: there is no such file, it is of another kind, or holds anything but tensors.
    """
    if not path.is_file():
        raise EncoderError(f"{shown(path)}: there is no such file of weights")
    try:
        if path.suffix.lower() == ".safetensors":
            return dict(load_file(path))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of plain pickles, which are refused all the same
            held: Any = torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise EncoderError(f"{shown(path)}: no safetensors file ({error})") from None
    except UnpicklingError:
        raise EncoderError(
            f"{shown(path)}: is no file of weights alone; a pickle of anything else is not read. "
            "Save the state_dict, best as .safetensors"
        ) from None
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise EncoderError(f"{shown(path)}: cannot be read as weights ({reason[:200]})") from None
    return _tensors(held, path)


def _tensors(held: Any, path: Path) -> dict[str, Tensor]:
    while isinstance(held, Mapping):
        inner = next((held[key] for key in WITHIN if isinstance(held.get(key), Mapping)), None)
        if inner is None:
            break
        held = inner
    if not isinstance(held, Mapping) or not held:
        raise EncoderError(f"{shown(path)}: holds a {type(held).__name__}, not tensors by name")
    odd = next((name for name, value in held.items() if not isinstance(value, Tensor)), None)
    if odd is not None:
        raise EncoderError(
            f"{shown(path)}: '{odd!s:.60}' is a {type(held[odd]).__name__}; weights are tensors"
        )
    named = {str(name): tensor for name, tensor in held.items()}
    for prefix in PREFIXES:
        if all(name.startswith(prefix) for name in named):
            named = {name.removeprefix(prefix): tensor for name, tensor in named.items()}
    return named


def differences(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> list[str]:
    """How given weights differ from those wanted, in words; empty where they fit."""
    missing = [n for n in wanted if n not in given and not n.endswith(_COUNTS)]
    extra = [n for n in given if n not in wanted and not n.endswith(_COUNTS)]
    shapes = [
        f"{n} is {tuple(given[n].shape)} and not {tuple(wanted[n].shape)}"
        for n in wanted
        if n in given and given[n].shape != wanted[n].shape
    ]
    found = []
    for kind, names in (("missing", missing), ("unknown", extra), ("of another shape", shapes)):
        if names:
            more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
            found.append(f"{len(names):,} {kind}: {', '.join(names[:_LISTED])}{more}")
    return found


def fits_in_order(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> bool:
    """Whether tensor after tensor has the shape wanted, whatever the names."""
    return [t.shape for t in wanted.values()] == [t.shape for t in given.values()]
