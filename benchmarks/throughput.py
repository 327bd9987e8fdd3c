"""Images per second of each kind of run in the two built-in studies, on one core.

Images of MNIST's shape are made from noise, so that nothing has to be downloaded; their content
does not change how long a step takes. Each kind is warmed up and timed in several rounds, in turn;
the median over rounds is given, with the slowest and the fastest beside it. The table goes to the
terminal and, with ``--json FILE``, the numbers to a file.
"""

import argparse
import json
import platform
import statistics
import time
from pathlib import Path

import torch

from benchmarks.data import noise_images
from tacit.images.dataset import Images, Split
from tacit.models.config import ModelConfig, build
from tacit.models.parts import freeze, part_of
from tacit.streams import seeded_initialisation
from tacit.studies.description.named import builtin_names, study_text
from tacit.studies.description.reading import parse
from tacit.studies.execution.plan import Job, plan
from tacit.training.loop import fit
from tacit.training.objectives import ObjectiveTable, objective_of
from tacit.training.schedule import Schedule


def kinds(images: Split) -> dict[str, Job]:
    """One job for each kind of run: kinds differ in model, batch, frozen parts or row updates."""
    found: dict[str, Job] = {}
    seen = set()
    for name in builtin_names():
        study, questions = parse(study_text(name)[1], name)
        for job in plan(study, questions, images).jobs:
            schedule = job.task.get("schedule")
            if schedule is None or job.draw or job.seed:
                continue
            key = (
                str(job.task["config"]),
                min(schedule["batch_size"], schedule["n_images"]),
                schedule["row_updates"],
                str([part["frozen"] for part in job.task["taken"]]),
            )
            if key not in seen:
                seen.add(key)
                found[f"{name}: {job.name}"] = job
    return found


def images_per_second(job: Job, images: Images, updates: int) -> float:
    """Training throughput of a new model of this kind."""
    table = job.task["schedule"]
    config = ModelConfig.model_validate(job.task["config"])
    with seeded_initialisation(0):
        model = build(config)
    for part in job.task["taken"]:
        if part["frozen"]:
            freeze(part_of(model, part["part"]))
    if job.task["few"]:
        images = images.take(range(table["n_images"]))
    batch = min(table["batch_size"], len(images))
    schedule = Schedule(len(images), batch, updates, row_updates=table["row_updates"])
    began = time.perf_counter()
    fit(model, objective_of(config, ObjectiveTable()), images, schedule, seed=0)
    return updates * batch / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.throughput")
    parser.add_argument("--side", type=int, default=28, help="pixels on a side (28)")
    parser.add_argument("--updates", type=int, default=20, help="updates a round (20)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (5)")
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    given = parser.parse_args()
    torch.set_num_threads(1)
    images = noise_images(2560, given.side)
    jobs = kinds(Split(images, images))
    rates: dict[str, list[float]] = {name: [] for name in jobs}
    for round_number in range(given.rounds + 1):
        for name, job in jobs.items():
            rate = images_per_second(job, images, given.updates)
            if round_number:  # the first round warms up
                rates[name].append(rate)
    print(
        f"images per second, one core, {given.side}×{given.side}, median of {given.rounds} rounds"
    )
    for name, found in rates.items():
        spread = f"({min(found):,.0f} to {max(found):,.0f})"
        print(f"{name:40} {statistics.median(found):10,.0f}   {spread}")
    if given.json is not None:
        machine = {"python": platform.python_version(), "torch": torch.__version__}
        given.json.write_text(
            json.dumps({"machine": machine, "images_per_second": rates}, indent=1)
        )


if __name__ == "__main__":
    main()
