"""Accuracy against labels: who wins at each budget, by how much, and what that is worth."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from tacit.labels.pairs import Pair
from tacit.measures.distances import Floats
from tacit.measures.engine import Measured
from tacit.measures.intervals import decide
from tacit.measures.label_efficiency import LabelEfficiency, label_efficiency
from tacit.measures.number import Number, undefined
from tacit.questions.shared.seeds import Seeds, present
from tacit.questions.shared.trials import Columns, OfPair
from tacit.questions.typed import InTable
from tacit.streams import numpy_stream


@dataclass(frozen=True)
class Trials:
    """Every trial, (B · D,): its budget, draw and labels, those of the class with fewest, and what
    each pair came to."""

    budget: NDArray[np.int64]
    draw: NDArray[np.int64]
    labels: NDArray[np.int64]
    fewest_of_a_class: NDArray[np.int64]
    pairs: dict[str, Columns]


@dataclass(frozen=True)
class Numbers:
    """What is measured on one seed.

    Attributes:
        per_class: whether budgets count the labels of each class. pooled: whether labels are drawn
            from training and test images together, and answers are for these.
        copies: test images that are training images too. unlabelled: images of the pool without a
            label.
        class_counts: labelled training images of each class. truth: classes of the test images that
            have one, (N,).
        by_pair: by the pairs' names.
    """

    per_class: bool
    pooled: bool
    copies: int
    unlabelled: int
    class_counts: NDArray[np.int64]
    truth: NDArray[np.int64]
    by_pair: dict[str, OfPair]
    trials: InTable[Trials]


def judging_half(truth: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which test images judge the winners that the others choose, (N,): half of every class.

    The same for every seed and study of the same images.

    >>> judging_half(np.array([0, 0, 0, 0, 1, 1])).sum()
    np.int64(3)
    """
    judging, begin = np.zeros(len(truth), bool), 0
    for label in np.unique(truth):
        own = np.flatnonzero(truth == label)
        rows = numpy_stream(0, "images that judge", int(label)).permutation(own)
        judging[rows[begin % 2 :: 2]] = True
        begin += len(rows)
    return judging


class Curves:
    """Every trial's accuracy at each budget, for each pair, over seeds, draws and test images.

    Winners are chosen on every second draw (`choosing`) and half of the test images; how good they
    are is said of the other draws (`reporting`) and the other images (`told`).

    Args:
        seeds: what was measured. pairs: all that were.
        source: the images' name. class_names: theirs.
    """

    def __init__(
        self,
        seeds: Seeds[Numbers],
        pairs: Sequence[Pair],
        source: str = "",
        class_names: Sequence[str] = (),
    ) -> None:
        self.seeds, self.pairs = seeds, tuple(pairs)
        self.source, self.class_names = source, class_names
        self.first = seeds.first
        trials = self.first.trials
        self.budgets: list[int] = sorted(set(trials.budget.tolist()))
        self.n_draws = int(trials.draw.max()) + 1
        self.labels: list[float] = self._by_budget(trials.labels).mean(axis=1).tolist()
        self.per_class, self.pooled = self.first.per_class, self.first.pooled
        self.choosing = np.arange(0, self.n_draws, 2)
        self.reporting = np.arange(1, self.n_draws, 2)
        self.told = judging_half(self.first.truth)
        self._numbers: dict[tuple[str, int], Number] = {}

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

    def ranked(self, pairs: Sequence[Pair]) -> list[Pair]:
        """These by accuracy over all draws at the middle budget, the highest first."""
        return sorted(pairs, key=lambda pair: -self.accuracy(pair, self.middle).mean())

    def baseline(self, budget: int) -> Pair | None:
        """What the budget's winner is held against: a network from the same labels alone.

        One that is trained on moved images where the winner is, and on images as they are where it
        is not, so that what moving brings is not taken for what the representation does; the other
        one where the study has no such. None where it asks for neither.
        """
        scratch = [pair for pair in self.candidates if pair.using.from_scratch]
        moves = self.winner(budget).moves_images
        return next((p for p in scratch if p.moves_images == moves), next(iter(scratch), None))

    def is_oracle(self, pair: Pair) -> bool:
        """Whether a pair has seen all labels, by itself or through its codes."""
        return self.first.by_pair[pair.name].oracle

    def accuracy(self, pair: Pair, budget: int, column: str = "") -> Floats:
        """Each trial's accuracy, (S, D), on all images.

        `column` is "test" or "unlabelled"; by default the one that pairs are compared by: on test
        images, or, where those are in the pool, on the unlabelled images of the pool.
        """
        column = column or ("unlabelled" if self.pooled else "test")
        place = self.budgets.index(budget)
        return np.stack(
            [
                self._by_budget(getattr(one.trials.pairs[pair.name], column))[place]
                for one in self.seeds
            ]
        )

    def has(self, pair: Pair, column: str) -> bool:
        """Whether a pair was measured on these images."""
        return getattr(self.first.trials.pairs[pair.name], column) is not None

    def measured(self, pair: Pair, budget: int) -> Measured:
        """Whether answers are right, over seeds, draws and test images.

        Where answers are for the images of the pool, those are all there are: its accuracy over
        seeds and draws.
        """
        if self.pooled:
            return self.accuracy_of(pair, budget, "unlabelled")
        place = self.budgets.index(budget)
        return self.seeds.measured(
            lambda one: present(one.by_pair[pair.name].right)[place], "accuracy", ("draw", "image")
        )

    def accuracy_of(self, pair: Pair, budget: int, column: str) -> Measured:
        """Accuracy on test images, or on those of the pool without a label, which are all there
        are."""
        if column == "test":
            return self.measured(pair, budget)
        return self._of_draws(pair, budget, column, given="these images")

    def reporting_of(self, pair: Pair, budget: int) -> Measured:
        """The same on the draws and images that chose nothing."""
        found = self.measured(pair, budget).take("draw", self.reporting)
        return found if self.pooled else found.take("image", self.told)

    def number(self, pair: Pair, budget: int) -> Number:
        """Mean accuracy over all draws and images, for curves and tables."""
        key = pair.name, budget
        if key not in self._numbers:
            self._numbers[key] = self.measured(pair, budget).mean()
        return self._numbers[key]

    def reported(self, pair: Pair, budget: int) -> Number:
        """Mean accuracy over the draws and images that chose nothing."""
        return self.reporting_of(pair, budget).mean()

    @cache  # noqa: B019  # lives as long as one answer
    def winner(self, budget: int) -> Pair:
        """The best of the candidates on the choosing draws and images; the first of equal ones."""
        return self.best_of(self.candidates, budget)

    def best_of(self, pairs: Sequence[Pair], budget: int) -> Pair:
        """The best of these on the choosing draws and images; the first of equal ones."""
        return max(pairs, key=lambda pair: self._choosing(pair, budget))

    def _choosing(self, pair: Pair, budget: int) -> float:
        found = self.measured(pair, budget).take("draw", self.choosing)
        return (found if self.pooled else found.take("image", ~self.told)).value

    @cache  # noqa: B019
    def leads(self, budget: int) -> dict[str, Number]:
        """The winner minus each other candidate, in points, on all draws and images.

        The intervals of every two candidates hold together (Bonferroni), and so do these, whichever
        of them won: no draw or image need be left out.
        """
        each = {p.name: self.measured(p, budget) for p in self.candidates}
        first = each.pop(self.winner(budget).name)
        every_two = len(each) * (len(each) + 1) // 2
        return {n: (first - one).mean(together=every_two).in_points for n, one in each.items()}

    def verdicts(self, budget: int) -> dict[str, str]:
        """Of each other candidate: "worse", "better", "alike", or "undefined"."""
        said = {"higher": "worse", "lower": "better", "not distinguishable": "alike"}
        return {n: said.get(v := decide(d), v) for n, d in self.leads(budget).items()}

    def those(self, verdict: str, budget: int) -> list[Pair]:
        """The candidates of that verdict."""
        found = self.verdicts(budget)
        return [pair for pair in self.candidates if found.get(pair.name) == verdict]

    @cache  # noqa: B019
    def efficiency(self, budget: int) -> LabelEfficiency | None:
        """How many times as many labels the baseline needs for the winner's accuracy.

        None where the winner is the baseline, or there is none.
        """
        base, winner = self.baseline(budget), self.winner(budget)
        if base is None or base == winner:
            return None
        curve = [self.reporting_of(base, b) for b in self.budgets]
        at = self.labels[self.budgets.index(budget)]
        return label_efficiency(self.labels, curve, self.reporting_of(winner, budget), at)

    def gain(self, budget: int) -> Number | None:
        """What the next larger budget brings the budget's winner, in points; None for the last.

        Draws are nested, so the two are paired.
        """
        place = self.budgets.index(budget) + 1
        if place == len(self.budgets):
            return None
        winner = self.winner(budget)
        more, less = (self.reporting_of(winner, b) for b in (self.budgets[place], budget))
        return (more - less).mean().in_points

    @property
    def middle(self) -> int:
        """The budget that the answer opens with: the middle one, the upper of two."""
        return self.budgets[len(self.budgets) // 2]

    @property
    def unit(self) -> str:
        """What budgets count."""
        return "per class" if self.per_class else "in all"

    def calibration_error(
        self, pair: Pair, budget: int, *, with_temperature: bool = False
    ) -> Number:
        """The expected calibration error over the reporting draws."""
        column = "calibration_error" + ("_with_temperature" if with_temperature else "")
        if not self.has(pair, column):
            return undefined("answers without probabilities", unit="share")
        found = self._of_draws(pair, budget, column, given="these test images")
        return found.take("draw", self.reporting).mean()

    def bins(self, pair: Pair, budget: int) -> Floats | None:
        """Images, Σ confidence and Σ right in each bin, over the reporting draws, (`BINS`, 3)."""
        place = self.budgets.index(budget)
        found = [one.by_pair[pair.name].bins for one in self.seeds]
        known = [bins[place, self.reporting].sum(axis=0) for bins in found if bins is not None]
        return np.sum(known, axis=0) if known else None

    @cached_property
    def numbers(self) -> dict[str, Number]:
        """The numbers of the finding, the middle budget first."""
        found: dict[str, Number] = {}
        for budget in [self.middle, *(b for b in self.budgets if b != self.middle)]:
            winner, base, at = self.winner(budget), self.baseline(budget), f"at-{budget}"
            found[f"{at}.accuracy"] = self.reported(winner, budget)
            if base is not None and base != winner:
                found[f"{at}.minus-{base.name}"] = self.leads(budget)[base.name]
            efficiency = self.efficiency(budget)
            if efficiency is not None:
                found[f"{at}.label-efficiency"] = efficiency.number()
        at, winner = f"at-{self.middle}", self.winner(self.middle)
        gain = self.gain(self.middle)
        if gain is not None:
            found[f"{at}.gain-of-next-budget"] = gain
        for name, scaled in (("", False), ("-with-temperature", True)):
            error = self.calibration_error(winner, self.middle, with_temperature=scaled)
            if error.value is not None:
                found[f"{at}.calibration-error{name}"] = error
        if self.has(winner, "test") and self.has(winner, "unlabelled"):
            unlabelled = self.accuracy_of(winner, self.middle, "unlabelled")
            both = self.reporting_of(winner, self.middle) - unlabelled.take("draw", self.reporting)
            found[f"{at}.test-minus-unlabelled"] = both.mean().in_points
        for pair in self.oracles:
            found[f"{pair.name}.accuracy"] = self.reported(pair, self.budgets[-1])
            if pair.using.oracle:
                found[f"{at}.behind-{pair.name}"] = self.behind(pair)
        return found

    def behind(self, oracle: Pair) -> Number:
        """An oracle minus the winner at the middle budget, in points."""
        winner = self.reporting_of(self.winner(self.middle), self.middle)
        return (self.reporting_of(oracle, self.middle) - winner).mean().in_points

    def _by_budget(self, column: NDArray[np.generic]) -> Floats:
        return np.asarray(column, np.float64).reshape(len(self.budgets), self.n_draws)

    def _of_draws(self, pair: Pair, budget: int, column: str, given: str = "") -> Measured:
        unit = "accuracy" if column in ("test", "unlabelled") else "share"
        rows = self.accuracy(pair, budget, column)
        return Measured.of_seeds(list(rows), unit, ("draw",), given=given)
