"""What a model can learn from."""

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
