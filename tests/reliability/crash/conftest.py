"""Small studies whose jobs run one after another in this process, as workers do them."""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from multiprocessing import Pipe
from pathlib import Path

import pytest

from tacit.images import shared as shared_images
from tacit.images.dataset import Split
from tacit.studies.description.reading import parse
from tacit.studies.execution import work
from tacit.studies.execution.executors import processes
from tacit.studies.execution.executors.processes import Process
from tacit.studies.execution.plan import Job, plan

# What lies here is also run by itself, outside of pytest.
sys.path.insert(0, str(Path(__file__).parent))
from small import STUDIES, content, run_small, some_digits


class Ended:
    """A process that has ended well."""

    exitcode = 0
    pid = None

    def __init__(self) -> None:
        # What is closed at the other end can be read from at once.
        self.sentinel, other = os.pipe()
        os.close(other)

    def join(self) -> None:
        os.close(self.sentinel)

    def terminate(self) -> None: ...


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs run in this process: seconds are saved, and what they do can be disturbed."""

    def start(job: Job, out: Path, device: str) -> Process:
        ours, theirs = Pipe(duplex=False)
        work.perform(asdict(job), str(out), device, theirs)
        return Process(job, Ended(), ours, time.monotonic())  # type: ignore[arg-type]

    monkeypatch.setattr(work, "listen_in_worker", lambda on_terminate: None)
    monkeypatch.setattr(processes, "start", start)


Finished = Callable[[str], tuple[Path, dict[str, str]]]


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """``undisturbed("stages")``: a small study's folder, and what is in it; do not change it."""
    known: dict[str, tuple[Path, dict[str, str]]] = {}

    def get(name: str) -> tuple[Path, dict[str, str]]:
        if name not in known:
            folder = tmp_path_factory.mktemp("undisturbed") / name
            ended, watching = run_small(name, folder, some_digits())
            assert ended.whole, watching.causes
            known[name] = folder, content(folder)
        return known[name]

    return get


@pytest.fixture(scope="session")
def trained_only(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``trained_only("stages")``: the folder of a small study of which nothing is asked."""
    known: dict[str, Path] = {}

    def get(name: str) -> Path:
        if name not in known:
            folder = known[name] = tmp_path_factory.mktemp("trained") / name
            opened = some_digits()
            split = Split(opened.train, opened.test)
            shared_images.write_images(folder / "images", split)
            for job in plan(parse(STUDIES[name], name)[0], (), split).jobs:
                (folder / job.folder).mkdir(parents=True)
                work.train(
                    asdict(job), folder, split, device="cpu", stop=lambda: False,
                    report=lambda update, updates, loss: None,
                )  # fmt: skip
        return known[name]

    return get
