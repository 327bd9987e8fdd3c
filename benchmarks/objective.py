"""What bfloat16 costs: the test objective after training, beside float32's, over three seeds."""

import math
from typing import Any

from benchmarks.data import images_of
from benchmarks.epochs import CONFIGS, RATE
from benchmarks.pairing import Numbers, Row, Side, Work, in_turns
from benchmarks.settings import Settings
from tacit.models.config import build
from tacit.models.precision import Precision
from tacit.streams import seeded_initialisation
from tacit.training.evaluation import evaluate
from tacit.training.fit import fit
from tacit.training.objectives import ObjectiveTable, objective_of
from tacit.training.schedule import Schedule

SEEDS, EPOCHS, WITHIN = 3, 10, 0.002


def trained(kind: str, precision: Precision, data_dir: str | None, n: int, epochs: int) -> Any:
    """Each round trains another seed and evaluates the test images in float32."""
    images = images_of(data_dir, n)
    objective = objective_of(CONFIGS[kind], ObjectiveTable())
    seeds = iter(range(10**6))

    def prepare() -> Work:
        seed = next(seeds)
        with seeded_initialisation(seed):
            model = build(CONFIGS[kind])
        updates = epochs * math.ceil(n / 128)
        schedule = Schedule(n, 128, updates, rate=RATE, precision=precision)

        def work() -> Numbers:
            fit(model, objective, images.train, schedule, seed=seed)
            return {"loss": float(evaluate(model, objective, images.test)["loss"].mean())}

        return work

    return prepare


def rows(settings: Settings) -> list[Row]:
    """One for each model."""
    n, epochs = (256, 1) if settings.quick else (10_000, EPOCHS)
    found = []
    for kind in CONFIGS:
        rounds = in_turns(
            {
                precision: Side(trained, kind, precision, settings.data_dir, n, epochs)
                for precision in ("float32", "bfloat16")
            },
            SEEDS,
        )
        losses = {name: [done.numbers["loss"] for done in side] for name, side in rounds.items()}
        pairs = zip(losses["bfloat16"], losses["float32"], strict=True)
        found.append(
            Row(
                work=f"test objective of the {kind} in bfloat16 ({n:,} images, {epochs} epochs)",
                against="float32, the same seeds",
                values=[abs(rounded / exact - 1) for rounded, exact in pairs],
                unit="%",
                aim=WITHIN,
                details={"losses": losses},
            )
        )
    return found
