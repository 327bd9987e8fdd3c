"""Right or wrong: harder classes, one class for all, and what transfer gains."""

from dataclasses import replace

import numpy as np
from scipy import special

from benchmarks.calibration.fabricated import Layout, right_or_wrong
from benchmarks.calibration.rules import NOWHERE, Rule, Verdict
from tacit.measures.engine import Measured
from tacit.measures.intervals import decide
from tacit.questions.classifier import numbers as classifier
from tacit.questions.classifier.question import ClassifierAccuracy
from tacit.questions.shared.curves import Kept
from tacit.questions.shared.majority_class import against_it
from tacit.questions.shared.outputs import Shown
from tacit.questions.shared.seeds import Seeds
from tacit.questions.transfer import numbers as transfer
from tacit.questions.transfer.question import Transfer

CLASSES, IMAGES, DRAWS = 10, 36, 10
DRAWN = {"draw": 0.15, "seed × draw": 0.1, "draw × image": 0.3}


def sizes(seeds: int) -> dict[str, float]:
    """Of effects; with one seed, what that seed does to all images is part of the truth."""
    return {"image": 1.0, "seed × image": 0.5} | ({"seed": 0.05} if seeds > 1 else {})


def answered(
    rng: np.random.Generator, seeds: int, accuracy: float, worse: float = 0.0
) -> classifier.Found:
    """Ten classes of 36 test images; the first is told less often by `worse`."""
    y = np.repeat(np.arange(CLASSES), IMAGES)
    rest, hard = (
        right_or_wrong(rng, Layout(seeds, 1, n), share, sizes(seeds))
        for n, share in ((len(y) - IMAGES, accuracy), (IMAGES, accuracy - worse))
    )
    right = np.concatenate([hard, rest], axis=-1)
    nothing = np.zeros(len(y))
    none = np.zeros(0, np.int64)

    def of(seed: int) -> classifier.Numbers:
        answers = classifier.Answers(none, y, none, none, nothing, nothing)
        return classifier.Numbers(
            curves=Kept(none, 1.0, {}, {}),
            right=right[seed] == 1,
            sure=nothing[None],
            cross_entropy=nothing[None],
            train_right=right[seed] == 1,
            majority=0.5,
            worst=Shown(none, np.zeros(0, np.uint8)),
            test_images=answers,
        )

    measured = Seeds({seed: of(seed) for seed in range(seeds)})
    setting = replace(NOWHERE, class_names=tuple(map(str, range(CLASSES))))
    return classifier.Found(measured, ClassifierAccuracy(run="classifier"), setting)


def harder(seeds: int, accuracy: float, worse: float = 0.0) -> Verdict:
    """Whether a class is called harder than the others."""
    return lambda rng: bool(answered(rng, seeds, accuracy, worse).harder)


def beats_one_class(seeds: int, accuracy: float) -> Verdict:
    """Whether a classifier is told from always answering a class that half of the images have."""

    def verdict(rng: np.random.Generator) -> bool:
        found = answered(rng, seeds, accuracy).right.mean()
        return against_it(found, 0.5) != "not distinguishable"

    return verdict


def gained(seeds: int, gain: float = 0.0, images: int = 100) -> Verdict:
    """Whether classifiers with and without transfer are told apart, by draws of few labels."""

    def verdict(rng: np.random.Generator) -> bool:
        # Common draws and images, and each method's own part of all effects.
        layout = Layout(seeds, DRAWS, images)
        rights = {
            "scratch": right_or_wrong(rng, layout, 0.8, sizes(seeds) | DRAWN) == 1,
            "transferred": right_or_wrong(rng, layout, 0.8 + gain, sizes(seeds) | DRAWN) == 1,
        }
        nothing = np.zeros((DRAWS, 2))

        def of(seed: int) -> transfer.Numbers:
            losses = {
                method: transfer.Losses(right[seed], 1.0 - right[seed], nothing)
                for method, right in rights.items()
            }
            table = transfer.Draws(np.arange(DRAWS), {})
            return transfer.Numbers(100, True, losses, 0.1, table, {})

        measured = Seeds({seed: of(seed) for seed in range(seeds)})
        asked = Transfer(scratch="scratch", transferred="transferred")
        compared = transfer.Found(measured, asked, NOWHERE)
        difference = compared.accuracy("transferred") - compared.accuracy("scratch")
        return decide(difference.mean()) in ("higher", "lower")

    return verdict


def surer(seeds: int, excess: float = 0.0) -> Verdict:
    """Whether a classifier is called surer, or less sure, of its answers than it is right."""

    def verdict(rng: np.random.Generator) -> bool:
        n = CLASSES * IMAGES
        image, own = rng.normal(size=n), 0.5 * rng.normal(size=(seeds, n))
        p = 0.5 + 0.5 * special.expit(2 + image + own)
        right = rng.random((seeds, n)) < p - excess
        confident = Measured(p, ("seed", "image")) - Measured(right, ("seed", "image"))
        return decide(confident.mean()) in ("higher", "lower")

    return verdict


RULES = (
    Rule(
        "confidence",
        "it is surer than it is right, or less sure",
        null={f"it is calibrated, {n} seeds × 360 images": surer(n) for n in (1, 3, 10)},
        effects={"it is 5 points too sure, 3 seeds × 360 images": surer(3, 0.05)},
    ),
    Rule(
        "harder-class",
        "a class is harder than the others",
        null={
            "ten are alike, 95 % right, one seed": harder(1, 0.95),
            "ten are alike, 80 % right, 3 seeds": harder(3, 0.80),
        },
        effects={
            f"one of ten has 60 % in place of 90 %, {n} seeds": harder(n, 0.90, 0.3)
            for n in (1, 3, 10)
        },
        repeats=1500,
    ),
    Rule(
        "one-class",
        "better or worse than always answering one class",
        null={f"it is as good, {n} seeds": beats_one_class(n, 0.5) for n in (1, 3, 10)},
        effects={"it has 60 % and the class 50 %, 3 seeds": beats_one_class(3, 0.6)},
    ),
    Rule(
        "transfer",
        "one method has the higher accuracy",
        null={
            f"two are alike, {n} seeds × 10 draws × 100 images": gained(n) for n in (1, 2, 3, 10)
        },
        effects={"one has 90 % and the other 80 %, 3 × 10 × 100": gained(3, 0.1)},
        repeats=1500,
    ),
)
