"""Many small jobs on a Ray of one's own, beside the processes that do them by default.

    python -m benchmarks.cluster [--jobs 200] [--workers 2] [--rounds 3]

The jobs are classifiers that learn ten updates from twenty digits each, one draw after the other.
Rounds alternate, each in a folder of its own; of each side the least time counts: other work can
only add to it. Given are the time of the jobs, from when they may begin until the last is done, and
that with the start and the end of whoever does them; processes import PyTorch while the first jobs
wait, on both sides.
"""

import argparse
import logging
import tempfile
import time
from collections.abc import Collection
from pathlib import Path

from tacit.images.dataset import Split
from tacit.images.shared import write_images
from tacit.images.sources import open_images
from tacit.studies.description.reading import parse
from tacit.studies.execution.executors.opening import opened
from tacit.studies.execution.job import Job
from tacit.studies.execution.plan import plan
from tacit.studies.execution.runner import run_jobs
from tacit.studies.options import How

STUDY = """
title: Many small jobs
defaults: {{latent_dim: 4}}
runs:
  few: {{learn: classifier, train: {{per_class: 2, draws: {jobs}}}, updates: 10}}
questions:
  - classifier: {{run: few}}
"""
SIDES = {"processes": None, "a Ray of one's own": "local"}


class Quiet:
    """Watches without a word."""

    def planned(self, jobs: tuple[Job, ...], finished: Collection[str]) -> None: ...
    def started(self, job: Job) -> None: ...
    def progressed(self, job: Job, update: int, updates: int, loss: float) -> None: ...
    def ended(self, job: Job, seconds: float, cause: str | None) -> None: ...
    def noticed(self, text: str) -> None: ...


def timed(cluster: str | None, jobs: tuple[Job, ...], split: Split, workers: int) -> list[float]:
    """Seconds of the jobs alone, and of all of it."""
    with tempfile.TemporaryDirectory() as place:
        out = Path(place)
        write_images(out / "images", split)
        began = time.perf_counter()
        with opened(How(jobs=workers, cluster=cluster), "cpu") as executor:
            ready = time.perf_counter()
            outcome = run_jobs(jobs, out, executor=executor, watcher=Quiet())
            done = time.perf_counter()
        assert len(outcome.done) == len(jobs), outcome.failed
        return [done - ready, time.perf_counter() - began]


def main() -> None:
    """Print a line for each side, and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    logging.disable(logging.WARNING)
    images = open_images("digits")
    split = Split(images.train, images.test)
    jobs = plan(parse(STUDY.format(jobs=asked.jobs), "many")[0], (), split).jobs
    times: dict[str, list[list[float]]] = {side: [] for side in SIDES}
    for number in range(asked.rounds):
        for side, cluster in SIDES.items():
            times[side].append(timed(cluster, jobs, split, asked.workers))
            jobs_alone, whole = times[side][-1]
            print(f"round {number + 1}, {side}: jobs {jobs_alone:.1f} s, whole {whole:.1f} s")
    least = {
        side: [min(column) for column in zip(*rows, strict=True)] for side, rows in times.items()
    }
    ours, theirs = least.values()
    for name, at_home, on_ray in zip(("jobs", "whole"), ours, theirs, strict=True):
        print(
            f"{name}: {at_home:.1f} s by processes, {on_ray:.1f} s on Ray: {on_ray / at_home:.2f}"
        )


if __name__ == "__main__":
    main()
