"""A user's array as examples to learn from."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tacit.saved.form import Form


class Rows:
    """Rows of an array with their `Form`, scaled when a batch is taken.

    Attributes:
        labels: class numbers, (n,), or None.
    """

    def __init__(
        self, x: NDArray[Any], form: Form, labels: NDArray[np.int64] | None = None
    ) -> None:
        self.x = x
        self.form = form
        self.labels = labels

    def __len__(self) -> int:
        return len(self.x)

    def scaled(self, index: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """The rows at `index` as a network reads them, (n, C, H, W)."""
        return self.form.to_network(self.x[index], np.float32)


class Featured:
    """Pictures of which features alone are looked at.

    Attributes:
        features: (n, D), by the encoder's key.
        labels: class numbers, (n,).
    """

    def __init__(self, key: str, features: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
        self.features = {key: features}
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)

    def scaled(self, index: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """No pixel of each, (n, 1, 1, 0)."""
        return np.empty((len(index), 1, 1, 0), np.float32)
