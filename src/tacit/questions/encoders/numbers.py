"""Which codes are ahead at each budget, each by its best method, and what would choose them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tacit.measures.engine import Measured
from tacit.measures.number import Number, undefined
from tacit.questions.encoders.indicators import OfCodes
from tacit.questions.label_efficiency.numbers import POINTS, Curves
from tacit.questions.shared.pairs import Pair
from tacit.questions.shared.seeds import Seeds

INDICATORS = {"effective-rank": "effective rank", "neighbours-kept": "neighbours kept under views"}
"""What is known of codes without a label, in words."""

FEWEST = 4
"""Representations of which a rank correlation says something."""


@dataclass(frozen=True)
class Indicators:
    """What is measured on one seed without labels, by the codes' names."""

    codes: dict[str, OfCodes]


class Compared:
    """Codes by budget, each by the method that was best on it where winners are chosen.

    Args:
        curves: of every pair. of_codes: what is known of codes without labels, by seed.
    """

    def __init__(self, curves: Curves, of_codes: Seeds[Indicators]) -> None:
        self.curves, self.of_codes = curves, of_codes

    @cached_property
    def pairs(self) -> Mapping[str, Sequence[Pair]]:
        """The pairs that can win, by their codes' names."""
        found: dict[str, list[Pair]] = {}
        for pair in self.curves.candidates:
            found.setdefault(pair.codes_name, []).append(pair)
        return found

    def best(self, codes: str, budget: int) -> Pair:
        """What is done best with these codes, by the draws and images that choose."""
        return self.curves.best_of(self.pairs[codes], budget)

    def winner(self, budget: int) -> str:
        """The codes of the winning pair."""
        return self.curves.winner(budget).codes_name

    def behind(self, codes: str, budget: int) -> Number:
        """The winner minus these codes, in points, on all draws and images."""
        pair = self.best(codes, budget)
        if pair == self.curves.winner(budget):
            return Number(0.0, 0.0, 0.0, unit=POINTS, interval="the winner itself")
        return self.curves.leads(budget)[pair.name]

    def ranked(self, budget: int) -> list[str]:
        """All codes, the winner first, then by how far they are behind."""
        first = self.winner(budget)
        others = [codes for codes in self.pairs if codes != first]
        return [first, *sorted(others, key=lambda codes: self.behind(codes, budget).value or 0.0)]

    def those(self, verdict: str, budget: int) -> list[str]:
        """The codes that are "worse", "better" or "alike" by their best pair."""
        found = self.curves.verdicts(budget)
        first = self.winner(budget)
        return [
            codes
            for codes in self.ranked(budget)
            if codes != first and found[self.best(codes, budget).name] == verdict
        ]

    def indicator(self, name: str, codes: str) -> Number:
        """An indicator of these codes, over seeds and images."""
        return self._indicators[name][codes]

    @cached_property
    def _indicators(self) -> dict[str, dict[str, Number]]:
        return {
            name: {codes: self._indicator(name, codes) for codes in self.pairs}
            for name in INDICATORS
        }

    def _indicator(self, name: str, codes: str) -> Number:
        if name == "effective-rank":
            values = np.array([one.codes[codes].effective_rank for one in self.of_codes])
            return Measured(values, ("seed",), given="these test images").mean()
        if any(one.codes[codes].kept is None for one in self.of_codes):
            return undefined("features were given, and none of views")

        def kept(one: Indicators) -> NDArray[np.float64]:
            found = one.codes[codes].kept
            assert found is not None
            return found

        return self.of_codes.measured(kept, "share").mean()

    def chosen_by(self, name: str) -> str | None:
        """The codes whose indicator is the largest; None where fewer than two have it."""
        known = self._known(name)
        return max(known, key=lambda codes: known[codes]) if len(known) > 1 else None

    def correlation(self, name: str) -> float | None:
        """Spearman's, of an indicator with the best accuracy of codes at the middle budget.

        None with fewer than `FEWEST` codes, or where one of the two does not vary.
        """
        known, budget = self._known(name), self.curves.middle
        accuracy = [self.curves.accuracy(self.best(c, budget), budget).mean() for c in known]
        if len(known) < FEWEST or len(set(accuracy)) < 2 or len(set(known.values())) < 2:
            return None
        return float(stats.spearmanr(np.array(list(known.values())), np.array(accuracy)).statistic)

    def _known(self, name: str) -> dict[str, float]:
        each = {codes: self.indicator(name, codes).value for codes in self.pairs}
        return {codes: value for codes, value in each.items() if value is not None}

    def numbers(self) -> dict[str, Number]:
        """The numbers of the finding, the middle budget first."""
        curves, found = self.curves, {}
        for budget in [curves.middle, *(b for b in curves.budgets if b != curves.middle)]:
            found[f"at-{budget}.accuracy"] = curves.reported(curves.winner(budget), budget)
            for codes in self.ranked(budget)[1:]:
                found[f"at-{budget}.{codes}.behind"] = self.behind(codes, budget)
        for name in INDICATORS:
            for codes in self.pairs:
                number = self.indicator(name, codes)
                if number.value is not None:
                    found[f"{codes}.{name}"] = number
            if chosen := self.chosen_by(name):
                found[f"chosen-by-{name}.behind"] = self.behind(chosen, curves.middle)
        return found
