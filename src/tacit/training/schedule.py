"""How long a model trains, in updates, and when it is looked at."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from tacit.models.precision import Precision

RECORDED_LOSSES = 10_000
"""At most so many losses are kept of one run; of a longer one, means over several updates."""


@dataclass(frozen=True)
class Schedule:
    """A number of updates and what happens at which of them.

    Attributes:
        n_images: how many images there are to learn from.
        batch_size: images per update; a set smaller than a batch makes one batch.
        updates: how many updates in all.
        rate, betas, eps: Adam's.
        one_cycle: let the rate rise to `rate` and fall to nothing (Smith 2018); else constant.
        cycle: updates of the whole cycle, where only its first `updates` are made; else 0.
        phases: in place of one rate, rates each with the last update that it holds for.
        evaluate_at: after which updates train and test images are evaluated.
        snapshot_at: after which updates the whole model is kept.
        row_updates, row_rate, row_betas: of parameters that belong to images.
        precision: in what updates take products; images are always evaluated in float32.
    """

    n_images: int
    batch_size: int
    updates: int
    rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    one_cycle: bool = False
    cycle: int = 0
    phases: tuple[tuple[int, float], ...] = ()
    evaluate_at: tuple[int, ...] = ()
    snapshot_at: tuple[int, ...] = ()
    row_updates: int = 1
    row_rate: float = 0.05
    row_betas: tuple[float, float] = (0.9, 0.99)
    precision: Precision = "auto"

    @property
    def record_every(self) -> int:
        """Over how many updates a recorded loss is the mean."""
        return math.ceil(self.updates / RECORDED_LOSSES)

    @property
    def batches_per_epoch(self) -> int:
        """Updates in one pass over the images, the last short batch included."""
        return math.ceil(self.n_images / self.batch_size)

    def epoch_of(self, update: int) -> float:
        """How many passes over the images `update` updates are."""
        return update / self.batches_per_epoch

    def rate_at(self, update: int) -> float:
        """The learning rate of update 1, 2, …"""
        if self.phases:
            return next(rate for last, rate in self.phases if update <= last)
        if not self.one_cycle:
            return self.rate
        updates = self.cycle or self.updates
        warm = max(1, round(0.3 * updates))
        if update <= warm:
            return self.rate * (0.04 + 0.96 * 0.5 * (1 - math.cos(math.pi * update / warm)))
        done = (update - warm) / max(1, updates - warm)
        return self.rate * max(1e-4, 0.5 * (1 + math.cos(math.pi * done)))

    def to_json(self) -> dict[str, Any]:
        """Plain data for `from_json`."""
        # What is at its default stays unsaid, so that jobs of before it was known keep their names.
        unsaid = [("precision", "auto"), ("cycle", 0)]
        return {k: v for k, v in asdict(self).items() if (k, v) not in unsaid}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Schedule":
        """The schedule that `to_json` gave, also after JSON has made its tuples lists."""
        return cls(**{name: _tuples(value) for name, value in data.items()})


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


def evenly(updates: int, points: int) -> tuple[int, ...]:
    """At most `points` updates from 1 to `updates`, evenly spread, the last one included.

    >>> evenly(1000, 4)
    (250, 500, 750, 1000)
    """
    points = min(points, updates)
    return tuple(sorted({round(updates * k / points) for k in range(1, points + 1)} - {0}))
