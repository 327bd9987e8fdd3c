"""What bfloat16 costs: the test objective after training, beside float32's, over three seeds."""

import math
from typing import Any

import numpy as np

from benchmarks.data import images_of
from benchmarks.epochs import CONFIGS, RATE
from benchmarks.pairing import Numbers, Row, Side, Work, in_turns
from benchmarks.settings import Settings
from tacit.models.config import build
from tacit.models.models import VAE, Autoencoder
from tacit.models.precision import Precision
from tacit.streams import seeded_initialisation
from tacit.studies.work import mean_image
from tacit.training.evaluation import evaluate
from tacit.training.fit import fit
from tacit.training.objectives import ObjectiveTable, objective_of
from tacit.training.schedule import Schedule

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
        exact, rounded = losses["float32"], losses["bfloat16"]
        seeds = ", ".join(
            f"{100 * (b - a) / abs(a):+.2g}" for a, b in zip(exact, rounded, strict=True)
        )
        spread = 100 * exact.std(ddof=1) / abs(exact.mean())
        found.append(
            Row(
                work=f"test objective of the {kind} in bfloat16, mean of {SEEDS} seeds "
                f"({n:,} images, {epochs} epochs)",
                against="float32, the same seeds",
                values=[float(abs(rounded.mean() / exact.mean() - 1))],
                unit="%",
                aim=WITHIN,
                note=f"seed by seed {seeds} %; float32's seeds spread by {spread:.2g} % (sd)",
                details={"losses": {name: each.tolist() for name, each in losses.items()}},
            )
        )
    return found
