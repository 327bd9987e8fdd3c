"""What is kept of a run: tensors, checkpoints, snapshots."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from tacit.files import Damaged, file_sha256, read_json, write_atomically, write_json
from tacit.training.fit import State
from tacit.training.history import History

SECONDS_BETWEEN_CHECKPOINTS = 60.0


class Stopped(Exception):
    """The run was asked to stop and has kept its state."""


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], note: dict[str, str] | None = None
) -> None:
    """Named tensors as safetensors; `note` is kept in the file's header."""
    whole = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    write_atomically(path, lambda file: save_file(whole, file, metadata=note))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """What `write_tensors` wrote.

    Raises:
        Damaged: if the file is no safetensors file.
    """
    try:
        return load_file(path)
    except Exception as error:
        if isinstance(error, OSError):
            raise
        raise Damaged(f"{path} is damaged: {error}") from None


class FolderKeeper:
    """Keeps a run in its own folder.

    ``snapshots/update-N.safetensors`` are whole models; ``checkpoint.safetensors`` with
    ``checkpoint.json`` (history and checksum) is where an interrupted run goes on.

    Args:
        folder: the job's own.
        stop: asked after every update whether to keep the state and stop.
        report: told the update and its loss after every update.
    """

    def __init__(
        self,
        folder: Path,
        *,
        stop: Callable[[], bool] = lambda: False,
        report: Callable[[int, float], None] = lambda update, loss: None,
    ) -> None:
        self.folder = folder
        self.stop = stop
        self.report = report
        self.kept = time.monotonic()

    def resume(self, state: State) -> tuple[int, History]:
        """The last whole checkpoint; a damaged one counts as none, and the run begins anew."""
        tensors, record = self._tensors, self._record
        if not (tensors.exists() and record.exists()):
            return 0, History()
        try:
            data = read_json(record)
            if file_sha256(tensors) != data["sha256"]:
                return 0, History()
            kept = read_tensors(tensors)
        except Damaged:
            return 0, History()
        state.restore(kept)
        return data["update"], History.from_json(data["history"])

    def after_update(self, update: int, loss: float, state: State, history: History) -> None:
        self.report(update, loss)
        stop = self.stop()
        if stop or time.monotonic() - self.kept > SECONDS_BETWEEN_CHECKPOINTS:
            # The record names the tensors' checksum, so that a kill between the two writes is
            # seen when the run goes on.
            write_tensors(self._tensors, state.tensors())
            write_json(
                self._record,
                {
                    "update": update,
                    "history": history.to_json(),
                    "sha256": file_sha256(self._tensors),
                },
            )
            self.kept = time.monotonic()
        if stop:
            raise Stopped(f"stopped after update {update}")

    def snapshot(self, update: int, model: nn.Module) -> None:
        path = snapshot_path(self.folder, update)
        path.parent.mkdir(exist_ok=True)
        write_tensors(path, model.state_dict())

    def clear(self) -> None:
        """Remove the checkpoint of a finished run."""
        self._tensors.unlink(missing_ok=True)
        self._record.unlink(missing_ok=True)

    @property
    def _tensors(self) -> Path:
        return self.folder / "checkpoint.safetensors"

    @property
    def _record(self) -> Path:
        return self.folder / "checkpoint.json"


def snapshot_path(folder: Path, update: int) -> Path:
    """Where the whole model after `update` lies."""
    return folder / "snapshots" / f"update-{update}.safetensors"


def same_tensors(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> bool:
    """Whether two sets of tensors are the same to the bit."""
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
