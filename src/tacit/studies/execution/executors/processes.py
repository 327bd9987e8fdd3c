"""Processes of this machine, one for each job, and what they say on the way."""

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tacit.studies.execution import forking
from tacit.studies.execution.executors.base import Progressed, Said
from tacit.studies.execution.executors.team import Team
from tacit.studies.execution.job import Job
from tacit.studies.execution.stopping import held_back

if TYPE_CHECKING:
    from tacit.training.ranks.joining import Meeting, Seat

SECONDS_TO_STOP = 30.0
SECONDS_TO_FALL_SILENT = 1.0
FORKING_PROCESS_ENDED = 255
"""The exit code told of a process whose own cannot be known any more."""


@dataclass
class Process(Said):
    """A process that does one job: a `Worker`.

    Attributes:
        messages: what it says comes from here; closed when nothing more can come.
        started: `time.monotonic()`.
    """

    job: Job
    process: BaseProcess
    messages: Connection
    started: float

    @property
    def gone(self) -> bool:
        return self.process.exitcode is not None

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def take_in(self, progressed: Progressed) -> None:
        """Take in what has been said."""
        try:
            while not self.messages.closed and self.messages.poll():
                kind, *rest = self.messages.recv()
                if kind == "progress":
                    progressed(self.job, *rest)
                elif kind == "noticed":
                    self.noticed.append(f"{self.job.label}: {rest[0]}")
                elif kind == "done":
                    self.finished = True
                elif kind == "stopped":
                    self.cause = (
                        "it was asked to stop by SIGTERM from elsewhere, and kept its state"
                    )
                elif kind == "failed":
                    self.cause, self.traceback, self.by_another = rest
        except (EOFError, ConnectionResetError):
            self.messages.close()

    def settle(self, progressed: Progressed, seconds: float = SECONDS_TO_FALL_SILENT) -> None:
        """Wait until it can say and write nothing more, or end it.

        It may live though an exit code is told: where the process that it was forked from was
        killed.
        """
        deadline = time.monotonic() + seconds
        while not self.messages.closed:
            wait([self.messages], timeout=max(0.0, min(0.2, deadline - time.monotonic())))
            self.take_in(progressed)
            if not self.messages.closed and time.monotonic() > deadline:
                assert self.process.pid is not None
                with suppress(ProcessLookupError):
                    os.kill(self.process.pid, signal.SIGKILL)
                self.messages.close()
        self.process.join()

    def terminate(self) -> None:
        self.process.terminate()

    def kill(self) -> None:
        self.process.kill()

    def why(self) -> str:
        if self.cause is not None:
            return self.cause
        code = self.process.exitcode
        if code == -signal.SIGKILL:
            return (
                "its process was killed (SIGKILL), perhaps because the machine had no memory "
                "left; fewer --jobs at once need less"
            )
        if code == FORKING_PROCESS_ENDED:
            return "the process that its own was forked from was ended"
        if code is not None and code < 0:
            return f"its process was ended by {signal.Signals(-code).name}"
        return f"its process ended with exit code {code}"


@dataclass
class Processes:
    """At most so many processes of this machine at once: an `Executor`.

    device: "cpu" or "cuda", where runs are trained.
    """

    at_once: int
    device: str = "cpu"

    @cached_property
    def meeting(self) -> "Meeting":
        """Where the ranks of a job find each other."""
        from tacit.training.ranks.joining import Meeting

        return Meeting()

    @property
    def words(self) -> str:
        jobs = f"{self.at_once} job{'s' if self.at_once > 1 else ''} at once"
        if self.device == "cpu":
            return jobs
        import torch  # whoever starts a process on a cluster's node needs none

        return f"{jobs} on {torch.cuda.get_device_name()}"

    @property
    def encoding(self) -> None:
        return None

    def room(self, running: Sequence[Process | Team]) -> int:
        # One that has done its job may still be on its way out: the next need not wait.
        return self.at_once - sum(worker.job.ranks for worker in running if not worker.finished)

    def start(self, job: Job, out: Path) -> Process | Team:
        if job.ranks == 1:
            return start(job, out, self.device)
        seats = self.meeting.seats(f"{job.id}-{time.monotonic_ns()}", job.ranks)
        return Team(job, [start(job, out, self.device, seat) for seat in seats])

    def listen(self, running: Sequence[Process | Team], progressed: Progressed) -> None:
        listen(processes_of(running), progressed)

    def stop(self, running: Sequence[Process | Team]) -> None:
        """Each is given half a minute."""
        for worker in running:
            worker.terminate()
        deadline = time.monotonic() + SECONDS_TO_STOP
        for process in processes_of(running):
            process.settle(lambda *_: None, max(0.0, deadline - time.monotonic()))


def processes_of(workers: Sequence[Process | Team]) -> list[Process]:
    """Those of this machine."""
    members = [worker.members if isinstance(worker, Team) else (worker,) for worker in workers]
    return [member for each in members for member in each if isinstance(member, Process)]


def start(job: Job, out: Path, device: str, seat: "Seat | None" = None) -> Process:
    """Begin a job in a process of its own, or take a seat at one that several do."""
    context = forking.begin()
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(
        target=_perform, args=(asdict(job), str(out), device, theirs, seat), name=job.label
    )
    with held_back(), forking.without_main():
        process.start()
    theirs.close()
    return Process(job, process, ours, time.monotonic())


def _perform(*what: Any) -> None:
    from tacit.studies.execution.work import perform  # whoever starts the process imports it not

    perform(*what)


def listen(workers: Sequence[Process], progressed: Progressed) -> None:
    """Wait a little for a message or an end, and take in what has been said."""
    sources: dict[Any, Process] = {}
    for worker in workers:
        sources[worker.process.sentinel] = worker
        if not worker.messages.closed:
            sources[worker.messages] = worker
    for source in wait(list(sources), timeout=0.2):
        sources[source].take_in(progressed)
