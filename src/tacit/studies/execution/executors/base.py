"""Where jobs are done: what processes of this machine and a cluster have in common."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from tacit.studies.execution.job import Job

if TYPE_CHECKING:
    from tacit.encoders.base import Nodes

Progressed = Callable[[Job, int, int, float], None]
"""Told a job, an update, of how many, and its loss."""


@dataclass(kw_only=True)
class Said:
    """What whoever does a job has said of it.

    Attributes:
        finished: whether the job is done. cause, traceback: why it failed.
        by_another: whether it failed because another rank of the job was gone.
        noticed: what was noticed and nobody was told of yet.
    """

    finished: bool = False
    cause: str | None = None
    traceback: str = ""
    by_another: bool = False
    noticed: list[str] = field(default_factory=list)


class Worker(Protocol):
    """Whoever does one job, with what it has `Said`."""

    job: Job
    cause: str | None
    traceback: str
    finished: bool
    noticed: list[str]

    @property
    def gone(self) -> bool:
        """Whether it has ended, however that was."""
        ...

    @property
    def seconds(self) -> float:
        """How long it has been at it."""
        ...

    def settle(self, progressed: Progressed) -> None:
        """Of one that is gone: take in the last that it said, and wait until it writes no more."""
        ...

    def why(self) -> str:
        """Why its job failed, if it did."""
        ...


AWorker = TypeVar("AWorker", bound=Worker)


class Executor(Protocol[AWorker]):
    """Hands jobs to workers. What it is changes no result, and no other module asks."""

    @property
    def words(self) -> str:
        """What it is, for the page: ``2 jobs at once``."""
        ...

    @property
    def encoding(self) -> "Nodes | None":
        """Who makes features by encoders from elsewhere; None for this process's own cores."""
        ...

    def room(self, running: Sequence[AWorker]) -> int:
        """How many more jobs may begin."""
        ...

    def start(self, job: Job, out: Path) -> AWorker:
        """Begin a job of the study in the folder `out`; its images are laid there."""
        ...

    def listen(self, running: Sequence[AWorker], progressed: Progressed) -> None:
        """Wait a little for a message or an end, and take in what has been said."""
        ...

    def stop(self, running: Sequence[AWorker]) -> None:
        """Ask workers to keep their state, and wait until none of them writes any more."""
        ...
