"""Whether a test loss has risen since its lowest snapshot: `questions.overfitting.numbers.rise`."""

import numpy as np

from benchmarks.calibration.rules import Rule, Verdict
from tacit.measures.engine import Measured
from tacit.measures.intervals import decide
from tacit.questions.overfitting.numbers import rise

SNAPSHOTS, IMAGES = 5, 359


def risen(seeds: int, draws: int = 1, nats: float = 0.0, falls: float = 0.0) -> Verdict:
    """A curve that falls to its middle by `falls` and rises from there to the end by `nats`.

    Images differ by 11 nats, which all snapshots share, and by 0.5 at each; so do seeds by 0.1.
    """

    def verdict(rng: np.random.Generator) -> bool:
        middle = SNAPSHOTS // 2
        curve = np.interp(np.arange(SNAPSHOTS), [0, middle, SNAPSHOTS - 1], [falls, 0.0, nats])
        hard = 11.0 * rng.normal(size=IMAGES)
        snapshots = []
        for level in curve:
            own = (
                hard + 0.5 * rng.normal(size=IMAGES) + 0.5 * rng.normal(size=(seeds, draws, IMAGES))
            )
            if seeds > 1:
                own = own + 0.1 * rng.normal(size=(seeds, 1, 1))
            if draws > 1:
                own = own + 0.1 * rng.normal(size=(1, draws, 1))
            snapshots.append(Measured(level + own, unit="nats"))
        return decide(rise(snapshots, few=draws > 1)) == "higher"

    return verdict


RULES = (
    Rule(
        "risen",
        "the test loss has risen since its lowest snapshot",
        null={
            "the curve is flat, 1 seed": risen(1),
            "the curve is flat, 3 seeds": risen(3),
            "the curve is flat, 3 seeds × 10 draws": risen(3, draws=10),
            "it falls by 1 nat and stays there, 1 seed": risen(1, falls=1.0),
        },
        effects={
            "it rises by 0.2 nats, 1 seed": risen(1, nats=0.2),
            "it rises by 0.5 nats, 3 seeds": risen(3, nats=0.5),
            "it rises by 0.5 nats, 3 seeds × 10 draws": risen(3, draws=10, nats=0.5),
        },
        repeats=1500,
    ),
)
