"""What cross-validated labels say: which pair to use, and how sure its answers are."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tacit.labels.calibration import Temperature, even_weights
from tacit.labels.choosing import Choice, choice_among, share_of
from tacit.labels.cross_validation import Trial, held_out_temperature
from tacit.labels.draws import Labelled
from tacit.labels.pairs import Pair
from tacit.measures.number import Number, undefined
from tacit.questions.base import Measurement

Scores = NDArray[np.floating[Any]]


class Bin(NamedTuple):
    """Answers of like confidence: its mean, and the share of them that is right."""

    confidence: float
    right: Number


@dataclass(frozen=True)
class Judged:
    """Measurements of `labels-within` with what they were made from.

    Attributes:
        measured: ``PAIR/all`` and ``PAIR/held-out`` of every pair.
        pairs: all of them. candidates: those that can be recommended, in order of preference.
        labelled: the labels. trials: which of them were held out when; none where none could be.
        class_names: in the order of the class numbers.
    """

    measured: Measurement
    pairs: Sequence[Pair]
    candidates: Sequence[Pair]
    labelled: Labelled
    trials: Sequence[Trial]
    class_names: Sequence[str]

    @cached_property
    def choice(self) -> Choice | None:
        """The choice by the labels; None where nothing could be held out."""
        if not self.trials:
            return None
        truth = self.labelled.y[self._asked]
        right = {p.name: self.scores(p, "held-out").argmax(axis=1) == truth for p in self.pairs}
        return choice_among(right, self.trials, [pair.name for pair in self.candidates])

    @cached_property
    def winner(self) -> Pair:
        """The pair to use."""
        wanted = self.candidates[0].name if self.choice is None else self.choice.winner
        return next(pair for pair in self.pairs if pair.name == wanted)

    @property
    def ranked(self) -> list[Pair]:
        """The pairs, the one that was right most often first; or the candidates first."""
        if self.choice is None:
            return [*self.candidates, *(p for p in self.pairs if p not in self.candidates)]
        share = self.choice.share
        return sorted(self.pairs, key=lambda pair: -share(pair.name))

    def pair(self, name: str) -> Pair:
        """The pair called `name`."""
        return next(pair for pair in self.pairs if pair.name == name)

    def held_out(self, pair: Pair) -> tuple[Scores, NDArray[np.int64]]:
        """Logits of the labels when they were held out, every time, (m, K), and the truth, (m,)."""
        return self.scores(pair, "held-out"), self.labelled.y[self._asked]

    @cached_property
    def temperature(self) -> Temperature:
        """What makes confidence of the winner's logits; none where nothing could be held out."""
        if self.choice is None:
            return Temperature(None, "no label could be held out", 0)
        logits, y = self.held_out(self.winner)
        return held_out_temperature(np.asarray(logits, np.float64), y, self._asked)

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """p(class) of all images by the winner, (N, K), at its temperature."""
        return self.temperature.probabilities(self.scores(self.winner, "all"))

    def reliability(self) -> list[Bin]:
        """The winner's held-out answers in up to five bins of as many answers each."""
        logits, y = self.held_out(self.winner)
        p = self.temperature.probabilities(logits)
        confidence, right = p.max(axis=1), p.argmax(axis=1) == y
        weights = even_weights(self._asked)  # their sum is the number of labels
        n = round(weights.sum())
        order = np.argsort(confidence, kind="stable")
        so_far = np.cumsum(weights[order]) - weights[order] / 2
        n_bins = int(np.clip(n // 10, 1, 5))
        which = np.minimum((so_far / n * n_bins).astype(np.int64), n_bins - 1)
        found = []
        for rows in (order[which == number] for number in np.unique(which)):
            sure, share = (
                float(np.average(v, weights=weights[rows])) for v in (confidence[rows], right[rows])
            )
            found.append(Bin(sure, share_of(share, max(1, round(weights[rows].sum())))))
        return found

    @cached_property
    def confidence(self) -> float:
        """The winner's mean confidence in its answers to the labels that were held out."""
        logits, _ = self.held_out(self.winner)
        p = self.temperature.probabilities(logits)
        return float(np.average(p.max(axis=1), weights=even_weights(self._asked)))

    @property
    def held_at_once(self) -> int:
        """How many labels of a class are held out together, at most."""
        return max(int(np.bincount(self.labelled.y[t.held]).max()) for t in self.trials)

    @cached_property
    def _asked(self) -> NDArray[np.int64]:
        """Which label each answer is to, (m,)."""
        return np.concatenate([trial.held for trial in self.trials])

    def scores(self, pair: Pair, of: str) -> Scores:
        """Of "all" images, (N, K), or of the labels that were "held-out", every time, (m, K)."""
        return np.asarray(self.measured.arrays[f"{pair.name}/{of}"])

    @property
    def numbers(self) -> dict[str, Number]:
        choice = self.choice
        n = len(self.labelled.y)
        if choice is None:
            reason = f"none of {n} labels could be held out"
            return {"accuracy": undefined(reason, unit="accuracy")}
        found = {
            "accuracy": choice.accuracy(self.winner.name),
            "accuracy-of-choosing-anew": choice.honest,
            "temperature": Number(self.temperature.value, n=self.temperature.n),
            "blank-answers": Number(self.temperature.blank, n=self.temperature.n),
        }
        for name, comparison in choice.comparisons().items():
            found[f"minus-{name}"] = comparison.difference
        return found
