"""Jobs are handed to workers; what is finished stays finished."""

import shutil
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tacit.files import Damaged, NotWritten, write_atomically
from tacit.studies.execution.executors.base import AWorker, Executor, Worker
from tacit.studies.execution.job import Job
from tacit.studies.execution.stopping import Interrupted, asked_to_stop
from tacit.training.run_folder import DONE, FAILURE, is_done, remove_leftovers, verify

SECONDS_TO_HEAR = 0.5
"""A signal to a whole group may end a worker before it is heard of here."""


class Watcher(Protocol):
    """Told what happens while jobs run (`tacit.studies.execution.progress` shows it to people)."""

    def planned(self, jobs: tuple[Job, ...], finished: Collection[str]) -> None: ...
    def started(self, job: Job) -> None: ...
    def progressed(self, job: Job, update: int, updates: int, loss: float) -> None: ...
    def ended(self, job: Job, seconds: float, cause: str | None) -> None: ...
    def noticed(self, text: str) -> None: ...


@dataclass
class Outcome:
    """How the jobs of a study went.

    Attributes:
        done: ids of jobs whose results are there.
        failed: cause by id. blocked: by id, the name of the failed job that it needs.
        reused: ids of those that were there before.
        noticed: what was damaged, and what was done about it.
    """

    done: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    blocked: dict[str, str] = field(default_factory=dict)
    reused: set[str] = field(default_factory=set)
    noticed: list[str] = field(default_factory=list)


def run_jobs(
    jobs: tuple[Job, ...],
    out: Path,
    *,
    executor: Executor[AWorker],
    watcher: Watcher,
) -> Outcome:
    """Do the jobs that are not done yet, as many at once as have room, each after those it needs.

    A job that fails leaves its siblings alone; what needs it is blocked. The number of jobs at
    once changes no result: a job's threads are part of the job.

    Raises:
        Interrupted: on SIGINT or SIGTERM, after every running job has kept its state.
    """
    outcome = Outcome()
    for job in jobs:
        if _was_done(job, out, outcome):
            outcome.done.add(job.id)
    outcome.reused = set(outcome.done)
    watcher.planned(jobs, outcome.reused)
    for text in outcome.noticed:
        watcher.noticed(text)
    waiting = [job for job in jobs if job.id not in outcome.done]
    urgency = _urgency(jobs)
    waiting.sort(key=lambda job: -urgency[job.id])
    running: list[AWorker] = []
    names = {job.id: job.label for job in jobs}
    with asked_to_stop() as asked:
        try:
            while waiting or running:
                _block(waiting, outcome, names)
                for job in _ready(waiting, outcome)[: executor.room(running)]:
                    waiting.remove(job)
                    running.append(executor.start(job, out))
                    watcher.started(job)
                executor.listen(running, watcher.progressed)
                ended = [worker for worker in running if worker.gone]
                if not all(worker.finished or worker.cause is not None for worker in ended):
                    _hear(asked)
                if asked():
                    raise Interrupted(asked())
                for worker in ended:
                    running.remove(worker)
                    _collect(worker, out, outcome, watcher)
                for worker in running:
                    _pass_on(worker, outcome, watcher)
        finally:
            executor.stop(running)
    return outcome


def _was_done(job: Job, out: Path, outcome: Outcome) -> bool:
    """Whether a job was done before; of a damaged one, nothing is used."""
    folder = out / job.folder
    try:
        done = verify(folder)
    except Damaged as error:
        outcome.noticed.append(f"{error}: {job.label} is done again")
        (folder / DONE).unlink()
        shutil.rmtree(folder)
        return False
    if done:
        remove_leftovers(folder)
    return done


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


def _hear(asked: Callable[[], int]) -> None:
    """Give a signal that is on its way to this process a moment to arrive."""
    deadline = time.monotonic() + SECONDS_TO_HEAR
    while not asked() and time.monotonic() < deadline:
        time.sleep(0.02)


def _collect(worker: Worker, out: Path, outcome: Outcome, watcher: Watcher) -> None:
    worker.settle(watcher.progressed)
    _pass_on(worker, outcome, watcher)
    job, cause = worker.job, None
    # A worker that died after its last write, before it could say so, did its job.
    if worker.finished or (worker.cause is None and is_done(out / job.folder)):
        outcome.done.add(job.id)
    else:
        cause = outcome.failed[job.id] = worker.why()
        _write_failure(out / job.folder, worker.traceback or cause)
    watcher.ended(job, worker.seconds, cause)


def _pass_on(worker: Worker, outcome: Outcome, watcher: Watcher) -> None:
    for text in worker.noticed:
        outcome.noticed.append(text)
        watcher.noticed(text)
    worker.noticed.clear()


def _write_failure(folder: Path, text: str) -> None:
    content = text.encode("utf-8", "backslashreplace")
    # On a full disk, or without the job's folder, the cause is told all the same.
    with suppress(NotWritten):
        write_atomically(folder / FAILURE, lambda file: file.write_bytes(content), durable=False)
