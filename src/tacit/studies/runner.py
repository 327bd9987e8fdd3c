"""Jobs are handed to worker processes; what is finished stays finished."""

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Protocol

from tacit.studies.plan import Job
from tacit.training.saved import is_done

SECONDS_TO_STOP = 30.0


class Watcher(Protocol):
    """Told what happens while jobs run (`tacit.studies.progress` shows it to people)."""

    def planned(self, jobs: tuple[Job, ...], finished: int) -> None: ...
    def started(self, job: Job) -> None: ...
    def progressed(self, job: Job, update: int, updates: int, loss: float) -> None: ...
    def ended(self, job: Job, seconds: float, cause: str | None) -> None: ...


@dataclass
class Outcome:
    """How the jobs of a study went.

    Attributes:
        done: ids of jobs whose results are there.
        failed: cause by id. blocked: by id, the name of the failed job that it needs.
        reused: ids of those that were there before.
    """

    done: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    blocked: dict[str, str] = field(default_factory=dict)
    reused: set[str] = field(default_factory=set)


class Interrupted(Exception):
    """The runner was asked to stop; what was unfinished has kept its state."""

    def __init__(self, signum: int) -> None:
        self.signum = signum
        super().__init__(f"stopped by {signal.Signals(signum).name}")


@dataclass
class Worker:
    """A process that does one job."""

    job: Job
    process: BaseProcess
    messages: Connection
    started: float
    cause: str | None = None
    traceback: str = ""
    finished: bool = False


def run_jobs(
    jobs: tuple[Job, ...],
    out: Path,
    *,
    at_once: int,
    device: str,
    watcher: Watcher,
) -> Outcome:
    """Do the jobs that are not done yet, `at_once` at a time, each after those it needs.

    A job that fails leaves its siblings alone; what needs it is blocked. The number of jobs at
    once changes no result: a job's threads are part of the job.

    Raises:
        Interrupted: on SIGINT or SIGTERM, after every running job has kept its state.
    """
    outcome = Outcome()
    for job in jobs:
        if is_done(out / job.folder):
            outcome.done.add(job.id)
    outcome.reused = set(outcome.done)
    watcher.planned(jobs, len(outcome.reused))
    waiting = [job for job in jobs if job.id not in outcome.done]
    urgency = _urgency(jobs)
    waiting.sort(key=lambda job: -urgency[job.id])
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tacit.studies.warm"])
    running: list[Worker] = []
    names = {job.id: job.label for job in jobs}
    with _asked_to_stop() as asked:
        try:
            while waiting or running:
                if asked():
                    raise Interrupted(asked())
                _block(waiting, outcome, names)
                for job in _ready(waiting, outcome)[: at_once - len(running)]:
                    waiting.remove(job)
                    running.append(_start(context, job, out, device))
                    watcher.started(job)
                _listen(running, watcher)
                for worker in [w for w in running if w.process.exitcode is not None]:
                    running.remove(worker)
                    _collect(worker, out, outcome, watcher)
        finally:
            _stop(running)
    return outcome


def _urgency(jobs: tuple[Job, ...]) -> dict[str, float]:
    """The work along the longest chain of jobs that begins with each job."""
    urgency: dict[str, float] = {}
    for job in reversed(jobs):
        after = max((urgency[j.id] for j in jobs if job.id in j.needs), default=0.0)
        urgency[job.id] = job.weight + after
    return urgency


def _ready(waiting: list[Job], outcome: Outcome) -> list[Job]:
    return [job for job in waiting if all(need in outcome.done for need in job.needs)]


def _block(waiting: list[Job], outcome: Outcome, names: Mapping[str, str]) -> None:
    for job in list(waiting):
        missing = [n for n in job.needs if n in outcome.failed or n in outcome.blocked]
        if missing:
            outcome.blocked[job.id] = names[missing[0]]
            waiting.remove(job)


def _start(context: Any, job: Job, out: Path, device: str) -> Worker:
    from tacit.studies.work import perform

    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(
        target=perform, args=(asdict(job), str(out), device, theirs), name=job.label
    )
    process.start()
    theirs.close()
    return Worker(job, process, ours, time.monotonic())


def _listen(running: list[Worker], watcher: Watcher) -> None:
    """Wait a little for a message or an end, and take in what has been said."""
    sources: dict[Any, Worker] = {}
    for worker in running:
        sources[worker.process.sentinel] = worker
        if not worker.messages.closed:
            sources[worker.messages] = worker
    for source in wait(list(sources), timeout=0.2):
        worker = sources[source]
        if source is worker.messages:
            _take_in(worker, watcher)


def _take_in(worker: Worker, watcher: Watcher) -> None:
    try:
        while worker.messages.poll():
            kind, *rest = worker.messages.recv()
            if kind == "progress":
                watcher.progressed(worker.job, *rest)
            elif kind == "done":
                worker.finished = True
            elif kind == "failed":
                worker.cause, worker.traceback = rest
    except EOFError:
        worker.messages.close()


def _collect(worker: Worker, out: Path, outcome: Outcome, watcher: Watcher) -> None:
    if not worker.messages.closed:
        _take_in(worker, watcher)
        worker.messages.close()
    worker.process.join()
    if worker.finished:
        outcome.done.add(worker.job.id)
    else:
        code = worker.process.exitcode
        if worker.cause is None:
            worker.cause = (
                f"its process was ended by {signal.Signals(-code).name}"
                if code is not None and code < 0
                else f"its process ended with exit code {code}"
            )
        outcome.failed[worker.job.id] = worker.cause
        (out / worker.job.folder / "failure.txt").write_text(worker.traceback or worker.cause)
    watcher.ended(worker.job, time.monotonic() - worker.started, worker.cause)


def _stop(running: list[Worker]) -> None:
    for worker in running:
        worker.process.terminate()
    deadline = time.monotonic() + SECONDS_TO_STOP
    for worker in running:
        worker.process.join(max(0.0, deadline - time.monotonic()))
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()


@contextmanager
def _asked_to_stop() -> Iterator[Callable[[], int]]:
    """Notes SIGINT and SIGTERM instead of dying of them; a second SIGINT ends at once."""
    asked = 0

    def note(signum: int, frame: object) -> None:
        nonlocal asked
        asked = signum
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    before = {s: signal.signal(s, note) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
