"""Whether samples can be told from images, and which pictures come nearer: kernel distances."""

import numpy as np

from benchmarks.calibration.rules import Rule, Verdict
from tacit.measures.intervals import decide
from tacit.measures.kernels import kernel_distance
from tacit.questions.shared.sample_quality import RANDOM, Distance, Qualities, Quality

IMAGES, FEATURES = 100, 8


def told(seeds: int, shift: float = 0.0) -> Verdict:
    """Whether samples are told from test images, in every seed."""
    return lambda rng: bool(_p(rng, seeds, shift) < 0.05)


def nearer(seeds: int, shift: float = 0.5, more: float = 0.0) -> Verdict:
    """Whether pictures of two models, in the same order, are said to differ in their distance."""

    def verdict(rng: np.random.Generator) -> bool:
        measured = _measured(rng, seeds, {"a": shift, "b": shift + more})
        return decide(measured.contrast(RANDOM, ["b"], ["a"])) in ("higher", "lower")

    return verdict


def _p(rng: np.random.Generator, seeds: int, shift: float) -> float:
    largest = _measured(rng, seeds, {"a": shift}, permutations=59).largest_p(RANDOM, "a")
    assert largest.value is not None
    return largest.value


def _measured(
    rng: np.random.Generator, seeds: int, shifts: dict[str, float], permutations: int = 1
) -> Qualities:
    """Sets of normal features, each moved its own way, against the same reference in all seeds."""
    reference = rng.normal(size=(IMAGES, FEATURES))
    found = {}
    for seed in range(seeds):
        sets: dict[str, Distance] = {}
        common = rng.normal(size=(IMAGES, FEATURES))
        for axis, (name, shift) in enumerate(shifts.items()):
            x = 0.8 * common + 0.6 * rng.normal(size=(IMAGES, FEATURES))
            x[:, axis] += shift
            one = kernel_distance(x, reference, rng, permutations=permutations)
            sets[name] = Distance(one.influence, one.null, one.p_value)
        found[seed] = Quality(IMAGES, {RANDOM: sets}, None)
    return Qualities(found)


RULES = (
    Rule(
        "told-from-images",
        "samples can be told from test images",
        null={f"they are alike, {n} seeds × 100 images": told(n) for n in (1, 3)},
        effects={"they are half a standard deviation off, 3 × 100 images": told(3, 0.5)},
        repeats=1000,
    ),
    Rule(
        "nearer-images",
        "some pictures come nearer to test images than others",
        null={f"both are as far, {n} seeds × 100 images": nearer(n) for n in (1, 2, 3, 10)},
        effects={"one is a half, one a standard deviation off, 3 × 100": nearer(3, 0.5, 0.5)},
        repeats=1500,
    ),
)
