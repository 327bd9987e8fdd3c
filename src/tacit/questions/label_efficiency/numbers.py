"""Accuracy against labels: who wins at each budget, by how much, and what that is worth."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from tacit.measures.corrections import Comparison, against_each
from tacit.measures.distances import Floats
from tacit.measures.engine import Measured
from tacit.measures.intervals import crossed, crossed_difference
from tacit.measures.number import Number, undefined
from tacit.measures.savings import Savings, label_savings
from tacit.questions.base import Measurement
from tacit.questions.shared.pairs import Pair

TRIALS = "table/trials"
BINS = 15
"""Of confidence, for the reliability diagram."""

POINTS = "percentage points"


class Curves:
    """Every trial's accuracy, (seeds, draws) at each budget, for each pair.

    Winners are chosen on `choosing`, every second draw, and everything said about them is of
    `reporting`, the others.

    Args:
        measured: by seed. pairs: all that were measured.
    """

    def __init__(self, measured: Mapping[int, Measurement], pairs: Sequence[Pair]) -> None:
        self.measured, self.pairs = measured, tuple(pairs)
        first = next(iter(measured.values()))
        self.first = first
        asked, draws = (first.floats(f"{TRIALS}/{c}").astype(int) for c in ("budget", "draw"))
        self.budgets: list[int] = sorted(set(asked.tolist()))
        self.n_draws = int(draws.max()) + 1
        labels = first.floats(f"{TRIALS}/labels").reshape(len(self.budgets), self.n_draws)
        self.labels: list[float] = labels.mean(axis=1).tolist()
        self.per_class = bool(first.values["per-class"])
        self.pooled = bool(first.values["pooled"])
        self.choosing = np.arange(0, self.n_draws, 2)
        self.reporting = np.arange(1, self.n_draws, 2)

    @cached_property
    def candidates(self) -> list[Pair]:
        """The pairs that can be recommended: those that use nothing beyond their labels."""
        usable = [p for p in self.pairs if not self.is_oracle(p)]
        fair = [pair for pair in usable if not pair.knows_shares]
        return fair or usable

    @cached_property
    def oracles(self) -> list[Pair]:
        """The pairs that have seen all labels."""
        return [p for p in self.pairs if self.is_oracle(p)]

    @property
    def curved(self) -> list[Pair]:
        """The pairs whose accuracy depends on the labels given."""
        return [pair for pair in self.pairs if not pair.using.oracle]

    @cached_property
    def baseline(self) -> Pair | None:
        """From scratch; None where the study does not ask for it."""
        return next((pair for pair in self.candidates if pair.using.from_scratch), None)

    def is_oracle(self, pair: Pair) -> bool:
        """Whether a pair has seen all labels, by itself or through its codes."""
        return bool(self.first.values[f"{pair.name}/oracle"])

    def accuracy(self, pair: Pair, budget: int, column: str = "") -> Floats:
        """Each trial's accuracy, (S, D).

        `column` is "test" or "unlabelled"; by default the one that pairs are compared by: on test
        images, or, where those are in the pool, on the unlabelled images of the pool.
        """
        column = column or ("unlabelled" if self.pooled else "test")
        rows = slice(*(self.n_draws * (self.budgets.index(budget) + k) for k in (0, 1)))
        return np.stack(
            [m.floats(f"{TRIALS}/{pair.name}.{column}")[rows] for m in self.measured.values()]
        )

    def has(self, pair: Pair, column: str) -> bool:
        """Whether a pair was measured on these images."""
        return f"{TRIALS}/{pair.name}.{column}" in self.first.arrays

    def number(self, pair: Pair, budget: int) -> Number:
        """Mean accuracy over all draws, for curves and tables."""
        return crossed(self.accuracy(pair, budget), unit="accuracy", given=self.given)

    def reported(self, pair: Pair, budget: int) -> Number:
        """Mean accuracy over the draws that chose nothing."""
        values = self.accuracy(pair, budget)[:, self.reporting]
        return crossed(values, unit="accuracy", given=self.given)

    def _measured(self, pair: Pair, budget: int) -> Measured:
        """Accuracy on the draws that chose nothing."""
        return Measured(self.accuracy(pair, budget)[:, self.reporting], ("seed", "draw"))

    def winner(self, budget: int) -> Pair:
        """The best of the candidates on the choosing draws; the first of equal ones."""
        return max(self.candidates, key=lambda p: self.accuracy(p, budget)[:, self.choosing].mean())

    def comparisons(self, budget: int) -> dict[str, Comparison]:
        """The winner against each other candidate on the reporting draws, in points, corrected."""
        winner = self.winner(budget)
        others = [pair for pair in self.candidates if pair != winner]
        return against_each(
            100 * self.accuracy(winner, budget)[:, self.reporting],
            {p.name: 100 * self.accuracy(p, budget)[:, self.reporting] for p in others},
            unit=POINTS,
        )

    def alike(self, budget: int) -> list[Pair]:
        """The candidates that are not distinguishable from the winner."""
        found = self.comparisons(budget)
        return [
            pair
            for pair in self.candidates
            if pair.name in found
            and found[pair.name].verdict in ("not distinguishable", "undefined")
        ]

    def savings(self, budget: int) -> Savings | None:
        """How many times as many labels the baseline needs for the winner's accuracy.

        None where the winner is the baseline, or there is none.
        """
        base, winner = self.baseline, self.winner(budget)
        if base is None or base == winner:
            return None
        curve = [self._measured(base, b) for b in self.budgets]
        method = self._measured(winner, budget)
        return label_savings(self.labels, curve, method, self.labels[self.budgets.index(budget)])

    def gain(self, budget: int) -> Number | None:
        """What the next larger budget brings the budget's winner, in points; None for the last.

        Draws are nested, so the two are paired.
        """
        place = self.budgets.index(budget) + 1
        if place == len(self.budgets):
            return None
        winner = self.winner(budget)
        more, less = (
            100 * self.accuracy(winner, b)[:, self.reporting] for b in (self.budgets[place], budget)
        )
        return crossed_difference(more, less, unit=POINTS, given=self.given)

    @property
    def middle(self) -> int:
        """The budget that the answer opens with: the middle one, the upper of two."""
        return self.budgets[len(self.budgets) // 2]

    @property
    def given(self) -> str:
        """What an interval over draws takes as given."""
        return "this pretraining" if self.pooled else "this pretraining and test set"

    @property
    def unit(self) -> str:
        """What budgets count."""
        return "per class" if self.per_class else "in all"

    def calibration_error(self, pair: Pair, budget: int, suffix: str = "") -> Number:
        """The expected calibration error over the reporting draws."""
        name = f"{TRIALS}/{pair.name}.calibration-error{suffix}"
        if name not in self.first.arrays:
            return undefined("answers without probabilities", unit="share")
        rows = slice(*(self.n_draws * (self.budgets.index(budget) + k) for k in (0, 1)))
        values = np.stack([m.floats(name)[rows] for m in self.measured.values()])
        return crossed(values[:, self.reporting], unit="share", given=self.given)

    def bins(self, pair: Pair, budget: int) -> Floats | None:
        """Images, Σ confidence and Σ right in each bin, over the reporting draws, (`BINS`, 3)."""
        name = f"{pair.name}/bins"
        if name not in self.first.arrays:
            return None
        place = self.budgets.index(budget)
        found = [m.floats(name)[place, self.reporting].sum(axis=0) for m in self.measured.values()]
        return np.sum(found, axis=0)

    def numbers(self) -> dict[str, Number]:
        """The numbers of the finding, the middle budget first."""
        found: dict[str, Number] = {}
        order = [self.middle, *(b for b in self.budgets if b != self.middle)]
        base = self.baseline
        for budget in order:
            winner, at = self.winner(budget), f"at-{budget}"
            found[f"{at}.accuracy"] = self.reported(winner, budget)
            if base is not None and base != winner:
                found[f"{at}.minus-{base.name}"] = self.comparisons(budget)[base.name].difference
            savings = self.savings(budget)
            if savings is not None:
                found[f"{at}.label-savings"] = savings.number()
        gain = self.gain(self.middle)
        if gain is not None:
            found[f"at-{self.middle}.gain-of-next-budget"] = gain
        winner = self.winner(self.middle)
        for suffix in ("", "-with-temperature"):
            if f"{TRIALS}/{winner.name}.calibration-error{suffix}" in self.first.arrays:
                found[f"at-{self.middle}.calibration-error{suffix}"] = self.calibration_error(
                    winner, self.middle, suffix
                )
        if self.has(winner, "test") and self.has(winner, "unlabelled"):
            found[f"at-{self.middle}.test-minus-unlabelled"] = crossed_difference(
                *(
                    100 * self.accuracy(winner, self.middle, column)[:, self.reporting]
                    for column in ("test", "unlabelled")
                ),
                unit=POINTS,
                given=self.given,
            )
        for pair in self.oracles:
            found[f"{pair.name}.accuracy"] = self.reported(pair, self.budgets[-1])
        return found
