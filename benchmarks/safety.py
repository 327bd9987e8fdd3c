"""What it costs that nothing is lost: a study's runs with the safety on and off, side by side.

    python -m benchmarks.safety [--images mnist --data-dir DIR --train-size 10000] [--rounds 3]

Off means: no checkpoint, no checksum, no `fsync`, no temporary file; files are written straight
into place. Both train the same runs with the same settings, one after another in this process and
in turn, so that what else the machine does meets both. What is compared is the time of the
processor, which other work disturbs least, and the time on the clock; the median over rounds is
given, and the ratio of safe to unsafe.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from unittest.mock import patch

import torch

from tacit.images.dataset import Split
from tacit.images.sources import open_images
from tacit.studies import work
from tacit.studies.plan import Job, plan
from tacit.studies.reading import parse, study_text

CHECKPOINTED = "tacit.training.checkpoint.SECONDS_BETWEEN_CHECKPOINTS"


def straight(path: Path, write: Callable[[Path], object], *, durable: bool = True) -> None:
    """In place of `write_atomically`."""
    write(path)


@contextmanager
def unsafe() -> Iterator[None]:
    """Without checkpoints, checksums, `fsync` and temporary files."""
    writers = ("files", "training.checkpoint", "evidence.checkpoint", "studies.work")
    summing = ("training.checkpoint", "training.saved", "studies.work")
    patches = [
        *(patch(f"tacit.{module}.write_atomically", straight) for module in writers),
        *(patch(f"tacit.{module}.file_sha256", lambda path: "") for module in summing),
        patch("tacit.files._digest", lambda record: ""),
        patch("tacit.training.saved.sync", lambda path: None),
        patch(CHECKPOINTED, float("inf")),
    ]
    for one in patches:
        one.start()
    try:
        yield
    finally:
        for one in patches:
            one.stop()


@contextmanager
def safe() -> Iterator[None]:
    """As it is."""
    yield


def seconds(jobs: list[Job], images: Split) -> tuple[float, float]:
    """Of the processor and on the clock, to train these runs in a new folder."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        processor, clock = time.process_time(), time.perf_counter()
        work.write_images(folder / "images", images)
        for job in jobs:
            (folder / job.folder).mkdir(parents=True)
            work.train(
                asdict(job), folder, images, device="cpu", stop=lambda: False,
                report=lambda update, updates, loss: None,
            )  # fmt: skip
        return time.process_time() - processor, time.perf_counter() - clock


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
    ways = {"safe": safe, "unsafe": unsafe}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for number in range(options.rounds):
        for name in sorted(ways, reverse=bool(number % 2)):
            with ways[name]():
                found[name].append(seconds(jobs, images))
            processor, clock = found[name][-1]
            print(f"{name}: {processor:.2f} s of the processor, {clock:.2f} s on the clock")
    for place, what in enumerate(("processor", "clock")):
        safe_s, unsafe_s = (statistics.median(t[place] for t in found[name]) for name in ways)
        print(f"{what}: {safe_s:.2f} s with, {unsafe_s:.2f} s without: {safe_s / unsafe_s:.3f}")


if __name__ == "__main__":
    main()
