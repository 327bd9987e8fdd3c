"""Which class is the likeliest, and which method is the best: `measures.engine.best`."""

import numpy as np

from benchmarks.calibration.fabricated import Layout, crossed
from benchmarks.calibration.rules import Rule, Verdict
from tacit.measures.engine import Measured, best, best_class

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


def of_methods(gaps: tuple[float, ...], layout: Layout) -> Verdict:
    """Whether any method is called worse than the best; gaps in standard errors of a difference."""

    def verdict(rng: np.random.Generator) -> bool:
        shared = crossed(rng, layout, {"seed": 1, "draw": 3, "image": 1})
        terms = {"seed": 0.2, "draw": 0.2, "image": 0.2, "draw × image": 0.1, "rest": 0.1}
        error = np.sqrt(2 * 0.8)
        methods = {
            str(k): Measured(shared + crossed(rng, layout, terms) - gap * error)
            for k, gap in enumerate((0.0, *gaps))
        }
        return bool(best(methods).worse)

    return verdict


RULES = (
    Rule(
        "log-probability",
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
        repeats=2000,
    ),
    Rule(
        "all that rank methods",
        "some are worse than the best",
        null={
            "five methods are alike, 3 seeds × 10 draws × 36 images": of_methods(
                (0.0,) * 4, Layout(3, 10, 36)
            ),
            "nine methods are alike, 3 × 10 × 36": of_methods((0.0,) * 8, Layout(3, 10, 36)),
        },
        effects={
            "one of five is 4 standard errors worse": of_methods((4.0, 0, 0, 0), Layout(3, 10, 36))
        },
        repeats=500,
    ),
)
