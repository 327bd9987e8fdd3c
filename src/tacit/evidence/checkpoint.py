"""Progress of a long annealing run, kept on disk so that an interrupted one goes on."""

import hashlib
import time
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from tacit.files import write_atomically
from tacit.models.models import VAE

SECONDS_BETWEEN = 20.0


class Store:
    """One file of tensors and what they belong to; written whole or not at all.

    Args:
        path: the file; its folder is made.
        identity: what the tensors belong to. A file of another identity is refused.
        seconds_between: progress is written no more often.

    Raises:
        ValueError: where the file is there and belongs to something else.
    """

    def __init__(
        self, path: Path, identity: str, *, seconds_between: float = SECONDS_BETWEEN
    ) -> None:
        self.path = path
        self.identity = identity
        self.seconds_between = seconds_between
        self._written = time.monotonic()

    def load(self, device: torch.device) -> dict[str, Tensor] | None:
        """The tensors that were written last; None where there are none."""
        if not self.path.exists():
            return None
        with safe_open(self.path, framework="pt", device=str(device)) as file:
            identity = (file.metadata() or {}).get("identity")
            if identity != self.identity:
                raise ValueError(
                    f"{self.path} is the progress of another run (other model, images, schedule, "
                    "chains or seed); give another folder, or remove it to begin anew"
                )
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118

    def save(self, *, last: bool, **tensors: Tensor) -> None:
        """Write `tensors`, if it is the last time or long enough ago."""
        if not last and time.monotonic() - self._written < self.seconds_between:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
        metadata = {"identity": self.identity}
        write_atomically(self.path, lambda path: save_file(whole, path, metadata=metadata))
        self._written = time.monotonic()


def fingerprint(model: VAE, tensors: tuple[Tensor, ...], settings: object) -> str:
    """A hash of the decoder's and likelihood's weights, of `tensors` and of `settings`."""
    digest = hashlib.sha256(repr(settings).encode())
    state = {**model.decoder.state_dict(), **model.likelihood.state_dict()}
    for tensor in (*state.values(), *tensors):
        digest.update(repr((tensor.shape, tensor.dtype)).encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
