"""How long a study may take and how much disk it needs, before anything is trained."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from tacit.images.dataset import Images
from tacit.models.config import ModelConfig, build
from tacit.models.parts import freeze, part_of
from tacit.streams import numpy_stream, seeded_initialisation
from tacit.studies.execution.job import Job
from tacit.training.loop import fit
from tacit.training.objectives import objective_of, read_objective
from tacit.training.schedule import Schedule

TIMED_UPDATES = 4

BYTES_OF_A_PROCESS, BYTES_OF_A_MEASUREMENT, BYTES_KEPT_PER_PIXEL = 2**29, 2**29, 1_000
"""A guess on the safe side of what processes were seen to take; not measured job by job."""


@dataclass(frozen=True)
class Estimate:
    """What one job may cost: seconds on one core, and bytes that stay on disk."""

    seconds: float
    bytes: int


def estimate(jobs: Sequence[Job]) -> dict[str, Estimate]:
    """An estimate for each job, by id: a few updates of each kind of run are timed.

    Questions are estimated from the images that they look at, each a pass of the heaviest run's
    network, forward only, or of a plain one where nothing is trained: to within a factor of two or
    three.
    """
    timed: dict[str, float] = {}
    estimates = {}
    forward = 0.0
    for job in jobs:
        if job.kind != "train":
            continue
        config = ModelConfig.model_validate(job.task["config"])
        kind = str((job.task["config"], job.task["schedule"], job.task["taken"] != []))
        if kind not in timed:
            timed[kind] = _seconds_per_update(config, job.task)
        schedule = job.task["schedule"]
        per_image = timed[kind] / min(schedule["batch_size"], schedule["n_images"])
        forward = max(forward, per_image / 3)
        kept = len(schedule["snapshot_at"]) + 1
        seconds = schedule["updates"] * timed[kind]
        estimates[job.id] = Estimate(seconds, kept * _bytes(config))
    for job in jobs:
        if job.kind == "measure":
            shape = job.task["shape"]
            forward = forward or _seconds_forward(shape)
            estimates[job.id] = Estimate(job.weight / math.prod(shape) * forward, 100_000)
    return estimates


def _seconds_forward(shape: tuple[int, int, int]) -> float:
    """Of an image of this shape through a plain autoencoder."""
    n = 100
    config = ModelConfig(learn="autoencoder", shape=shape, latent_dim=16)
    schedule = {"batch_size": n, "n_images": n, "row_updates": 1}
    task = {"schedule": schedule, "objective": {}, "taken": [], "threads": 1}
    return _seconds_per_update(config, task) / n / 3


def _bytes(config: ModelConfig) -> int:
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        return 4 * sum(p.numel() for p in build(config).parameters())


def memory_of(job: Job) -> int:
    """How much memory a job may take at most, in bytes, so that a cluster can place it.

    A process with PyTorch takes `BYTES_OF_A_PROCESS`; a run has its parameters with their
    gradients, Adam's two moments and one copy that is written, and what its layers keep of a
    batch; a question a model and what that makes of some images. Pixels that are mapped from a file
    are not counted.
    """
    if job.kind == "measure":
        return BYTES_OF_A_PROCESS + BYTES_OF_A_MEASUREMENT
    config, schedule = ModelConfig.model_validate(job.task["config"]), job.task["schedule"]
    batch = min(schedule["batch_size"], schedule["n_images"])
    kept = BYTES_KEPT_PER_PIXEL * batch * math.prod(config.shape)
    return BYTES_OF_A_PROCESS + 5 * _bytes(config) + kept


def _seconds_per_update(config: ModelConfig, task: Mapping[str, Any]) -> float:
    table = task["schedule"]
    n = min(table["batch_size"], table["n_images"])
    pixels = numpy_stream(0, "estimate").integers(0, 256, (n, *config.shape), dtype=np.uint8)
    labels = np.arange(n) % max(1, config.n_classes)
    with seeded_initialisation(0):
        model = build(config)
    for part in task["taken"]:
        if part["frozen"]:
            freeze(part_of(model, part["part"]))
    images = Images(pixels, labels, tuple(map(str, range(config.n_classes))))
    objective = objective_of(config, read_objective(task["objective"]))
    best = math.inf
    threads = torch.get_num_threads()
    torch.set_num_threads(task["threads"])
    try:
        for _ in range(3):
            schedule = Schedule(n, n, TIMED_UPDATES, row_updates=table["row_updates"])
            began = time.process_time()  # of one core, however busy the machine is
            fit(model, objective, images, schedule, seed=0)
            best = min(best, (time.process_time() - began) / TIMED_UPDATES)
    finally:
        torch.set_num_threads(threads)
    return best
