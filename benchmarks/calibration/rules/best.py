"""Which class is the likeliest: `measures.engine.best_class`."""

import numpy as np

from benchmarks.calibration.rules import Rule, Verdict
from tacit.measures.engine import Measured, best_class

CLASSES, IMAGES = 10, 36


def likeliest(means: tuple[float, ...], seeds: int = 1, spreads: tuple[float, ...] = ()) -> Verdict:
    """Whether the likeliest class is called so; means in standard deviations of an image."""

    def verdict(rng: np.random.Generator) -> bool:
        own = np.array(means + (0.0,) * (CLASSES - len(means)))
        scale = np.array(spreads + (1.0,) * (CLASSES - len(spreads)))
        y = np.repeat(np.arange(CLASSES), IMAGES)
        image = own[y] + scale[y] * rng.normal(size=len(y))
        x = image + 0.3 * rng.normal(size=(seeds, len(y)))
        if seeds > 1:  # with one, what that seed does to a class is part of the truth
            x = x + 0.2 * rng.normal(size=(seeds, CLASSES))[:, y]
        classes = Measured(x, ("seed", "image")).by_class(y, CLASSES)
        found = best_class({str(c): one for c, one in enumerate(classes)})
        true = {str(c) for c in np.flatnonzero(own == own.max())}
        # With several on top, no one of them is the likeliest.
        return found.distinguishable and (len(true) > 1 or found.best in true or own.max() == 0)

    return verdict


RULES = (
    Rule(
        "likeliest-class",
        "this class is the likeliest",
        null={
            "all ten classes are alike": likeliest(()),
            "two are tied on top": likeliest((2.0, 2.0)),
            "two are tied, three seeds": likeliest((2.0, 2.0), seeds=3),
            "two are tied, one varies thrice as much": likeliest((2.0, 2.0), spreads=(3.0, 1.0)),
        },
        effects={
            "it leads by 0.5 sd of 36 images each": likeliest((0.5,)),
            "it leads by 1 sd": likeliest((1.0,)),
            "it leads by 1 sd, three seeds": likeliest((1.0,), seeds=3),
        },
        repeats=3000,
    ),
)
