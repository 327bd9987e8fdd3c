"""What importance sampling and annealing say of the same images, as differences and in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tacit.measures.distances import Floats
from tacit.measures.formatting import show
from tacit.measures.intervals import decide, paired
from tacit.measures.number import Number
from tacit.questions.annealing import MORE, Checking
from tacit.questions.base import Measurement
from tacit.questions.finding import Table
from tacit.questions.over_seeds import over_seeds
from tacit.questions.wider import given_models, magnitude, wider

START_NAMES = {
    "encoder": "the encoder",
    "refined": "refined posteriors",
    "prior": "the prior",
}


@dataclass(frozen=True)
class Relation:
    """A difference of two methods on the same images.

    Attributes:
        name: of its number. said: in words.
        number: nats, over images.
        published: what Wu et al. found on models of their own.
    """

    name: str
    said: str
    number: Number
    published: str = ""


@dataclass(frozen=True)
class Relations:
    """What was measured on one or several seeds, all on the same images."""

    measured: Mapping[int, Measurement]
    checking: Checking

    def by_seed(self, table: str, column: str) -> Floats:
        """One row per seed, (S, n)."""
        name = f"table/{table}/{column}"
        return np.stack([found.floats(name) for found in self.measured.values()])

    @property
    def best(self) -> str:
        """Where annealing starts beside the prior."""
        arrays = next(iter(self.measured.values())).arrays
        encoder = f"table/annealed/encoder-{self.checking.most}.log_prob"
        return "encoder" if encoder in arrays else "refined"

    def _importance(self, samples: int) -> Floats:
        return self.by_seed("resampled", f"importance-{samples}.log_prob")

    def _annealed(self, start: str, distributions: int) -> Floats:
        return self.by_seed("annealed", f"{start}-{distributions}.log_prob")

    def _difference(self, first: Floats, second: Floats) -> Number:
        n = min(first.shape[1], second.shape[1])
        a, b = first[:, :n], second[:, :n]
        over_images = paired(
            a.mean(axis=0),
            b.mean(axis=0),
            over="test images",
            unit="nats",
            given=given_models(len(a)),
        )
        return wider(over_images, (a - b).mean(axis=1))

    def all(self) -> tuple[Relation, ...]:
        """Every relation, those that the answer hangs on first."""
        few, many = self.checking.samples, MORE * self.checking.samples
        *_, most = distributions = self.checking.distributions
        best, where = self.best, START_NAMES[self.best]
        annealed = self._annealed(best, most)
        found = [
            Relation(
                f"annealed-minus-importance-{samples}.log-prob",
                f"annealing by {most:,} distributions from {where} - {samples:,} importance "
                "samples",
                self._difference(annealed, self._importance(samples)),
                "about 1 nat with 10,000 samples and 50 latent dimensions",
            )
            for samples in (few, many)
        ]
        found.append(
            Relation(
                "simulated.upper-minus-lower.log-prob",
                f"upper - lower bound on simulated images, {most:,} distributions from the prior",
                self.gap(),
                "below 1 nat with 10 latent dimensions, about 1.5 with 50",
            )
        )
        for start in (best, "prior"):
            found += [
                Relation(
                    f"annealed-{start}.{more}-minus-{fewer}.log-prob",
                    f"annealing from {START_NAMES[start]}, {more:,} - {fewer:,} distributions",
                    self._difference(self._annealed(start, more), self._annealed(start, fewer)),
                )
                for fewer, more in pairwise(distributions)
            ]
        found.append(
            Relation(
                f"annealed.{best}-{distributions[0]}-minus-prior-{most}.log-prob",
                f"annealing by {distributions[0]:,} distributions from {where} - by {most:,} "
                "from the prior",
                self._difference(
                    self._annealed(best, distributions[0]), self._annealed("prior", most)
                ),
                "within 0.15 nats for 100 from the encoder",
            )
        )
        if self.checking.long:
            longest = MORE * most
            long = self.by_seed("annealed-long", f"{best}-{longest}.log_prob")
            found.append(
                Relation(
                    f"annealed-{best}.{longest}-minus-{most}.log-prob",
                    f"annealing from {where}, {longest:,} - {most:,} distributions",
                    self._difference(long, annealed),
                    "within 0.1 nats for 10,000 and 1,000",
                )
            )
        found.append(
            Relation(
                f"importance.{many}-minus-{few}.log-prob",
                f"importance sampling, {many:,} - {few:,} samples",
                self._difference(self._importance(many), self._importance(few)),
                "above zero: the bound rises with the samples",
            )
        )
        return tuple(found)

    def gap(self) -> Number:
        """upper - lower bound on log p(x) of the images that each model simulated."""
        gaps = self.by_seed("simulated", "upper") - self.by_seed("simulated", "lower")
        return over_seeds(list(gaps), images="simulated images", unit="nats")

    def flagged(self) -> dict[str, Number]:
        """How many of the annealed and of the simulated estimates are flagged."""
        names = [
            f"{start}-{distributions}.flagged"
            for start in (self.best, "prior")
            for distributions in self.checking.distributions
        ]
        annealed = np.concatenate([self.by_seed("annealed", name).ravel() for name in names])
        simulated = self.by_seed("simulated", "flagged").ravel()
        return {
            f"{name}.flagged": Number(
                float(flags.mean()),
                n=len(flags),
                unit="share",
                interval=f"a count of {len(flags):,} estimates",
            )
            for name, flags in (("annealed", annealed), ("simulated", simulated))
        }

    def numbers(self) -> dict[str, Number]:
        """All numbers."""
        return {relation.name: relation.number for relation in self.all()} | self.flagged()

    def table(self) -> Table:
        """Wu's relations on this model."""
        return Table(
            caption="log p(x) of the same images by several methods: differences in nats, and what "
            "Wu et al. 2017 found for theirs, on models of their own.",
            columns=("first - second", "difference", "images", "published"),
            rows=tuple((r.said, r.number, r.number.n, r.published) for r in self.all()),
        )

    def sentences(self) -> str:
        """The answer in words."""
        beyond, beyond_more, gap = self.all()[:3]
        most, n = self.checking.most, self._annealed(self.best, self.checking.most).shape[1]
        opening = (
            f"Annealing by {most:,} distributions from {START_NAMES[self.best]}, on {n} test "
            "images,"
        )
        few, many = self.checking.samples, MORE * self.checking.samples
        verdict = decide(beyond.number)
        if verdict == "higher":
            said = (
                f"{opening} finds {magnitude(beyond.number)} more than {few:,} importance samples, "
                f"which are low by at least that much on average; {many:,} samples leave "
                f"{show(beyond_more.number, sign=True)}."
            )
        elif verdict == "lower":
            said = (
                f"{opening} finds {magnitude(beyond.number)} less than {few:,} importance samples: "
                "annealing is the looser bound here, and no check of the other."
            )
        else:
            said = (
                f"{opening} and {few:,} importance samples are {verdict}, "
                f"{show(beyond.number, sign=True)}."
            )
        width = f"On images that the model itself made the two bounds lie {show(gap.number)} apart"
        flagged = {name: round(f.n * (f.value or 0)) for name, f in self.flagged().items()}
        counted = {name: number.n for name, number in self.flagged().items()}
        flags = " and ".join(
            f"{flagged[name]} of {counted[name]} {what}"
            for name, what in (
                ("annealed.flagged", "annealed estimates"),
                ("simulated.flagged", "pairs of bounds"),
            )
        )
        return f"{said} {width}. Flagged: {flags}."


RULE = (
    " Importance sampling is called low where the interval of annealing minus importance sampling "
    "over the same images lies above zero; the annealed estimate is that with the most "
    "distributions from the encoder, or from refined posteriors where there is none."
)
CAUTIONS = (
    "Annealing too gives lower bounds in expectation. The gap of both bounds certifies it on "
    "images that the model made, and on real ones only as far as they resemble these.",
)
SOURCES = (
    "Wu, Burda, Salakhutdinov and Grosse 2017, On the quantitative analysis of decoder-based "
    "generative models",
    "Grosse, Ghahramani and Adams 2015, Sandwiching the marginal likelihood using bidirectional "
    "Monte Carlo",
)
