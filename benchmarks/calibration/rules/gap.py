"""Whether training and test images differ: `measures.engine.difference`."""

import numpy as np

from benchmarks.calibration.rules import Rule, Verdict
from tacit.measures.engine import Measured, difference
from tacit.measures.intervals import decide


def gap(seeds: int, nats: float = 0.0, train: int = 1438, test: int = 359) -> Verdict:
    """Losses with the numbers of a small study: 11 nats between images, 1.5 within."""

    def verdict(rng: np.random.Generator) -> bool:
        sides = []
        for n, higher in ((test, nats), (train, 0.0)):
            image = higher + 11.0 * rng.normal(size=n)
            values = image + 1.5 * rng.normal(size=(seeds, n)) + 0.1 * rng.normal(size=(seeds, 1))
            sides.append(Measured(values, ("seed", "image"), "nats"))
        return decide(difference(*sides).mean()) in ("higher", "lower")

    return verdict


RULES = (
    Rule(
        "train-test-gap",
        "training and test images differ",
        null={f"there is no gap, {n} seeds": gap(n) for n in (1, 2, 3, 5, 10)},
        effects={
            "there is one of 2 nats, 3 seeds": gap(3, 2.0),
            "there is one of 2 nats, 10 seeds": gap(10, 2.0),
        },
    ),
)
