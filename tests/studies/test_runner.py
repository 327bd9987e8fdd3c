"""Jobs that are handed to processes: what need not wait does not."""

import io
import os
import time
from multiprocessing import Pipe
from pathlib import Path

from rich.console import Console

from tacit.studies.description.reading import parse
from tacit.studies.execution.executors import processes
from tacit.studies.execution.executors.processes import Process, Processes
from tacit.studies.execution.job import Job
from tacit.studies.execution.plan import plan
from tacit.studies.execution.progress import Lines
from tacit.studies.execution.runner import run_jobs

TWO = """
title: Two that need nothing
defaults: {latent_dim: 2, epochs: 1}
runs:
  one: {learn: autoencoder}
  other: {learn: autoencoder}
questions:
  - overfitting: {runs: [one, other]}
"""


def test_the_next_job_does_not_wait_for_a_process_that_is_on_its_way_out(
    digits, tmp_path: Path, monkeypatch
) -> None:
    started: list[str] = []

    class OnItsWayOut:
        """It has said that its job is done, and ends once the next job is started."""

        pid = None

        def __init__(self) -> None:
            self.sentinel, self.other = os.pipe()
            self.asked = 0

        @property
        def exitcode(self) -> int | None:
            self.asked += 1
            assert self.asked < 50, "the next job waits"
            return 0 if len(started) == 2 else None

        def join(self) -> None: ...
        def terminate(self) -> None: ...

    def start(job: Job, out: Path, device: str) -> Process:
        started.append(job.name)
        ours, theirs = Pipe(duplex=False)
        theirs.send(("done",))
        theirs.close()
        return Process(job, OnItsWayOut(), ours, time.monotonic())  # type: ignore[arg-type]

    monkeypatch.setattr(processes, "start", start)
    jobs = plan(parse(TWO, "two")[0], (), digits).jobs
    console = Console(file=io.StringIO())
    outcome = run_jobs(jobs, tmp_path, executor=Processes(1), watcher=Lines(console))
    assert sorted(started) == ["one", "other"]
    assert outcome.done == {job.id for job in jobs}
    assert not outcome.failed


CHAIN = """
title: One that others wait for, written last
defaults: {latent_dim: 2, epochs: 2}
runs:
  alone: {learn: autoencoder, epochs: 3}
  last: {learn: autoencoder, encoder: {from: middle}}
  middle: {learn: autoencoder, encoder: {from: first}}
  first: {learn: autoencoder}
questions:
  - overfitting: {runs: [alone, last]}
"""


def test_what_most_work_waits_for_begins_first(digits, tmp_path: Path, monkeypatch) -> None:
    started: list[str] = []

    class Ended:
        pid, exitcode = None, 0

        def __init__(self) -> None:
            self.sentinel, self.other = os.pipe()

        def join(self) -> None: ...
        def terminate(self) -> None: ...

    def start(job: Job, out: Path, device: str) -> Process:
        started.append(job.name)
        ours, theirs = Pipe(duplex=False)
        theirs.send(("done",))
        theirs.close()
        return Process(job, Ended(), ours, time.monotonic())  # type: ignore[arg-type]

    monkeypatch.setattr(processes, "start", start)
    jobs = plan(parse(CHAIN, "chain")[0], (), digits).jobs
    run_jobs(jobs, tmp_path, executor=Processes(1), watcher=Lines(Console(file=io.StringIO())))
    # Before it are 6, 4 and 2 epochs of the chain, and 3 of the run that nobody waits for.
    assert started == ["first", "middle", "alone", "last"]
