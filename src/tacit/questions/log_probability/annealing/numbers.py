"""What importance sampling and annealing say of the same images, as differences."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tacit.measures.engine import Measured
from tacit.measures.number import Number, undefined
from tacit.questions.log_probability.annealing.measuring import MORE, Checks
from tacit.questions.log_probability.question import LogProbability
from tacit.questions.shared.seeds import Seeds
from tacit.questions.shared.splits import counted

ERROR = 0.5
"""Nats by which an estimate errs that a flag should have been raised for."""

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

    seeds: Seeds[Checks]
    asked: LogProbability

    @property
    def best(self) -> str:
        """Where annealing starts beside the prior."""
        encoder = f"encoder-{self.asked.distributions[-1]}"
        return "encoder" if encoder in self.seeds.first.annealed.of else "refined"

    def importance(self, samples: int) -> Measured:
        """log p(x) by so many samples, by seed and image."""
        return self._of("resampled", f"importance-{samples}")

    def annealed(self, start: str, distributions: int) -> Measured:
        """log p(x) by annealing."""
        return self._of("annealed", f"{start}-{distributions}")

    def _of(self, table: str, method: str) -> Measured:
        return self.seeds.measured(lambda one: getattr(one, table).of[method].log_prob, "nats")

    def _difference(self, first: Measured, second: Measured) -> Number:
        """Of the images that both have, which are the first."""
        n = np.arange(min(one.size("image") for one in (first, second)))
        return (first.take("image", n) - second.take("image", n)).mean()

    def all(self) -> tuple[Relation, ...]:
        """Every relation, those that the answer hangs on first."""
        few, many = self.asked.samples, MORE * self.asked.samples
        *_, most = distributions = self.asked.distributions
        best, where = self.best, START_NAMES[self.best]
        longest, annealed, fewest = MORE * most, self.annealed(best, most), distributions[0]
        found: list[Relation] = []

        def add(name: str, said: str, number: Number, published: str = "") -> None:
            found.append(Relation(f"{name}.log-prob", said, number, published))

        for samples in (few, many):
            add(
                f"annealed-minus-importance-{samples}",
                f"annealing by {most:,} distributions from {where} - {samples:,} importance "
                "samples",
                self._difference(annealed, self.importance(samples)),
                "about 1 nat with 10,000 samples and 50 latent dimensions",
            )
        add(
            "simulated.upper-minus-lower",
            f"upper - lower bound on simulated images, {most:,} distributions from the prior",
            self.gap(),
            "below 1 nat with 10 latent dimensions, about 1.5 with 50",
        )
        for start in (best, "prior"):
            for fewer, more in pairwise(distributions):
                add(
                    f"annealed-{start}.{more}-minus-{fewer}",
                    f"annealing from {START_NAMES[start]}, {more:,} - {fewer:,} distributions",
                    self._difference(self.annealed(start, more), self.annealed(start, fewer)),
                )
        add(
            f"annealed.{best}-{fewest}-minus-prior-{most}",
            f"annealing by {fewest:,} distributions from {where} - by {most:,} from the prior",
            self._difference(self.annealed(best, fewest), self.annealed("prior", most)),
            "within 0.15 nats for 100 from the encoder",
        )
        if self.asked.long_images:
            add(
                f"annealed-{best}.{longest}-minus-{most}",
                f"annealing from {where}, {longest:,} - {most:,} distributions",
                self._difference(self._of("annealed_long", f"{best}-{longest}"), annealed),
                "within 0.1 nats for 10,000 and 1,000",
            )
        add(
            f"importance.{many}-minus-{few}",
            f"importance sampling, {many:,} - {few:,} samples",
            self._difference(self.importance(many), self.importance(few)),
            "above zero: the bound rises with the samples",
        )
        if self.has_exact:
            exact = self._of("resampled", "exact")
            for (table, method), said in self._methods().items():
                difference = self._difference(self._of(table, method), exact)
                add(f"{method}-minus-exact", f"{said} - the integral", difference)
        return tuple(found)

    @property
    def has_exact(self) -> bool:
        """Whether the integral is known: with one or two latent dimensions it is."""
        return "exact" in self.seeds.first.resampled.of

    def _methods(self) -> dict[tuple[str, str], str]:
        """Every method by its table and column, in words."""
        samples = (self.asked.samples, MORE * self.asked.samples)
        named = {("resampled", f"importance-{n}"): f"{n:,} importance samples" for n in samples}
        for start in (self.best, "prior"):
            for n in self.asked.distributions:
                said = f"annealing by {n:,} distributions from {START_NAMES[start]}"
                named["annealed", f"{start}-{n}"] = said
        return named

    def alarms(self) -> dict[str, Number]:
        """How many estimates that err are flagged, and how many that do not; {} without truth.

        Importance sampling and annealing taken together.
        """
        if not self.has_exact:
            return {}
        errors, flags = [], []
        for table, method in self._methods():
            for one in self.seeds:
                found, exact = getattr(one, table).of[method], one.resampled.of["exact"].log_prob
                errors.append(np.abs(found.log_prob - exact[: len(found.log_prob)]) > ERROR)
                flags.append(found.flagged > 0)
        wrong, flagged = np.concatenate(errors), np.concatenate(flags)
        return {
            name: counted(flagged[of], "estimates")
            if of.any()
            else undefined("no such estimate", unit="share")
            for name, of in (("flag.sensitivity", wrong), ("flag.false-alarms", ~wrong))
        }

    def gap(self) -> Number:
        """upper - lower bound on log p(x) of the images that each model simulated."""
        return self.seeds.measured(
            lambda one: one.simulated.upper - one.simulated.lower, "nats", images="simulated images"
        ).mean()

    def flagged(self) -> dict[str, Number]:
        """How many of the annealed and of the simulated estimates are flagged."""
        annealed = [e.flagged for one in self.seeds for e in one.annealed.of.values()]
        simulated = self.seeds.pooled(lambda one: one.simulated.flagged)
        return {
            "annealed.flagged": counted(np.concatenate(annealed), "estimates"),
            "simulated.flagged": counted(simulated, "estimates"),
        }

    def numbers(self) -> dict[str, Number]:
        relations = {relation.name: relation.number for relation in self.all()}
        return relations | self.flagged() | self.alarms()
