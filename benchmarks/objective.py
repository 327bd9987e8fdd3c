"""What bfloat16 costs: the test objective after training, beside float32's, over three seeds."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import images_of
from benchmarks.epochs import CONFIGS, RATE
from benchmarks.pairing import Numbers, Row, Side, Work, in_turns
from benchmarks.settings import Settings
from tacit.models.config import build
from tacit.models.models import VAE, Autoencoder
from tacit.models.precision import Precision
from tacit.streams import seeded_initialisation
from tacit.studies.execution.work import mean_image
from tacit.training.evaluation import evaluate
from tacit.training.loop import fit
from tacit.training.objectives import ObjectiveTable, objective_of
from tacit.training.schedule import Schedule

Losses = NDArray[np.float64]

SEEDS, WITHIN = 3, 0.002
TRAINED = {"mlp": (10_000, 10), "vae": (20_000, 20), "autoencoder": (20_000, 20)}
"""Images and epochs: shortly trained, convolutional models differ by more between seeds."""


def trained(kind: str, precision: Precision, data_dir: str | None, n: int, epochs: int) -> Any:
    """Each round trains another seed and evaluates the test images in float32."""
    images = images_of(data_dir, n)
    objective = objective_of(CONFIGS[kind], ObjectiveTable())
    mean = mean_image(images.train)
    seeds = iter(range(10**6))

    def prepare() -> Work:
        seed = next(seeds)
        with seeded_initialisation(seed):
            model = build(CONFIGS[kind])
        assert isinstance(model, VAE | Autoencoder)
        model.decoder.set_output_bias(mean)
        updates = epochs * math.ceil(n / 128)
        schedule = Schedule(
            n, 128, updates, rate=2 * RATE, one_cycle=True, precision=precision
        )  # a rate that falls to nothing leaves the least to chance

        def work() -> Numbers:
            fit(model, objective, images.train, schedule, seed=seed)
            return {"loss": float(evaluate(model, objective, images.test)["loss"].mean())}

        return work

    return prepare


def rows(settings: Settings) -> list[Row]:
    """One for each model: the mean of its seeds in one precision beside that in the other."""
    found = []
    for kind, (n, epochs) in TRAINED.items():
        if settings.quick:
            n, epochs = 256, 1
        rounds = in_turns(
            {
                precision: Side(trained, kind, precision, settings.data_dir, n, epochs)
                for precision in ("float32", "bfloat16")
            },
            SEEDS,
            warm_up=False,
        )
        losses = {
            name: np.array([done.numbers["loss"] for done in side]) for name, side in rounds.items()
        }
        found.append(_row(f"{kind} in bfloat16 ({n:,} images, {epochs} epochs)", **losses))
    return found


def _row(what: str, *, float32: Losses, bfloat16: Losses) -> Row:
    """How much worse the mean of all seeds is; below zero where it is better."""
    worse = (bfloat16 - float32) / np.abs(float32)
    seeds = ", ".join(f"{100 * each:+.2g}" for each in worse)
    spread = 100 * float32.std(ddof=1) / abs(float32.mean())
    return Row(
        work=f"test objective of the {what}, how much worse",
        against=f"float32, {len(float32)} seeds",
        values=[float((bfloat16.mean() - float32.mean()) / abs(float32.mean()))],
        unit="%",
        aim=WITHIN,
        note=f"by seed {seeds} %; float32's seeds have an sd of {spread:.2g} %",
        details={"losses": {"float32": float32.tolist(), "bfloat16": bfloat16.tolist()}},
    )
