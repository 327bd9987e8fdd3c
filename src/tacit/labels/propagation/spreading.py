"""How labels are spread over a graph: what a kind of propagation is, and what it is given."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tacit.labels.draws import Labelled
from tacit.labels.propagation.laplacian import System


@dataclass(frozen=True)
class Spreading:
    """A kind of propagation. A new one is a file beside this one, and its name in `KINDS`.

    Attributes:
        name: of `propagate`'s argument.
        solve: from the graph and some trials to scores in its order, (n, trials · classes).
        takes_shares: whether it uses the classes' shares of the images, and a slack in them.
    """

    name: str
    solve: Callable[[System, "Trials"], Tensor]
    takes_shares: bool = False


class Trials:
    """Labels of several trials, and where they stand in a matrix of (n, trials · classes).

    Args:
        labelled: the trials. n: images. n_classes: C.
        shares: of the classes in every trial, (T, C).
        slack: by what part of itself a class's share may differ from that.
    """

    def __init__(
        self,
        labelled: Sequence[Labelled],
        n: int,
        n_classes: int,
        shares: NDArray[np.float64],
        slack: float,
    ) -> None:
        self.shape = (n, len(labelled), n_classes)
        self.shares, self.slack = shares, slack
        rows = [torch.from_numpy(np.asarray(trial.index, np.int64)) for trial in labelled]
        self.rows = torch.cat(rows)
        self.trial = torch.repeat_interleave(torch.tensor([len(row) for row in rows]))
        onehot = [
            torch.eye(n_classes, dtype=torch.float32)[torch.from_numpy(np.asarray(t.y))]
            for t in labelled
        ]
        self.onehot = torch.cat(onehot)
        self.sources = torch.cat([rows - rows.mean(dim=0) for rows in onehot])
        self.present = np.stack([rows.sum(dim=0).numpy() > 0 for rows in onehot])

    def put(self, u: Tensor, values: Tensor | float) -> Tensor:
        """Write rows of classes at each trial's labelled images, in place."""
        u.view(self.shape)[self.rows, self.trial] = torch.as_tensor(values)
        return u

    def zeros(self) -> Tensor:
        return torch.zeros(self.shape[0], self.shape[1] * self.shape[2], dtype=torch.float32)
