"""A trained run in its folder: what it was, what it became, what was seen on the way.

``job.json`` says what was asked (model, schedule, seed, draw, images); ``model.safetensors`` holds
the final weights and per-image latents, ``snapshots/`` those of earlier updates, ``history.json``
the curves, and ``done.json``, written last, the checksums of all of them.
"""

import shutil
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tacit import notebook
from tacit.files import (
    UNFINISHED,
    Damaged,
    file_sha256,
    read_json,
    read_record,
    sync,
    verify_file,
    write_json,
    write_record,
)
from tacit.models.config import ModelConfig
from tacit.models.models import Model
from tacit.training.checkpoint import CHECKPOINTS, snapshot_path, write_tensors
from tacit.training.history import History
from tacit.training.objectives import (
    ContrastiveTable,
    Objective,
    ObjectiveTable,
    objective_of,
    read_objective,
)
from tacit.training.schedule import Schedule
from tacit.training.weights import read_model

Kind = TypeVar("Kind", bound=Model)


class SavedRun:
    """A finished run, read from its folder.

    Attributes:
        run, seed, draw: which run of the study this is.
        config: its model. objective_table: what it minimised.
        schedule: how it was trained.
        train_index: the rows of the training images that it learned from; None for all.
        begun: whose weights its encoder began with; None where it began anew.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        record = read_json(folder / "job.json")
        self.run: str = record["run"]
        self.seed: int = record["seed"]
        self.draw: int = record["draw"]
        self.config = ModelConfig.model_validate(record["config"])
        self.objective_table = read_objective(record["objective"])
        self.schedule = Schedule.from_json(record["schedule"])
        index = record["train_index"]
        self.begun: str | None = record.get("begun")
        self.train_index: NDArray[np.int64] | None = None if index is None else np.array(index)

    @property
    def objective(self) -> Objective:
        """What the run minimised."""
        return objective_of(self.config, self.objective_table)

    @property
    def beta(self) -> float:
        """The weight of the KL in what a VAE minimised; 1 where there is none."""
        table = self.objective_table
        return table.beta if isinstance(table, ObjectiveTable) else 1.0

    @cached_property
    def history(self) -> History:
        """What was seen while it learned."""
        return History.from_json(read_json(self.folder / "history.json"))

    @property
    def snapshots(self) -> dict[int, int]:
        """The updates at which the whole model was kept, by epoch."""
        return {round(self.schedule.epoch_of(u)): u for u in self.history.snapshots}

    def _repr_html_(self) -> str:
        known = [
            ("learns", self.config.learn),
            ("seed, draw", f"{self.seed}, {self.draw}"),
            ("latent dimensions", self.config.latent_dim),
            ("updates", f"{self.schedule.updates:,}"),
            ("snapshots at epochs", ", ".join(map(str, self.snapshots)) or "none"),
        ]
        return notebook.facts(f"SavedRun: {self.run}", known)

    def model(self, update: int | None = None) -> Model:
        """The model after `update`, or the final one: evaluation mode, no gradients.

        Raises:
            ValueError: if nothing was kept at `update`.
        """
        if update is None:
            path = self.folder / "model.safetensors"
        elif update in self.history.snapshots:
            path = snapshot_path(self.folder, update)
        else:
            raise ValueError(
                f"run '{self.run}' kept nothing at update {update}; "
                f"it kept {self.history.snapshots}"
            )
        return read_model(path, self.config, self.folder / "job.json").model

    def model_as(self, kind: type[Kind], update: int | None = None) -> Kind:
        """The same, known to be of this kind: whoever asks has checked what the run learns."""
        found = self.model(update)
        assert isinstance(found, kind)
        return found


def write_job(
    folder: Path,
    *,
    run: str,
    seed: int,
    draw: int,
    config: ModelConfig,
    objective: ObjectiveTable | ContrastiveTable,
    schedule: Schedule,
    train_index: NDArray[np.int64] | None,
    begun: str | None = None,
) -> None:
    """Say what a run is, before it starts.

    begun: whose weights its encoder begins with, where they are somebody else's.
    """
    write_json(
        folder / "job.json",
        ({} if begun is None else {"begun": begun})
        | {
            "run": run,
            "seed": seed,
            "draw": draw,
            "config": config.model_dump(mode="json"),
            "objective": objective.model_dump(mode="json"),
            "schedule": schedule.to_json(),
            "train_index": None if train_index is None else train_index.tolist(),
        },
        durable=False,
    )


def write_trained(folder: Path, model: Model, history: History) -> None:
    """Keep what a run became."""
    write_tensors(folder / "model.safetensors", model.state_dict(), durable=False)
    write_json(folder / "history.json", history.to_json(), durable=False)


DONE = "done.json"
TIMES = "times.json"
UNSEALED = (DONE, TIMES)
"""Files that say nothing about the result."""

KEPT, FAILURE = "unfinished", "failure.txt"
"""Folder of what an unfinished measurement has kept; why a job failed before."""


def seal(folder: Path, *, durable: bool) -> None:
    """Mark a job's folder as done: the checksums of all that is in it.

    What only an unfinished job needs is removed after that, so that a kill at any moment leaves
    either what the job goes on from or the sealed job.

    durable: see `files.write_atomically`; of all files.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and _result(path, folder))
    sums = {path.relative_to(folder).as_posix(): file_sha256(path) for path in files}
    if durable:
        for path in [*files, *{path.parent for path in files}]:
            sync(path)
    write_record(folder / DONE, sums, durable=durable)
    remove_leftovers(folder)


def _result(path: Path, folder: Path) -> bool:
    """Whether a file of a job's folder is part of its result."""
    top = path.relative_to(folder).parts[0]
    return top not in (*UNSEALED, CHECKPOINTS, KEPT, FAILURE) and path.suffix != UNFINISHED


def remove_leftovers(folder: Path) -> None:
    """Remove what a finished job needs no more."""
    for name in (CHECKPOINTS, KEPT):
        if (folder / name).exists():
            shutil.rmtree(folder / name)
    (folder / FAILURE).unlink(missing_ok=True)


def times_of(folder: Path) -> dict[str, Any]:
    """How long a job took; nothing where that is not known any more."""
    try:
        return read_record(folder / TIMES)
    except (FileNotFoundError, Damaged):
        return {}


def sums_of(folder: Path) -> dict[str, str]:
    """The checksums of a finished job's files, by path.

    Raises:
        FileNotFoundError: it is not finished.
        Damaged: the record is not what was written.
    """
    held = read_json(folder / DONE)
    # Before records had checksums, this one was plain: its files answer for it.
    old = isinstance(held, dict) and "record" not in held
    sums = held if old else read_record(folder / DONE)
    for name in sums:
        if PurePath(name).is_absolute() or ".." in PurePath(name).parts:
            raise Damaged(f"{folder / DONE} is damaged: {name!r} leads out of the job's folder")
    return sums


def verify(folder: Path) -> bool:
    """Whether the folder holds a finished job, every file as it was written.

    Raises:
        Damaged: it is finished, but a file is not what was written; which, and how.
    """
    if not (folder / DONE).exists():
        return False
    for name, expected in sums_of(folder).items():
        verify_file(folder / name, expected)
    return True


def is_done(folder: Path) -> bool:
    """Whether the folder holds a finished job that is whole."""
    try:
        return verify(folder)
    except Damaged:
        return False
