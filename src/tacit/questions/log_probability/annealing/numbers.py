"""What importance sampling and annealing say of the same images, as differences."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tacit.measures.distances import Floats
from tacit.measures.engine import Measured
from tacit.measures.number import Number, undefined
from tacit.questions.base import Measurement
from tacit.questions.log_probability.annealing.measuring import MORE, Checking

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

    def annealed(self, start: str, distributions: int) -> Floats:
        """log p(x) by annealing, one row per seed, (S, n)."""
        return self.by_seed("annealed", f"{start}-{distributions}.log_prob")

    def _difference(self, first: Floats, second: Floats) -> Number:
        """Of the images that both have, which are the first."""
        n = min(first.shape[1], second.shape[1])
        a, b = (_measured(values[:, :n], "test images") for values in (first, second))
        return (a - b).mean()

    def all(self) -> tuple[Relation, ...]:
        """Every relation, those that the answer hangs on first."""
        few, many = self.checking.samples, MORE * self.checking.samples
        *_, most = distributions = self.checking.distributions
        best, where = self.best, START_NAMES[self.best]
        annealed = self.annealed(best, most)
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
                    self._difference(self.annealed(start, more), self.annealed(start, fewer)),
                )
                for fewer, more in pairwise(distributions)
            ]
        found.append(
            Relation(
                f"annealed.{best}-{distributions[0]}-minus-prior-{most}.log-prob",
                f"annealing by {distributions[0]:,} distributions from {where} - by {most:,} "
                "from the prior",
                self._difference(
                    self.annealed(best, distributions[0]), self.annealed("prior", most)
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
        return (*found, *self._minus_exact())

    @property
    def exact(self) -> Floats | None:
        """log p(x) by quadrature; None with more than two latent dimensions."""
        if "table/resampled/exact.log_prob" not in next(iter(self.measured.values())).arrays:
            return None
        return self.by_seed("resampled", "exact.log_prob")

    def _methods(self) -> dict[tuple[str, str], str]:
        """Every method by its table and column, in words."""
        samples = (self.checking.samples, MORE * self.checking.samples)
        named = {("resampled", f"importance-{n}"): f"{n:,} importance samples" for n in samples}
        for start in (self.best, "prior"):
            for n in self.checking.distributions:
                said = f"annealing by {n:,} distributions from {START_NAMES[start]}"
                named["annealed", f"{start}-{n}"] = said
        return named

    def _minus_exact(self) -> tuple[Relation, ...]:
        exact = self.exact
        if exact is None:
            return ()
        return tuple(
            Relation(
                f"{column}-minus-exact.log-prob",
                f"{said} - the integral",
                self._difference(self.by_seed(table, f"{column}.log_prob"), exact),
            )
            for (table, column), said in self._methods().items()
        )

    def alarms(self) -> dict[str, Number]:
        """How many estimates that err are flagged, and how many that do not; {} without truth.

        Importance sampling and annealing taken together.
        """
        exact = self.exact
        if exact is None:
            return {}
        errors, flags = [], []
        for table, column in self._methods():
            estimates = self.by_seed(table, f"{column}.log_prob")
            errors.append(np.abs(estimates - exact[:, : estimates.shape[1]]).ravel() > ERROR)
            flags.append(self.by_seed(table, f"{column}.flagged").ravel() > 0)
        wrong, flagged = np.concatenate(errors), np.concatenate(flags)
        found = {}
        for name, of in (("flag.sensitivity", wrong), ("flag.false-alarms", ~wrong)):
            n = int(of.sum())
            found[name] = (
                Number(
                    float(flagged[of].mean()),
                    n=n,
                    unit="share",
                    interval=f"a count of {n:,} estimates",
                )
                if n
                else undefined("no such estimate", unit="share")
            )
        return found

    def gap(self) -> Number:
        """upper - lower bound on log p(x) of the images that each model simulated."""
        upper, lower = (self.by_seed("simulated", bound) for bound in ("upper", "lower"))
        return _measured(upper - lower, "simulated images").mean()

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
        relations = {relation.name: relation.number for relation in self.all()}
        return relations | self.flagged() | self.alarms()


def _measured(by_seed: Floats, images: str) -> Measured:
    return Measured.of_seeds(list(by_seed), "nats", names={"image": images})
