"""What labels that were held out in turn say: which pair to use, and how sure its answers are."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from tacit.labels.calibration import Temperature
from tacit.labels.choosing import Choice, choice_among, share_of
from tacit.labels.cross_validation import Trial, held_out_temperature
from tacit.labels.draws import Labelled
from tacit.measures.number import Number
from tacit.questions.base import Measurement
from tacit.questions.shared.pairs import Pair

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
        # Labels that were never held out have NaN, and are left out of the choice.
        right = {p.name: self._held(p).argmax(axis=2) == self.labelled.y for p in self.pairs}
        return choice_among(right, self.trials, [pair.name for pair in self.candidates])

    @cached_property
    def winner(self) -> Pair:
        """The pair to use."""
        wanted = self.candidates[0].name if self.choice is None else self.choice.winner
        return next(pair for pair in self.pairs if pair.name == wanted)

    def pair(self, name: str) -> Pair:
        """The pair called `name`."""
        return next(pair for pair in self.pairs if pair.name == name)

    def held_out(self, pair: Pair) -> tuple[Scores, NDArray[np.int64]]:
        """Logits of the labels when they were held out, every time, (m, K), and the truth, (m,)."""
        held = self._held(pair)
        asked = np.isfinite(held).all(axis=2)
        return held[asked], np.broadcast_to(self.labelled.y, asked.shape)[asked]

    @cached_property
    def temperature(self) -> Temperature:
        """What the winner's logits are divided by; none where nothing could be held out."""
        if self.choice is None:
            return Temperature(None, "no label could be held out", 0)
        logits, y = self.held_out(self.winner)
        found = held_out_temperature(np.asarray(logits, np.float64), y)
        return Temperature(found.value, "", self.choice.n)

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """p(class) of all images by the winner, (N, K), at its temperature."""
        return self.temperature.probabilities(self.measured.floats(f"{self.winner.name}/all"))

    def reliability(self) -> list[Bin]:
        """The winner's held-out answers in up to five bins of as many answers each."""
        logits, y = self.held_out(self.winner)
        p = softmax(np.asarray(logits, np.float64) / (self.temperature.value or 1.0), axis=1)
        confidence, right = p.max(axis=1), p.argmax(axis=1) == y
        repeats = self._held(self.winner).shape[0]
        n_bins = int(np.clip(len(y) / repeats // 10, 1, 5))
        found = []
        for rows in np.array_split(np.argsort(confidence, kind="stable"), n_bins):
            n = max(1, round(len(rows) / repeats))
            found.append(
                Bin(float(confidence[rows].mean()), share_of(float(right[rows].mean()), n))
            )
        return found

    def _held(self, pair: Pair) -> Scores:
        return np.asarray(self.measured.arrays[f"{pair.name}/held-out"])
