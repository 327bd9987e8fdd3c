"""What a difference is known to over images and over seeds, and the verdict of both together.

Models of several seeds score the same images. Averaged over seeds, per-image numbers say what
other images might give with these models; means per seed say what other seeds might give on these
images. Neither covers the other, so a difference counts only where both intervals exclude zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tacit.measures.formatting import show
from tacit.measures.intervals import decide, mean_t
from tacit.measures.number import Number


def given_models(n_seeds: int) -> str:
    """What an interval over images takes as given."""
    return "this model" if n_seeds == 1 else f"these models of {n_seeds} seeds"


@dataclass(frozen=True)
class Difference:
    """A difference with its interval over images and, with several seeds, the one over seeds."""

    over_images: Number
    over_seeds: Number | None

    @property
    def verdict(self) -> str:
        """ "higher", "lower", "not distinguishable" or "undefined"."""
        verdicts = {decide(n) for n in (self.over_images, self.over_seeds) if n is not None}
        if "undefined" in verdicts:
            return "undefined"
        return verdicts.pop() if len(verdicts) == 1 else "not distinguishable"

    def numbers(self, name: str) -> dict[str, Number]:
        """For results.json: `name`, and with several seeds `name.over-seeds`."""
        both = {name: self.over_images}
        return both if self.over_seeds is None else both | {f"{name}.over-seeds": self.over_seeds}

    def __str__(self) -> str:
        return show(self.over_images, sign=True)


def difference(over_images: Number, per_seed: Sequence[float]) -> Difference:
    """over_images: of numbers averaged over seeds; per_seed: each seed's own difference."""
    several = len(per_seed) > 1
    seeds = mean_t(per_seed, unit=over_images.unit, given="these images") if several else None
    return Difference(over_images, seeds)
