"""What a model can learn from."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Examples(Protocol):
    """Examples of one shape: `tacit.images.dataset.Images`, or other numbers in their form."""

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """Class numbers, (N,); None without labels."""

    def __len__(self) -> int:
        """N."""

    def scaled(self, index: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """What the network reads of the examples at `index`, (n, C, H, W)."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """The examples at `index`, in its order: pixels that are mapped are not copied."""

    images: Examples
    index: NDArray[np.int64]

    @cached_property
    def labels(self) -> NDArray[np.int64] | None:
        """Class numbers, (N,); None without labels."""
        return None if self.images.labels is None else self.images.labels[self.index]

    @cached_property
    def features(self) -> Mapping[str, NDArray[np.float32]]:
        """Those of the chosen examples, as `Images.features`."""
        return {key: known[self.index] for key, known in features_of(self.images).items()}

    def __len__(self) -> int:
        return len(self.index)

    def scaled(self, index: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """What the network reads of the chosen examples at `index`, (n, C, H, W)."""
        return self.images.scaled(self.index[index])


def features_of(images: Examples) -> Mapping[str, NDArray[np.float32]]:
    """What encoders from elsewhere make of examples, by the encoder's key; most have none."""
    found: Mapping[str, NDArray[np.float32]] = getattr(images, "features", {})
    return found
