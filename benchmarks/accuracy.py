"""Time until 99 % of MNIST's test images are classified rightly, beside a plain script."""

import math
import os
from typing import Any

import numpy as np
import torch

from benchmarks import plain
from benchmarks.data import images_of
from benchmarks.pairing import Numbers, Round, Row, Side, Work, in_turns, ratio_row
from benchmarks.settings import Settings
from tacit.models.config import ModelConfig, PoolNetwork, build
from tacit.models.precision import Precision
from tacit.streams import seeded_initialisation
from tacit.training.evaluation import evaluate
from tacit.training.loop import fit
from tacit.training.objectives import cross_entropy
from tacit.training.schedule import Schedule

BATCH, RATE, BETAS, RIGHT = 256, 0.01, (0.7, 0.9), 0.99
EPOCHS = 1.5
"""In one cycle of the rate; one epoch ends at 98.9 %."""
CONFIG = ModelConfig(
    learn="classifier", shape=(1, 28, 28), latent_dim=256, n_classes=10, network=PoolNetwork()
)


def ours(precision: Precision, data_dir: str | None, n: int, epochs: float) -> Any:
    """tacit: one cycle of the rate, and the test images."""
    images = images_of(data_dir, n)
    seeds = iter(range(10**6))

    def prepare() -> Work:
        seed = next(seeds)
        with seeded_initialisation(seed):
            model = build(CONFIG)
        schedule = Schedule(
            n, BATCH, math.ceil(epochs * n / BATCH), rate=RATE, betas=BETAS, one_cycle=True,
            precision=precision,
        )  # fmt: skip

        def work() -> Numbers:
            fit(model, cross_entropy, images.train, schedule, seed=seed)  # type: ignore[arg-type]
            terms = evaluate(model, cross_entropy, images.test)  # type: ignore[arg-type]
            return {"accuracy": float(terms["accuracy"].mean())}

        return work

    return prepare


def scripted(data_dir: str | None, n: int, until: float | None) -> Any:
    """The plain script: until so many are right at a constant rate, or an epoch at our cycle."""
    images = images_of(data_dir, n)
    train, test = (
        plain.Digits(np.array(part.pixels[:, 0]), np.asarray(part.labels)) for part in images
    )
    seeds = iter(range(10**6))

    def prepare() -> Work:
        torch.default_generator.manual_seed(next(seeds))
        model = plain.Classifier()

        def work() -> Numbers:
            if until is not None:
                epochs, right = plain.train_until(model, train, test, right=until)
                return {"accuracy": right, "epochs": epochs}
            plain.train(model, train, batch_size=BATCH, one_cycle=True)
            return {"accuracy": plain.accuracy(model, test)}

        return work

    return prepare


WORK = f"{100 * RIGHT:.1f} % of MNIST's test images right, {EPOCHS} epochs at one cycle"
LEFT_OUT = "accuracy: left out; it needs MNIST (--data-dir)"


def wall_rows(settings: Settings) -> list[Row]:
    """Seconds on all cores, on which nothing else should run."""
    if settings.data_dir is None:
        print(LEFT_OUT)
        return []
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    side = Side(ours, "float32", settings.data_dir, settings.images, EPOCHS, threads=cores)
    timed = in_turns({"float32": side}, settings.rounds)["float32"]
    return [
        Row(
            work=f"{WORK}, on {cores} cores, on the wall",
            against="",
            values=[done.wall for done in timed],
            unit="s",
            aim=12.0,
            note=_right(timed),
            details={"accuracy": [done.numbers["accuracy"] for done in timed]},
        )
    ]


def rows(settings: Settings) -> list[Row]:
    """The ratios on one core; both need the images themselves."""
    if settings.data_dir is None:
        print(LEFT_OUT)
        return []
    n, data = settings.images, settings.data_dir
    right = 0.5 if settings.quick else RIGHT
    until = in_turns(
        {
            "float32": Side(ours, "float32", data, n, EPOCHS),
            "script": Side(scripted, data, n, right),
        },
        settings.rounds,
    )
    epoch = in_turns(
        {
            "float32": Side(ours, "float32", data, n, 1),
            "bfloat16": Side(ours, "bfloat16", data, n, 1),
            "script": Side(scripted, data, n, None),
        },
        settings.rounds,
    )
    epochs = [round(done.numbers["epochs"]) for done in until["script"]]
    same = "one epoch of the same network and cycle, and the test images"
    return [
        ratio_row(
            until, "float32", "script", work=WORK, aim=0.5, note=_right(until["float32"]),
            against="a plain script of the same network, Adam at 0.001 until it is there: "
            f"{min(epochs)} to {max(epochs)} epochs",
        ),
        *(
            ratio_row(
                epoch, name, "script", work=f"{same}, {name}", aim=0.5, note=_right(epoch[name]),
                against=f"the plain script, {_right(epoch['script'])}",
            )
            for name in ("float32", "bfloat16")
        ),
    ]  # fmt: skip


def _right(rounds: list[Round]) -> str:
    shares = [100 * done.numbers["accuracy"] for done in rounds]
    return f"{np.mean(shares):.2f} % ({min(shares):.2f} to {max(shares):.2f}) right"
