"""What a question measured, on every seed."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tacit.measures.distances import Floats
from tacit.questions.base import Measurement
from tacit.questions.shared.wider import given_models


@dataclass(frozen=True)
class BySeed:
    """What was measured on one or several seeds, all on the same images.

    Attributes:
        measured: by seed.
    """

    measured: Mapping[int, Measurement]

    @property
    def n_seeds(self) -> int:
        return len(self.measured)

    @property
    def given(self) -> str:
        """What an interval over images takes as given."""
        return given_models(self.n_seeds)

    @property
    def first(self) -> Measurement:
        """The seed whose pictures and single values are shown."""
        return self.measured[min(self.measured)]

    def stacked(self, name: str) -> Floats:
        """An array of every seed, one row each, (S, n)."""
        return np.stack([found.floats(name) for found in self.measured.values()])
