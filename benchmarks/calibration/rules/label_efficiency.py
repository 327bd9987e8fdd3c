"""Which pair wins with few labels, which others are worse, and what that is worth in labels."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from benchmarks.calibration.rules import Rule, Verdict
from tacit.labels.pairs import Pair
from tacit.measures.distances import Floats
from tacit.questions.label_efficiency.numbers import Curves, Numbers, Trials
from tacit.questions.shared.seeds import Seeds
from tacit.questions.shared.trials import Columns, OfPair
from tacit.questions.shared.words import many

IMAGES, DRAWS, CLASSES = 240, 10, 10
SHARED = {"image": 1.0, "draw": 0.3}
"""What makes images hard and draws lucky for all pairs alike, in a normal score."""

OWN = {"image": 0.5, "draw": 0.2, "seed": 0.15, "draw × image": 0.4, "seed × image": 0.3}
"""The same of each pair by itself."""

BASE = Pair(method="scratch")


def study(
    rng: np.random.Generator,
    accuracy: Sequence[Sequence[float]],
    *,
    seeds: int = 1,
    draws: int = DRAWS,
    images: int = IMAGES,
    budgets: Sequence[int] = (10,),
    seedless: int = 0,
) -> Curves:
    """A study of pairs whose accuracy over all seeds, draws and images is known.

    Args:
        accuracy: of each pair at each budget; the first is the baseline, from scratch.
        seedless: so many of the last pairs do not depend on the seed.
    """
    y = np.arange(images) % CLASSES
    shape = len(budgets), seeds, draws, images
    common = _effects(rng, shape, SHARED)
    pairs, right = [BASE], []
    pairs += [Pair(codes=f"run-{k}", method="nearest") for k in range(1, len(accuracy))]
    total = 1 + sum(v**2 for v in (*SHARED.values(), *OWN.values()))
    for k, means in enumerate(accuracy):
        alone = k >= len(accuracy) - seedless
        own = {n: v for n, v in OWN.items() if not (alone and "seed" in n)}
        if seeds == 1:  # what that seed does to a pair is part of the truth
            own.pop("seed", None)
        variance = total - sum(v**2 for n, v in OWN.items() if n not in own)
        score = common + _effects(rng, shape, own)
        noise = rng.normal(size=(len(budgets), 1 if alone else seeds, draws, images))
        middle = stats.norm.ppf(means)[:, None, None, None] * np.sqrt(variance)
        right.append(score + noise + middle > 0)
    names = [pair.name for pair in pairs]
    by_seed = {}
    for seed in range(seeds):
        own_right = [each[:, seed] for each in right]
        trials = Trials(
            np.repeat(budgets, draws),
            np.tile(np.arange(draws), len(budgets)),
            CLASSES * np.repeat(budgets, draws),
            np.repeat(budgets, draws),
            {
                name: Columns(test=each.mean(axis=2).ravel())
                for name, each in zip(names, own_right, strict=True)
            },
        )
        by_pair = {name: OfPair(False, each) for name, each in zip(names, own_right, strict=True)}
        by_seed[seed] = Numbers(True, False, 0, 0, np.full(CLASSES, 6000), y, by_pair, trials)
    return Curves(Seeds(by_seed), pairs)


def _effects(
    rng: np.random.Generator, shape: tuple[int, int, int, int], sizes: dict[str, float]
) -> Floats:
    """A sum of effects, (budgets, seeds, draws, images): draws of budgets are nested, images the
    same."""
    total = np.zeros(shape)
    for name, size in sizes.items():
        axes = {"seed": 1, "draw": 2, "image": 3}
        wanted = [axes[part] for part in name.split(" × ")]
        total += size * rng.normal(size=[n if k in wanted else 1 for k, n in enumerate(shape)])
    return total


def some_worse(pairs: int, seeds: int, behind: float = 0.0, seedless: int = 0) -> Verdict:
    """Whether any pair is called worse than the winner, or better; the last ones lie behind."""

    def verdict(rng: np.random.Generator) -> bool:
        means = [[0.8]] * (pairs - 1) + [[0.8 - behind]]
        found = study(rng, means, seeds=seeds, seedless=seedless)
        return bool(found.those("worse", 10) or found.those("better", 10))

    return verdict


def misses_accuracy(pairs: int, seeds: int) -> Verdict:
    """Whether the winner's accuracy lies outside its interval."""

    def verdict(rng: np.random.Generator) -> bool:
        found = study(rng, [[0.8]] * pairs, seeds=seeds)
        number = found.reported(found.winner(10), 10)
        assert number.low is not None
        assert number.high is not None
        return not number.low <= 0.8 <= number.high

    return verdict


def misses_factor(seeds: int, factor: float = 3.0) -> Verdict:
    """Whether the label efficiency lies outside its interval."""
    budgets, rise = (1, 3, 10, 30), 0.08

    def verdict(rng: np.random.Generator) -> bool:
        base = [0.6 + rise * np.log(b) for b in budgets]
        ahead = [0.6 + rise * np.log(b * factor) for b in budgets]
        found = study(rng, [base, ahead], seeds=seeds, budgets=budgets, images=120)
        worth = found.efficiency(3)
        if worth is None:  # the baseline was chosen
            return False
        assert worth.low is not None
        assert worth.high is not None
        return not worth.low <= factor <= worth.high

    return verdict


RULES = (
    Rule(
        "worse-pair",
        "a pair is worse than the winner, or better",
        null={
            **{f"six pairs are alike, {many(s, 'seed')}": some_worse(6, s) for s in (1, 3, 5)},
            "six are alike, two of them without a seed, 3 seeds": some_worse(6, 3, seedless=2),
        },
        effects={
            "one of six is 10 points behind, 1 seed": some_worse(6, 1, 0.1),
            "one of six is 10 points behind, 5 seeds": some_worse(6, 5, 0.1),
            "it is, and has no seed, 3 seeds": some_worse(6, 3, 0.1, seedless=1),
        },
        repeats=1000,
    ),
    Rule(
        "winner-accuracy",
        "the winner's accuracy lies elsewhere",
        null={f"six pairs are alike, {many(s, 'seed')}": misses_accuracy(6, s) for s in (1, 3, 5)},
        repeats=4000,
    ),
    Rule(
        "label-factor",
        "the labels needed are other times as many",
        null={f"it is 3 times, {many(s, 'seed')}": misses_factor(s) for s in (1, 3, 5)},
        repeats=400,
    ),
)
