"""Paired errors of reconstructions and densities, and which code is enough."""

from collections.abc import Mapping

import numpy as np

from benchmarks.calibration.rules import NOWHERE, Rule, Verdict
from tacit.measures.correlations import correlation, explained
from tacit.measures.distances import Floats
from tacit.measures.intervals import decide
from tacit.questions.code_size import numbers as code_size
from tacit.questions.code_size.question import CodeSize
from tacit.questions.frozen_encoder import numbers as frozen_encoder
from tacit.questions.frozen_encoder.question import FrozenEncoder
from tacit.questions.inference_gap import numbers as inference_gap
from tacit.questions.inference_gap.question import InferenceGapQuestion
from tacit.questions.linear_layers import numbers as linear_layers
from tacit.questions.linear_layers.question import LinearLayers
from tacit.questions.shared.seeds import Seeds
from tacit.questions.typed import OfImages

IMAGES = 179
LAYERS = LinearLayers(with_layer="with", without_layer="without")
FROZEN = FrozenEncoder(
    reference="reference", frozen="frozen", probabilities="probabilities", classifier="classifier"
)


def errors(
    rng: np.random.Generator, seeds: int, means: Mapping[str, float], n: int
) -> dict[str, Floats]:
    """Errors of several models, (S, n) each, on images that differ fourfold.

    By how much a model is better on an image is the same for all seeds, but for noise.
    """
    hard = np.exp(0.7 * rng.normal(size=n))
    found = {}
    for name, mean in means.items():
        own = 0.3 * rng.normal(size=n) + 0.1 * rng.normal(size=(seeds, n))
        # With one seed, what that seed does to a model is part of the truth.
        seed = 0.02 * rng.normal(size=(seeds, 1)) if seeds > 1 else 0.0
        found[name] = hard * (1 + own) + mean + seed
    return found


def layer_helps(seeds: int, gain: float = 0.0) -> Verdict:
    """Whether two networks are told apart."""

    def verdict(rng: np.random.Generator) -> bool:
        found = errors(rng, seeds, {"with": 0.0, "without": gain}, IMAGES)
        curve = np.ones((2, 2))
        network = linear_layers.Network(1.0, 1, 1, curve, np.zeros(0, np.float32))

        def of(seed: int) -> linear_layers.Numbers:
            sides = linear_layers.Sides(found["with"][seed], found["without"][seed])
            table = linear_layers.OfImages(np.arange(IMAGES), None, sides)
            return linear_layers.Numbers(
                dict.fromkeys(linear_layers.LAYERS, network),
                np.zeros(0, np.uint8),
                None,
                table,
            )

        measured = Seeds({seed: of(seed) for seed in range(seeds)})
        layers = linear_layers.Found(measured, LAYERS, NOWHERE)
        return decide(layers.numbers["with-minus-without.squared-error"]) in ("higher", "lower")

    return verdict


def called_enough(seeds: int, short: float) -> Verdict:
    """Whether a code that falls short of the best by `short` is called enough; 1 may be lost."""

    def verdict(rng: np.random.Generator) -> bool:
        found = errors(rng, seeds, {"small": short, "large": 0.0}, 2 * IMAGES)
        nothing = 100.0 + np.exp(0.7**2 / 2)

        def of(seed: int) -> code_size.Numbers:
            runs = {
                name: code_size.OfRun(size, size, 1, nothing, 0.0, np.zeros(0, np.float32))
                for size, name in enumerate(found)
            }
            compared = {
                name: code_size.Objectives(squared_error=10 * values[seed])
                for name, values in found.items()
            }
            images = OfImages(np.arange(2 * IMAGES), None, compared)
            return code_size.Numbers(
                runs, np.zeros(0, np.uint8), None, code_size.Tables(images, None)
            )

        measured = Seeds({seed: of(seed) for seed in range(seeds)})
        asked = CodeSize(runs=tuple(found))
        return code_size.Found(measured, asked, NOWHERE).chosen == "small"

    return verdict


def frozen_share(seeds: int, share: float) -> Verdict:
    """Whether the share that a frozen code keeps is called less than all, or more."""

    def verdict(rng: np.random.Generator) -> bool:
        means = {"reference": 0.0, "frozen": 1.0 - share, "probabilities": 1.0, "class_mean": 0.0}
        found = errors(rng, seeds, means, IMAGES)
        none = np.zeros(0, np.int64)

        def of(seed: int) -> frozen_encoder.Numbers:
            sides = {name: values[seed] for name, values in found.items()}
            table = frozen_encoder.Errors(np.arange(IMAGES), np.zeros(IMAGES, np.int64), **sides)
            separations = OfImages(none, none, {})
            return frozen_encoder.Numbers({}, None, table, separations)

        measured = Seeds({seed: of(seed) for seed in range(seeds)})
        kept = frozen_encoder.Found(measured, FROZEN, NOWHERE)
        number = kept.share()
        return number.low is not None and not number.low <= 1.0 <= (number.high or 0.0)

    return verdict


def larger_gap(seeds: int, nats: float = 0.0) -> Verdict:
    """Whether one of two gaps of the same images is called the larger: skewed, some 10 nats."""

    def verdict(rng: np.random.Generator) -> bool:
        hard = rng.gamma(4.0, 1.0, IMAGES)
        sides = []
        for more in (nats, 0.0):
            own = 2.0 * rng.gamma(4.0, 0.5, IMAGES) + 0.5 * rng.normal(size=(seeds, IMAGES))
            seed = 0.1 * rng.normal(size=(seeds, 1)) if seeds > 1 else 0.0
            sides.append(hard + own + seed + more)
        amortisation, approximation = sides
        none, nothing = np.zeros(IMAGES, np.int64), np.zeros(IMAGES)

        def of(seed: int) -> inference_gap.Numbers:
            columns = inference_gap.Columns(
                index=none,
                log_prob=nothing,
                log_prob_error=nothing,
                flagged=none,
                refined_elbo=nothing,
                missing=nothing,
                converged=none,
                approximation=approximation[seed],
                approximation_error=nothing,
                amortisation=amortisation[seed],
            )
            return inference_gap.Numbers(True, False, columns, columns)

        measured = Seeds({seed: of(seed) for seed in range(seeds)})
        gaps = inference_gap.Found(measured, InferenceGapQuestion(run="vae"), NOWHERE)
        return decide(gaps.larger.mean()) in ("higher", "lower")

    return verdict


def most_explained(r: float, classes: int = 10) -> Verdict:
    """Whether one number of classes is said to account for most of another's variance."""

    def verdict(rng: np.random.Generator) -> bool:
        x, noise = rng.normal(size=(2, classes))
        low = explained(correlation(x, r * x + np.sqrt(1 - r**2) * noise)).low
        return low is not None and low > 0.5

    return verdict


RULES = (
    Rule(
        "frozen-share",
        "a frozen code keeps less than the autoencoder's, or more",
        null={f"it keeps as much, {n} seeds × 179 images": frozen_share(n, 1.0) for n in (1, 3)},
        effects={"it keeps 80 %, 3 seeds × 179 images": frozen_share(3, 0.8)},
    ),
    Rule(
        "larger-gap",
        "one of two gaps of the same images is the larger",
        null={f"they are alike, {n} seeds × 179 images": larger_gap(n) for n in (1, 2, 3, 10)},
        effects={"one is larger by 1 nat of 10, 3 seeds × 179 images": larger_gap(3, 1.0)},
    ),
    Rule(
        "most-explained",
        "the mean image accounts for most of what classes differ by",
        null={"it accounts for half, ten classes": most_explained(0.5**0.5)},
        effects={"it accounts for 90 %, ten classes": most_explained(0.9**0.5)},
        repeats=3000,
    ),
    Rule(
        "lower-error",
        "one model has the lower error",
        null={f"two are alike, {n} seeds × 179 images": layer_helps(n) for n in (1, 2, 3, 10)},
        effects={"they differ by a tenth of the error, 3 × 179": layer_helps(3, 0.13)},
    ),
    Rule(
        "enough",
        "this code is enough",
        null={
            f"it loses twice what may be lost, {n} seeds × 179 images": called_enough(n, 0.2)
            for n in (1, 3)
        },
        effects={
            "it loses nothing, 3 × 179": called_enough(3, 0.0),
            "it loses half of what may be lost, 3 × 179": called_enough(3, 0.05),
        },
        repeats=1500,
    ),
)
