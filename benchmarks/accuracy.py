"""Time until 99 % of MNIST's test images are classified rightly, beside a plain script."""

import math
import os
from typing import Any

import numpy as np
import torch

from benchmarks import plain
from benchmarks.data import images_of
from benchmarks.pairing import Numbers, Row, Side, Work, in_turns, ratio_row
from benchmarks.settings import Settings
from tacit.models.config import ModelConfig, PoolNetwork, build
from tacit.models.precision import Precision
from tacit.streams import seeded_initialisation
from tacit.training.evaluation import evaluate
from tacit.training.fit import fit
from tacit.training.objectives import cross_entropy
from tacit.training.schedule import Schedule

BATCH, RATE, BETAS, RIGHT = 256, 0.01, (0.7, 0.9), 0.99
CONFIG = ModelConfig(
    learn="classifier", shape=(1, 28, 28), n_code=256, n_classes=10, network=PoolNetwork()
)


def ours(precision: Precision, data_dir: str | None, n: int) -> Any:
    """tacit: one epoch at one cycle of the rate, and the test images."""
    images = images_of(data_dir, n)
    seeds = iter(range(10**6))

    def prepare() -> Work:
        seed = next(seeds)
        with seeded_initialisation(seed):
            model = build(CONFIG)
        schedule = Schedule(
            n, BATCH, math.ceil(n / BATCH), rate=RATE, betas=BETAS, one_cycle=True,
            precision=precision,
        )  # fmt: skip

        def work() -> Numbers:
            fit(model, cross_entropy, images.train, schedule, seed=seed)  # type: ignore[arg-type]
            terms = evaluate(model, cross_entropy, images.test)  # type: ignore[arg-type]
            return {"accuracy": float(terms["accuracy"].mean())}

        return work

    return prepare


def scripted(data_dir: str | None, n: int) -> Any:
    """The plain script: the same network, batch, optimiser and cycle."""
    images = images_of(data_dir, n)
    train, test = (
        plain.Digits(np.array(part.pixels[:, 0]), np.asarray(part.labels)) for part in images
    )
    seeds = iter(range(10**6))

    def prepare() -> Work:
        torch.default_generator.manual_seed(next(seeds))
        model = plain.Classifier()

        def work() -> Numbers:
            plain.train(model, train, batch_size=BATCH, one_cycle=True)
            return {"accuracy": plain.accuracy(model, test)}

        return work

    return prepare


def rows(settings: Settings) -> list[Row]:
    """The ratio on one core, and seconds on all of them; both need the images themselves."""
    if settings.data_dir is None:
        print("accuracy: left out; it needs MNIST (--data-dir)")
        return []
    n, data = settings.images, settings.data_dir
    rounds = in_turns(
        {
            "float32": Side(ours, "float32", data, n),
            "script": Side(scripted, data, n),
        },
        settings.rounds,
    )
    work = "one epoch of a classifier of MNIST and its test accuracy"
    mean = {
        name: float(np.mean([done.numbers["accuracy"] for done in side]))
        for name, side in rounds.items()
    }
    said = f"{100 * mean['float32']:.2f} % and {100 * mean['script']:.2f} % right"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    timed = in_turns({"float32": Side(ours, "float32", data, n, threads=cores)}, settings.rounds)
    right = [done.numbers["accuracy"] for done in timed["float32"]]
    return [
        ratio_row(
            rounds, "float32", "script", work=work, aim=0.5, note=said,
            against="a plain script of the same network",
        ),
        Row(
            work=f"the same on {cores} cores, on the wall",
            against="",
            values=[done.wall for done in timed["float32"]],
            unit="s",
            aim=12.0,
            note=f"{100 * float(np.mean(right)):.2f} % right; aim {100 * RIGHT:.1f} %",
            details={"accuracy": right},
        ),
    ]  # fmt: skip
