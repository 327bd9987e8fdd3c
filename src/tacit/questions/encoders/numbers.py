"""Which codes are ahead at each budget, each by its best method, and what would choose them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from sklearn.neighbors import NearestNeighbors

from tacit.encoders.source import is_source, parse
from tacit.images.dataset import Images
from tacit.labels.networks import codes_of
from tacit.labels.pairs import BUILT_IN, Pair
from tacit.labels.representations import pixels, principal_components, untrained
from tacit.measures.engine import Measured
from tacit.measures.number import POINTS, Number, undefined
from tacit.models.parts import part_of
from tacit.questions.base import Codes, Runs
from tacit.questions.label_efficiency.numbers import Curves
from tacit.questions.shared.seeds import Seeds, present
from tacit.streams import torch_stream
from tacit.training.collapse import effective_rank
from tacit.training.viewed import called, looked_at
from tacit.training.views import Views

NEIGHBOURS = 10


@dataclass(frozen=True)
class OfCodes:
    """What is measured of one representation, on test images, by one seed.

    Attributes:
        width: dimensions of a code.
        effective_rank: of the codes (`tacit.training.collapse.effective_rank`).
        size: bytes of the weights of the run's encoder; None where there is no such.
        kept: of each image the share of its nearest neighbours that its view has too, (n,); None
            of features that were given, as there are none of views.
    """

    width: int
    effective_rank: float
    size: int | None = None
    kept: NDArray[np.float64] | None = None


def indicators_of(codes: str, views: Views, runs: Runs) -> OfCodes:
    """Of codes that need no run, of a run, or of an encoder from elsewhere."""
    index = looked_at(len(runs.test))
    if is_source(codes):
        own = runs.features(codes)[1][index]
        kept = None
        if can_be_viewed(codes):
            kept = neighbours_kept(own, runs.features(called(codes, views))[1])
        return OfCodes(own.shape[1], effective_rank(torch.from_numpy(own)), kept=kept)
    images = Images(runs.test.pixels[index])
    seen = views(torch.from_numpy(images.scaled()), torch_stream(runs.seed, "views of test images"))
    levels = (255 * seen).round().to(torch.uint8).numpy()
    both = Images(np.concatenate([images.pixels, levels]))
    own, of_views = np.split(_encoded(codes, both, runs), 2)
    kept = neighbours_kept(own, of_views)
    return OfCodes(own.shape[1], effective_rank(torch.from_numpy(own)), _size(codes, runs), kept)


def can_be_viewed(source: str) -> bool:
    """Whether an encoder from elsewhere can read other pictures: features that are given cannot."""
    return parse(source).kind != "features"


def neighbours_kept(codes: Codes, of_views: Codes) -> NDArray[np.float64]:
    """The share of each image's `NEIGHBOURS` nearest others that its view has too, (n,).

    Neighbours are images as they are, the image itself apart, for the image and for its view. Codes
    that do not change under views have 1; where views say nothing it is little more than
    `NEIGHBOURS` / (n - 1).

    Args:
        codes, of_views: of the same images and of a view of each, (n, D).
    """
    n = len(codes)
    k = min(NEIGHBOURS, n - 2)
    if k < 1:
        return np.ones(n)
    near = NearestNeighbors(n_neighbors=k + 1, algorithm="brute").fit(codes)
    both = np.zeros((2, n, n), bool)
    for side, each in enumerate((codes, of_views)):
        found = near.kneighbors(each, return_distance=False)
        for i, row in enumerate(found):
            both[side, i, row[row != i][:k]] = True
    return np.asarray(both.all(axis=0).sum(axis=1) / k, np.float64)


def _encoded(codes: str, images: Images, runs: Runs) -> Codes:
    nothing = images.take(np.arange(0))
    if codes == "pixels":
        return pixels(nothing, images).new
    if codes == "pca":
        return principal_components(Images(runs.train.pixels), images, runs.seed).new
    if codes == "random":
        return untrained(nothing, images, runs.seed).new
    return codes_of(part_of(runs[codes].model(), "encoder"), images)


def _size(codes: str, runs: Runs) -> int | None:
    if codes in BUILT_IN:
        return None
    encoder = part_of(runs[codes].model(), "encoder")
    return sum(p.numel() * p.element_size() for p in encoder.parameters())


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

    @cache  # noqa: B019  # lives as long as one answer
    def indicator(self, name: str, codes: str) -> Number:
        """An indicator of these codes, over seeds and images."""
        if name == "effective-rank":
            values = np.array([one.codes[codes].effective_rank for one in self.of_codes])
            return Measured(values, ("seed",), given="these test images").mean()
        if any(one.codes[codes].kept is None for one in self.of_codes):
            return undefined("features were given, and none of views")
        return self.of_codes.measured(lambda one: present(one.codes[codes].kept), "share").mean()

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

    @cached_property
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
