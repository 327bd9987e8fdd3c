"""What the labels say of themselves: held out in turn, without learning anything anew."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from tacit.labels.calibration import Temperature, even_weights
from tacit.labels.cross_validation import (
    held_out_temperature,
    held_out_trials,
    turns_for,
)
from tacit.labels.draws import Labelled
from tacit.labels.propagation.incremental import Spread

MORE = 20
"""Answers that a forecast is about."""

LITTLE = 0.005
"""Where the last `MORE` answers changed fewer predictions, as many more are not worth it.

Of 100 such moments in sixty sessions on five sets of images, accuracy rose by more than half a
point with the next 20 answers in 1 (docs/labelling.md).
"""

CHOSEN = 5
"""From so many held-out labels of images chosen at random on, accuracy is theirs alone."""

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Judgement:
    """How good the answers are, by labels that they had not seen.

    Attributes:
        accuracy: the share of held-out labels told right; None where none can be held out.
        low, high: the exact 95 % interval over labels (Clopper and Pearson 1934). Wilson's is too
            low where nearly all of a few are right, as here.
        n: how many labels were held out, each counting once.
        at_random: whether they are of images chosen at random. Then accuracy and interval are those
            of the images without a label: the labelled ones, which are harder and of which it is
            known how many are told right, are taken off. Otherwise they are of what was asked for.
        confidence: what makes probabilities of scores; None where no label can be held out.
        changed: the share of the other images that the last `MORE` answers made be taken for
            something else; None where there are too few answers.
    """

    accuracy: float | None
    low: float | None
    high: float | None
    n: int
    at_random: bool
    confidence: Temperature | None
    changed: float | None = None

    @property
    def enough(self) -> bool:
        """Whether `MORE` answers would bring too little to be worth them."""
        return self.changed is not None and self.changed < LITTLE


NOT_YET = Judgement(None, None, None, 0, False, None)


@dataclass(frozen=True)
class Answers:
    """How the labels came about, by their places among all.

    Attributes:
        before: those before the last `MORE` answers; None where there are no `MORE` after enough.
        at_random: of images that were chosen at random. usual: those that are no harder than the
            others as far as is known, by which confidence is fitted; these among them.
    """

    before: Places | None
    at_random: Places
    usual: Places


def judge(spread: Spread, n_classes: int, answers: Answers, *, seed: int = 0) -> Judgement:
    """Hold labels out by `tacit.labels.cross_validation`, and see what the others make of them.

    What is asked for by uncertainty is harder than the rest, the more so the longer one labels, so
    that accuracy and confidence follow from other labels where there are some.

    What the next answers may bring is bounded by what the last ones did: accuracy cannot rise by
    more than the share of images that are taken for something else, and that share falls from one
    `MORE` answers to the next.
    """
    y = np.asarray(spread.y, np.int64)
    if len(np.unique(y)) < 2:
        return NOT_YET
    order = np.argsort(spread.rows)  # whatever was undone and given again, labels are judged alike
    trials = held_out_trials(Labelled(order, y[order]), turns_for(y), seed=seed)
    changed = _changed(spread, n_classes, answers.before)
    if not trials:
        return NOT_YET
    logits = np.concatenate(
        [spread.held_out(trial.learned.index, order[trial.held], n_classes) for trial in trials]
    )
    label = order[np.concatenate([trial.held for trial in trials])]
    at_random = np.isin(label, answers.at_random)
    by_chance = len(np.unique(label[at_random])) >= CHOSEN
    counted = at_random if by_chance else np.ones(len(label), bool)
    n = len(np.unique(label[counted]))
    told = logits.argmax(axis=1) == y[label]
    right = float(even_weights(label[counted]) @ told[counted])
    shares = np.array([right / n, *exact_interval(right, n)])
    others = spread.n - len(y)
    if by_chance and others:
        known = float(np.average(told, weights=even_weights(label)))
        shares = np.clip((spread.n * shares - len(y) * known) / others, 0, 1)
    usual = np.isin(label, answers.usual)
    confidence = (
        held_out_temperature(logits[usual], y[label[usual]], label[usual]) if usual.any() else None
    )
    accuracy, low, high = shares.tolist()
    return Judgement(accuracy, low, high, n, by_chance, confidence, changed)


def exact_interval(right: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of which `right` of n were seen, whole or not."""
    right = round(right, 9)  # sums of fractions
    return (
        float(beta.ppf(0.025, right, n - right + 1)) if right > 0 else 0.0,
        float(beta.ppf(0.975, right + 1, n - right)) if right < n else 1.0,
    )


def _changed(spread: Spread, n_classes: int, before: Places | None) -> float | None:
    """The share of watched images without a label that only some labels make something else."""
    if before is None or len(np.unique(np.asarray(spread.y)[before])) < 2:
        return None
    rest = ~np.isin(spread.watched, spread.rows)
    if not rest.any():
        return None
    now = spread.of_watched(np.arange(len(spread.y)), n_classes).argmax(axis=1)
    then = spread.of_watched(before, n_classes).argmax(axis=1)
    return float((now != then)[rest].mean())
