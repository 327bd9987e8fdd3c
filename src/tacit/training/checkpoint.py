"""What is kept of a run: tensors, checkpoints, snapshots."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from tacit.files import (
    Damaged,
    file_sha256,
    read_record,
    sync,
    verify_file,
    write_atomically,
    write_record,
)
from tacit.training.history import History
from tacit.training.ranks import ALONE, Ranks
from tacit.training.state import State

SECONDS_BETWEEN_CHECKPOINTS = 60.0
SHARE_OF_TIME = 0.02
"""A state that takes long to write is written less often, for at most this share of the time."""
CHECKPOINTS, CHECKPOINTS_KEPT = "checkpoints", 2
TENSORS = ".safetensors"


class Stopped(Exception):
    """The run was asked to stop and has kept its state."""


def write_tensors(
    path: Path,
    tensors: Mapping[str, Tensor],
    note: dict[str, str] | None = None,
    *,
    durable: bool = True,
) -> None:
    """Named tensors as safetensors; `note` is kept in the file's header."""
    whole = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    write_atomically(path, lambda file: save_file(whole, file, metadata=note), durable=durable)


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


class FolderCheckpointer:
    """Keeps a run in its own folder.

    ``snapshots/update-N.safetensors`` are whole models; ``checkpoints/update-N.safetensors`` with
    ``checkpoints/update-N.json`` (history and checksums, written after it) is where an interrupted
    run goes on. The last two are kept: when one turns out to be damaged, the one before it counts.

    Args:
        folder: the job's own.
        stop: asked whether to keep the state and stop whenever `after_update` is called.
        report: told the update and its loss then.
        notice: told of what is damaged, and what is done about it.
        ranks: who learns together. The first alone reads and writes; when to keep the state and
            when to stop is agreed upon.
    """

    def __init__(
        self,
        folder: Path,
        *,
        stop: Callable[[], bool] = lambda: False,
        report: Callable[[int, float], None] = lambda update, loss: None,
        notice: Callable[[str], None] = lambda text: None,
        ranks: Ranks = ALONE,
    ) -> None:
        self.folder = folder
        self.stop = stop
        self.report = report
        self.notice = notice
        self.ranks = ranks
        self._due = time.monotonic() + SECONDS_BETWEEN_CHECKPOINTS
        self._snapshots: dict[str, str] = {}

    def resume(self, state: State) -> tuple[int, History]:
        """The last checkpoint that is whole; without one the run begins anew."""
        data, tensors = self._last() if self.ranks.is_first else (None, {})
        data = self.ranks.told(data)
        if data is None:
            return 0, History()
        state.restore(tensors)
        self._snapshots = data["snapshots"]
        return data["update"], History.from_json(data["history"])

    def _last(self) -> tuple[dict[str, Any] | None, dict[str, Tensor]]:
        """The record of the last checkpoint that is whole, and its tensors."""
        damage = []
        for record in self._records():
            try:
                data = read_record(record)
                verify_file(record.with_suffix(TENSORS), data["sha256"])
                for name, sha256 in data["snapshots"].items():
                    verify_file(self.folder / name, sha256)
            except Damaged as error:
                damage.append(str(error))
                self._remove(record)
                continue
            if damage:
                self.notice(f"{'; '.join(damage)}: going on from update {data['update']:,}")
            return data, read_tensors(record.with_suffix(TENSORS))
        if damage:
            self.notice(f"{'; '.join(damage)}: beginning anew")
        return None, {}

    def after_update(self, update: int, loss: float, state: State, history: History) -> None:
        self.report(update, loss)
        stop, due = self.ranks.any(self.stop(), time.monotonic() > self._due)
        if stop or due:
            began = time.monotonic()
            self._keep(update, state, history)
            took = time.monotonic() - began
            self._due = began + took + max(SECONDS_BETWEEN_CHECKPOINTS, took / SHARE_OF_TIME)
        if stop:
            raise Stopped(f"stopped after update {update}")

    def snapshot(self, update: int, state: State) -> None:
        tensors = state.of_model()
        if not self.ranks.is_first:
            return
        path = snapshot_path(self.folder, update)
        path.parent.mkdir(exist_ok=True)
        write_tensors(path, tensors, durable=False)
        self._snapshots[path.relative_to(self.folder).as_posix()] = file_sha256(path)

    def _keep(self, update: int, state: State, history: History) -> None:
        held = state.tensors()
        if not self.ranks.is_first:
            return
        for name in self._snapshots:
            sync(self.folder / name)
        self._checkpoints.mkdir(exist_ok=True)
        record = self._checkpoints / f"update-{update}.json"
        tensors = record.with_suffix(TENSORS)
        write_tensors(tensors, held)
        # A checkpoint is there when its record is: a kill between the two leaves the one before.
        write_record(
            record,
            {
                "update": update,
                "history": history.to_json(),
                "sha256": file_sha256(tensors),
                "snapshots": self._snapshots,
            },
        )
        for old in self._records()[CHECKPOINTS_KEPT:]:
            self._remove(old)

    def _records(self) -> list[Path]:
        """The checkpoints' records, the newest first; tensors without one are removed."""
        for tensors in self._checkpoints.glob(f"*{TENSORS}"):
            if not tensors.with_suffix(".json").exists():
                tensors.unlink()
        records = self._checkpoints.glob("update-*.json")
        return sorted(
            (record for record in records if _update_of(record)), key=_update_of, reverse=True
        )

    @staticmethod
    def _remove(record: Path) -> None:
        record.unlink(missing_ok=True)
        record.with_suffix(TENSORS).unlink(missing_ok=True)

    @property
    def _checkpoints(self) -> Path:
        return self.folder / CHECKPOINTS


def _update_of(record: Path) -> int:
    """The update of a record of that name; 0 for what is none."""
    number = record.stem.removeprefix("update-")
    return int(number) if number.isdecimal() else 0


def snapshot_path(folder: Path, update: int) -> Path:
    """Where the whole model after `update` lies."""
    return folder / "snapshots" / f"update-{update}.safetensors"
