"""What was seen while a model learned."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from torch import Tensor


@dataclass(frozen=True)
class Summary:
    """Mean and standard deviation of a per-image term over n images."""

    mean: float
    sd: float
    n: int

    @property
    def standard_error(self) -> float:
        """Of the mean, over images: sd / √n."""
        return self.sd / self.n**0.5


def summarise(terms: dict[str, Tensor]) -> dict[str, Summary]:
    """Summaries of per-image terms, accumulated in float64."""
    summaries = {}
    for name, values in terms.items():
        values = values.double()
        sd = float(values.std()) if len(values) > 1 else 0.0
        summaries[name] = Summary(float(values.mean()), sd, len(values))
    return summaries


@dataclass(frozen=True)
class Evaluation:
    """Train and test terms after an update, on the same images each time."""

    update: int
    epoch: float
    train: dict[str, Summary]
    test: dict[str, Summary]


@dataclass
class History:
    """Losses by update, evaluations, and the updates at which the model was kept.

    Attributes:
        loss: the mean loss of each update's batch, before the update; of long runs the mean over
            every `record_every` updates (`Schedule.record_every`).
        evaluations: in order of updates.
        pending: losses of updates that are not recorded yet.
        snapshots: update numbers.
    """

    loss: list[float] = field(default_factory=list)
    pending: list[float] = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)
    snapshots: list[int] = field(default_factory=list)

    def record(self, loss: float, every: int) -> None:
        """Take in the loss of one more update."""
        self.pending.append(loss)
        if len(self.pending) == every:
            self.loss.append(sum(self.pending) / every)
            self.pending.clear()

    def curve(self, split: str, term: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Updates, means and standard errors of a term, on "train" or "test" images.

        Returns three arrays of one length, empty where the term was not evaluated.
        """
        rows = [
            (e.update, s.mean, s.standard_error)
            for e in self.evaluations
            if (s := getattr(e, split).get(term)) is not None
        ]
        updates, means, errors = np.array(rows, dtype=float).reshape(-1, 3).T
        return updates, means, errors

    def to_json(self) -> dict[str, Any]:
        """Plain data for `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "History":
        """The history that `to_json` gave."""
        evaluations = [
            Evaluation(
                e["update"],
                e["epoch"],
                {name: Summary(**s) for name, s in e["train"].items()},
                {name: Summary(**s) for name, s in e["test"].items()},
            )
            for e in data["evaluations"]
        ]
        return cls(list(data["loss"]), list(data["pending"]), evaluations, list(data["snapshots"]))
