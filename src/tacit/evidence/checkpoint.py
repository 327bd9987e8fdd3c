"""Progress of a long measurement, kept on disk so that an interrupted one goes on."""

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from tacit.files import Damaged, write_atomically
from tacit.models.models import VAE

SECONDS_BETWEEN = 20.0


class Store:
    """One file of tensors and what they belong to; written whole or not at all.

    Args:
        path: the file; its folder is made.
        identity: what the tensors belong to. A file of another identity is refused.
        seconds_between: progress is written no more often.
    """

    def __init__(self, path: Path, identity: str, *, seconds_between: float | None = None) -> None:
        self.path = path
        self.identity = identity
        self.seconds_between = SECONDS_BETWEEN if seconds_between is None else seconds_between
        self._written = time.monotonic()

    def load(self, device: torch.device | str = "cpu") -> dict[str, Tensor] | None:
        """The tensors that were written last; None where there are none.

        Raises:
            ValueError: the file belongs to something else.
            Damaged: it is not what was written.
        """
        if not self.path.exists():
            return None
        note, tensors = _read(self.path)
        if note["identity"] != self.identity:
            raise ValueError(
                f"{self.path} is the progress of another run (other model, images, schedule, "
                "chains or seed); give another folder, or remove it to begin anew"
            )
        return {name: tensor.to(device) for name, tensor in tensors.items()}

    def save(self, *, last: bool, **tensors: Tensor) -> None:
        """Write `tensors`, if it is the last time or long enough ago."""
        if not last and time.monotonic() - self._written < self.seconds_between:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        note = {"identity": self.identity, "sha256": _digest(self.identity, whole)}
        write_atomically(self.path, lambda path: save_file(whole, path, metadata=note))
        self._written = time.monotonic()


def check_kept(path: Path) -> None:
    """See that a file that a `Store` wrote is what was written.

    Raises:
        Damaged: it is not.
    """
    _read(path)


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            note = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise Damaged(f"{path} is damaged: {error}") from None
    if note.get("sha256") != _digest(note.get("identity", ""), tensors):
        raise Damaged(f"{path} is damaged: its checksum does not fit")
    return note, tensors


def _digest(identity: str, tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(identity.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(repr((name, tuple(tensor.shape), tensor.dtype)).encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def fingerprint(model: VAE, tensors: tuple[Tensor, ...], settings: object) -> str:
    """A hash of the decoder's and likelihood's weights, of `tensors` and of `settings`."""
    digest = hashlib.sha256(repr(settings).encode())
    state = {**model.decoder.state_dict(), **model.likelihood.state_dict()}
    for tensor in (*state.values(), *tensors):
        digest.update(repr((tensor.shape, tensor.dtype)).encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
