"""Which method a few cross-validated labels speak for: `labels.choosing.Choice`."""

import numpy as np
from scipy import stats

from benchmarks.calibration.rules import Rule, Verdict
from tacit.labels.choosing import Choice

METHODS, FOLDS = 6, 5


def worse(labels: int, behind: float = 0.0) -> Verdict:
    """Whether a method is called worse than the recommended one; the last may lie behind."""

    def verdict(rng: np.random.Generator) -> bool:
        # Half of what makes an answer wrong is the image's, common to all methods.
        hard = rng.normal(size=labels)
        right = {
            str(k): (hard + rng.normal(size=labels)) / np.sqrt(2)
            < stats.norm.ppf(0.8 - behind * (k == METHODS - 1))
            for k in range(METHODS)
        }
        choice = Choice(right, np.arange(labels), np.arange(labels) % FOLDS, tuple(right))
        return any(found.verdict == "higher" for found in choice.comparisons().values())

    return verdict


RULES = (
    Rule(
        "worse-than-recommended",
        "a pair is worse than the recommended one",
        null={f"six pairs are alike, {n} labels": worse(n) for n in (20, 100)},
        effects={"one of six is 30 points behind, 100 labels": worse(100, 0.3)},
    ),
)
