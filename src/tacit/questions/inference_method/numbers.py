"""Numbers of inference: what encoder, own codes and refined codes differ by."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tacit.evidence.refine import TOLERANCE
from tacit.measures.distances import Floats
from tacit.measures.formatting import percent, significant
from tacit.measures.intervals import bootstrap_mean, paired, proportion
from tacit.measures.number import Number
from tacit.questions.shared.by_seed import BySeed
from tacit.questions.shared.wider import wider
from tacit.streams import numpy_stream

OVER = {"train": "training images", "test": "test images"}
MOSTLY_CONVERGED = 0.95


@dataclass(frozen=True)
class Inferred(BySeed):
    """As `BySeed`.

    Attributes:
        amortized: the run with an encoder. per_image: those without.
    """

    amortized: str
    per_image: tuple[str, ...]

    def by_seed(self, split: str, run: str, column: str) -> Floats:
        """One row per seed, (S, n)."""
        return self.stacked(f"table/{split}/{run}.{column}")

    def value(self, run: str, key: str) -> float:
        """A setting of a run."""
        return self.first.values[f"{run}/{key}"]

    def average(self, split: str, run: str, column: str) -> Number:
        """The mean of a column."""
        values = self.by_seed(split, run, column)
        over_images = bootstrap_mean(
            values.mean(axis=0),
            numpy_stream(0, "bootstrap", split),
            over=OVER[split],
            unit=_unit(column),
            given=self.given,
        )
        return wider(over_images, values.mean(axis=1))

    def contrast(self, split: str, first: tuple[str, str], second: tuple[str, str]) -> Number:
        """first - second, each a (run, column), paired over images and over seeds."""
        a, b = self.by_seed(split, *first), self.by_seed(split, *second)
        over_images = paired(
            a.mean(axis=0),
            b.mean(axis=0),
            over=OVER[split],
            unit=_unit(first[1]),
            given=self.given,
        )
        return wider(over_images, (a - b).mean(axis=1))

    def encoder_minus_own(self, run: str, column: str = "elbo") -> Number:
        """As trained: the encoder's codes against the per-image run's own, training images."""
        return self.contrast("train", (self.amortized, column), (run, column))

    def unfinished(self, run: str) -> Number:
        """What refinement adds to a run's own codes, against its own decoder, training images."""
        return self.contrast("train", (run, "refined_elbo"), (run, "elbo"))

    def decoder(self, run: str, split: str) -> Number:
        """Both refined alike: the amortised run's decoder against the per-image run's."""
        return self.contrast(split, (self.amortized, "refined_elbo"), (run, "refined_elbo"))

    def missed(self, split: str) -> Number:
        """What refinement finds beyond the encoder, against the encoder's own decoder."""
        return self.contrast(split, (self.amortized, "refined_elbo"), (self.amortized, "elbo"))

    def curve(self, run: str, split: str) -> tuple[Floats, Floats] | None:
        """Epochs, (E,), and each seed's ELBO, (S, E), of a run; None where not evaluated."""
        name = f"curve/{run}/{split}"
        if f"{name}/epoch" not in self.first.arrays:
            return None
        return self.first.floats(f"{name}/epoch"), self.stacked(f"{name}/elbo")

    def rise(self, run: str) -> float | None:
        """By how much the training ELBO rose in the last fifth of the epochs; None if unknown."""
        curve = self.curve(run, "train")
        if curve is None:
            return None
        epochs, values = curve
        before = np.flatnonzero(epochs <= 0.8 * epochs[-1])
        return float((values[:, -1] - values[:, before[-1]]).mean()) if len(before) else None

    def share_encoder_worse(self, run: str, column: str = "elbo") -> Number:
        """The share of training images for which the encoder's code is the worse one."""
        a = self.by_seed("train", self.amortized, column).mean(axis=0)
        b = self.by_seed("train", run, column).mean(axis=0)
        worse = a > b if column.endswith("squared_error") else a < b
        return proportion(worse, over="training images", given=self.given)

    @property
    def runs(self) -> tuple[str, ...]:
        return (self.amortized, *self.per_image)

    def refinements(self, column: str) -> Floats:
        """A diagnostic of all refinements of all runs, flat."""
        return np.concatenate(
            [self.by_seed(split, run, column).ravel() for split in OVER for run in self.runs]
        )

    @cached_property
    def converged(self) -> float:
        """The share of refinements that were found to lack no more than they may."""
        return float(self.refinements("converged").mean())

    @property
    def missing(self) -> float:
        """What a refined code lacks of the optimum in reach, at most, nats: the median."""
        return float(np.median(self.refinements("missing")))

    def updates(self, run: str) -> float:
        """How often a training image's own code was updated."""
        return self.value(run, "visits") * self.value(run, "epochs")

    def described(self, run: str) -> str:
        """A per-image run in a few words."""
        visits, start = self.value(run, "visits"), self.value(run, "mean-std")
        each = "1 update" if visits == 1 else f"{visits:.0f} updates"
        small = "" if start == 1 else f", means begun at N(0, {start:g}²)"
        return f"{each} per visit, {self.updates(run):.0f} in all{small}"

    def caveats(self) -> tuple[str, ...]:
        """What a reader must know."""
        said = [
            "The per-image VAE has no codes for test images; theirs, and every refined code, come "
            "from the same optimisation from the prior against the frozen decoder.",
            "By slope and curvature of their bounds, refined codes lack at most "
            f"{significant(self.missing, 2)} nats of the best diagonal Gaussian in reach at the "
            "median.",
            "Another optimum, out of reach, may be better; images whose refinement went astray "
            "count as the decoder's fault.",
        ]
        if self.converged < MOSTLY_CONVERGED:
            said.append(
                f"Only {percent(self.converged)} of the refinements were found to lack at most "
                f"{TOLERANCE:g} nats; more steps would raise the bound of the others."
            )
        for key, what in (
            ("epochs", "trained for different numbers of epochs"),
            ("beta", "have different β"),
        ):
            values = {run: self.value(run, key) for run in self.runs}
            if len(set(values.values())) > 1:
                listed = ", ".join(f"{run} {value:g}" for run, value in values.items())
                said.append(f"The runs {what} ({listed}); they differ in more than inference.")
        if self.n_seeds == 1:
            said.append("One seed: every interval is over images, given these models.")
        return tuple(said)


def _unit(column: str) -> str:
    return "" if column.endswith("squared_error") else "nats"


def numbers_of(found: Inferred) -> dict[str, Number]:
    """All numbers, the important ones first."""
    numbers: dict[str, Number] = {}
    for run in found.per_image:
        numbers[f"{run}.encoder-minus-own.elbo"] = found.encoder_minus_own(run)
        numbers[f"{run}.not-finished.elbo"] = found.unfinished(run)
        for split in OVER:
            numbers[f"{run}.decoder.{split}.elbo"] = found.decoder(run, split)
        numbers[f"{run}.encoder-worse.elbo"] = found.share_encoder_worse(run)
        error = "squared_error"
        numbers[f"{run}.encoder-minus-own.squared-error"] = found.encoder_minus_own(run, error)
        numbers[f"{run}.encoder-worse.squared-error"] = found.share_encoder_worse(run, error)
    for split in OVER:
        numbers[f"encoder-misses.{split}.elbo"] = found.missed(split)
    numbers["refinements-converged"] = Number(
        found.converged, unit="share", interval="a count of refinements"
    )
    numbers["refinements-missing.median"] = Number(
        found.missing, unit="nats", interval="an upper estimate, from slope and curvature"
    )
    return numbers
