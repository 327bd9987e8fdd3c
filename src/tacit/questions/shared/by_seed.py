"""What a question measured, on every seed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tacit.measures.distances import Floats
from tacit.measures.engine import Measured
from tacit.questions.base import Measurement


@dataclass(frozen=True)
class BySeed:
    """What was measured on one or several seeds, all on the same images.

    Attributes:
        measured: by seed.
    """

    measured: Mapping[int, Measurement]

    @property
    def first(self) -> Measurement:
        """The seed whose pictures and single values are shown."""
        return self.measured[min(self.measured)]

    def stacked(self, name: str) -> Floats:
        """An array of every seed, one row each, (S, n)."""
        return np.stack([found.floats(name) for found in self.measured.values()])

    def of(
        self,
        name: str,
        unit: str = "",
        factors: tuple[str, ...] = ("image",),
        images: str = "test images",
        **said: Any,
    ) -> Measured:
        """An array of every seed, with its factors named, by default one value per test image."""
        arrays = [found.arrays[name] for found in self.measured.values()]
        return Measured.of_seeds(arrays, unit, factors, names={"image": images}, **said)
