"""What it costs that nothing is lost: a study's runs with the safety on and off, side by side.

    python -m benchmarks.safety [--images mnist --data-dir DIR --train-size 10000] [--rounds 3]

Off means: no checkpoint, no checksum, no `fsync`, no temporary file; files are written straight
into place. Both train the same runs with the same settings in this process, run by run in turn:
whole studies in turn differ by 3 % with nothing changed. Of each run the least time over rounds
counts: other work can only add to it. The time spent in the safety's own calls is given too, as a
share of what the rest takes, from trainings of their own in which they are timed.
"""

import argparse
import pkgutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray

from tacit.images import shared as shared_images
from tacit.images.dataset import Split
from tacit.images.sources import open_images
from tacit.studies.description.named import study_text
from tacit.studies.description.reading import parse
from tacit.studies.execution import work
from tacit.studies.execution.plan import Job, plan

SYNCING = ("files", "training.run_folder", "training.checkpoint")
SUMMING = ("training.checkpoint", "training.run_folder", "images.shared")
Ways = dict[str, Callable[[], AbstractContextManager[None]]]
CHECKPOINTED = "tacit.training.checkpoint.SECONDS_BETWEEN_CHECKPOINTS"


def straight(path: Path, write: Callable[[Path], object], *, durable: bool = True) -> None:
    """In place of `write_atomically`."""
    write(path)


@contextmanager
def unsafe() -> Iterator[None]:
    """Without checkpoints, checksums, `fsync` and temporary files."""
    writers = (
        "files", "training.checkpoint", "evidence.checkpoint", "images.shared",
        "studies.execution.work",
    )  # fmt: skip
    patches = [
        *(patch(f"tacit.{module}.write_atomically", straight) for module in writers),
        *(patch(f"tacit.{module}.file_sha256", lambda path: "") for module in SUMMING),
        patch("tacit.files.data_sha256", lambda record: ""),
        patch("tacit.training.run_folder.sync", lambda path: None),
        patch(CHECKPOINTED, float("inf")),
    ]
    for one in patches:
        one.start()
    try:
        yield
    finally:
        for one in patches:
            one.stop()


class Clocks:
    """Time spent in some functions: of the processor and on the clock, in seconds."""

    def __init__(self) -> None:
        self.spent = [0.0, 0.0]
        self._inside = False

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function; what it takes is added, once where one calls another."""

        def call(*args: Any, **kwargs: Any) -> Any:
            if self._inside:
                return function(*args, **kwargs)
            self._inside = True
            processor, clock = time.process_time(), time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self._inside = False
                self.spent[0] += time.process_time() - processor
                self.spent[1] += time.perf_counter() - clock

        return call


@contextmanager
def timed(clocks: Clocks) -> Iterator[None]:
    """As it is, with what only safety needs timed: checksums, syncing, names, checkpoints."""
    targets = [
        *(f"tacit.{module}.file_sha256" for module in SUMMING),
        *(
            f"tacit.{module}.sync"
            for module in ("files", "training.run_folder", "training.checkpoint")
        ),
        "tacit.files.data_sha256",
        "tacit.files.tempfile.mkstemp",
        "pathlib.Path.replace",
        "pathlib.Path.chmod",
        "tacit.training.checkpoint.FolderCheckpointer._keep",
    ]
    with ExitStack() as stack:
        for target in targets:
            module, _, name = target.rpartition(".")
            owner = pkgutil.resolve_name(module)
            stack.enter_context(patch(target, clocks.timed(getattr(owner, name))))
        yield


Spent = NDArray[np.float64]
"""Of the processor and on the clock, in seconds, (2,)."""


def spent(work: Callable[[], object]) -> Spent:
    processor, clock = time.process_time(), time.perf_counter()
    work()
    return np.array([time.process_time() - processor, time.perf_counter() - clock])


def side_by_side(jobs: list[Job], images: Split, ways: Ways, first: int) -> dict[str, list[Spent]]:
    """What the images and then each run take, each way in a new folder of its own.

    Each run is trained in all ways before the next, in an order that changes from run to run and
    begins with way number `first`: what else the machine does, and how warm it is, meets them all.
    """
    found: dict[str, list[Spent]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as place:
        folders = {name: Path(place) / name for name in ways}
        for number, job in enumerate([None, *jobs]):
            turn = (number + first) % len(ways)
            for name in (*list(ways)[turn:], *list(ways)[:turn]):
                with ways[name]():
                    found[name].append(spent(partial(_do, job, folders[name], images)))
    return found


def _do(job: Job | None, folder: Path, images: Split) -> None:
    if job is None:
        shared_images.write_images(folder / "images", images)
        return
    (folder / job.folder).mkdir(parents=True)
    work.train(
        asdict(job), folder, images, device="cpu", stop=lambda: False,
        report=lambda update, updates, loss: None,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.safety")
    parser.add_argument("--study", default="transfer", help="a built-in study (transfer)")
    parser.add_argument("--runs", help="only these of its runs, separated by commas")
    parser.add_argument("--images", default="digits", help="as in tacit run (digits)")
    parser.add_argument("--data-dir", type=Path, help="folder of a named set's files")
    parser.add_argument("--train-size", type=int, help="training images")
    parser.add_argument("--epochs", type=int, help="of every run that learns from all images")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (3)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    opened = open_images(options.images, data_dir=options.data_dir, train_size=options.train_size)
    images = Split(opened.train, opened.test)
    study, _ = parse(study_text(options.study)[1], options.study)
    runs = dict(study.runs)
    if options.runs:
        runs = {name: runs[name] for name in options.runs.split(",")}
    if options.epochs:
        runs = {
            name: run if run.train else run.model_copy(update={"epochs": options.epochs})
            for name, run in runs.items()
        }
    jobs = list(plan(study.model_copy(update={"runs": runs}), (), images).jobs)
    print(
        f"{len(jobs)} runs of {options.study} on {len(images.train):,} images of {options.images}"
    )
    clocks = Clocks()
    ways: Ways = {"safe": nullcontext, "timed": partial(timed, clocks), "unsafe": unsafe}
    rounds = [side_by_side(jobs, images, ways, number) for number in range(options.rounds)]
    least = {name: np.min([found[name] for found in rounds], axis=0).sum(axis=0) for name in ways}
    in_all = sum(sum(found["timed"]) for found in rounds)
    for place, what in enumerate(("processor", "clock")):
        with_it, without = least["safe"][place], least["unsafe"][place]
        own = clocks.spent[place]
        print(
            f"{what}: {with_it:.2f} s with, {without:.2f} s without: {with_it / without:.3f}; "
            f"in the safety's own calls {own / (in_all[place] - own):.2%} of the rest"
        )


if __name__ == "__main__":
    main()
