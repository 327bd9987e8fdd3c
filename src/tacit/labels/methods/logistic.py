"""Logistic regression on codes, its C and its temperature chosen within the labels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tacit.labels.calibration import as_logits, fit_temperature
from tacit.labels.draws import Labelled
from tacit.labels.heads import linear as heads
from tacit.labels.methods.base import Answered, Method, Problem, Scores
from tacit.models.models import Classifier

CS = heads.CS[:-1]
"""To choose from; the largest takes as long as all others, and is hardly ever chosen."""


@dataclass(frozen=True, kw_only=True)
class Logistic(Method):
    """Logistic regression on codes, its C chosen within the labels where that can be.

    So is the temperature of its confidence, by heads of that C and fewer labels. Its classifier is
    the head on the encoder that made the codes.
    """

    def answers(
        self, problem: Problem, trials: Sequence[Labelled], wanted: Sequence[int]
    ) -> Iterator[Answered]:
        seen = problem.seen
        fitted = heads.fit_logistic(seen.pool, trials, problem.n_classes, Cs=CS)
        found = fitted.probabilities(seen.new)
        for t in wanted:
            c, chosen = float(fitted.C[t]), bool(fitted.chosen[t])
            scaled = partial(_scaled, problem, trials[t], c, found[t])
            yield Answered(t, found[t], settings={"C": c, "C-chosen": float(chosen)}, scaled=scaled)

    def classifier(
        self, problem: Problem, answered: Answered, labelled: Labelled
    ) -> Classifier | None:
        encoder = problem.seen.encoder
        if encoder is None:
            return None
        c = answered.settings["C"]
        fitted = heads.fit_logistic(
            problem.seen.pool, [labelled], problem.n_classes, Cs=[c], fixed=c
        )
        return fitted.classifier(0, encoder)


def _scaled(problem: Problem, labelled: Labelled, c: float, found: Scores) -> Scores | None:
    """Probabilities with a temperature fitted by heads of this C and fewer labels."""

    def held_out(learned: Labelled, rows: NDArray[np.int64]) -> Scores:
        pool = problem.seen.pool
        fewer = heads.fit_logistic(pool, [learned], problem.n_classes, Cs=[c], fixed=c)
        return as_logits(fewer.probabilities(pool[rows])[0])

    temperature = fit_temperature(labelled, problem.n_classes, held_out, seed=problem.seed)
    return None if temperature.value is None else temperature.probabilities(as_logits(found))


LOGISTIC = Logistic(
    name="logistic",
    short="logistic",
    words="{codes} with logistic regression",
    family="codes",
    confident=True,
    preference=6,
    tuned_on=("digits",),
    images=5000,
)
