"""Which of several runs is best: `questions.compare`."""

import numpy as np

from benchmarks.calibration.rules import NOWHERE, Rule, Verdict
from tacit.questions.base import Measurement
from tacit.questions.compare.numbers import Found, Numbers, Scored
from tacit.questions.compare.question import Compare
from tacit.questions.shared.seeds import Seeds
from tacit.questions.typed import OfImages

IMAGES = 200


def called_best(means: tuple[float, ...], seeds: int) -> Verdict:
    """Whether a run is called the best though it is not above all others; means in sd of an image.

    Images differ, runs differ on each image and, with several seeds, from seed to seed.
    """

    def verdict(rng: np.random.Generator) -> bool:
        names = tuple(f"run-{number}" for number in range(len(means)))
        image, own = rng.normal(size=IMAGES), rng.normal(size=(len(means), IMAGES))

        def of(seed: int) -> Measurement:
            shift = 0.05 * rng.normal(size=len(means)) if seeds > 1 else np.zeros(len(means))
            score = {
                name: Scored(
                    image + 0.5 * own[n] + means[n] + shift[n] + 0.3 * rng.normal(size=IMAGES)
                )
                for n, name in enumerate(names)
            }
            settings = dict.fromkeys(names, ("",))
            return Measurement.of(Numbers("elbo", settings, OfImages(np.arange(9), None, score)))

        measured = {seed: of(seed) for seed in range(seeds)}
        found = Found(Seeds.of(Numbers, measured), Compare(runs=names), NOWHERE).best
        top = [name for name, mean in zip(names, means, strict=True) if mean == max(means)]
        return found.distinguishable and (len(top) > 1 or found.best == top[0])

    return verdict


RULES = (
    Rule(
        "best-run",
        "this run is the best",
        null={
            "two are alike, one seed": called_best((0.0, 0.0), 1),
            "two are alike, three seeds": called_best((0.0, 0.0), 3),
            "four are alike, three seeds": called_best((0.0,) * 4, 3),
            "two of four are tied on top": called_best((0.0, 0.0, -1.0, -1.0), 3),
        },
        effects={
            "of four one leads by 0.2 sd, one seed": called_best((0.2, 0.0, 0.0, 0.0), 1),
            "of four one leads by 0.2 sd, three seeds": called_best((0.2, 0.0, 0.0, 0.0), 3),
        },
        repeats=1000,
    ),
)
