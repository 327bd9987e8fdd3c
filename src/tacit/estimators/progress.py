"""What an estimator prints while it learns."""

import numpy as np

from tacit.training.history import History
from tacit.training.schedule import Schedule
from tacit.training.state import State

LINES = 10
"""Printed in a whole fit, where not every epoch has its line."""


class Progress:
    """A `tacit.training.state.Checkpointer` that keeps nothing, and prints a line now and then.

    Args:
        name: of what learns.
        schedule: by which it does.
        every_epoch: a line for every epoch; else about `LINES` in all.
    """

    def __init__(self, name: str, schedule: Schedule, *, every_epoch: bool) -> None:
        self.name = name
        self.schedule = schedule
        self.every = (
            schedule.batches_per_epoch if every_epoch else max(1, schedule.updates // LINES)
        )
        self.told = 0

    def resume(self, state: State) -> tuple[int, History]:
        return 0, History()

    def after_update(self, update: int, loss: float, state: State, history: History) -> None:
        if update < self.told + self.every and update < self.schedule.updates:
            return
        recent = history.loss[-max(1, (update - self.told) // self.schedule.record_every) :]
        self.told = update
        print(
            f"{self.name}: update {update:,} of {self.schedule.updates:,}, "
            f"epoch {self.schedule.epoch_of(update):.1f}, loss {np.mean(recent or [loss]):.4g}",
            flush=True,
        )

    def snapshot(self, update: int, state: State) -> None:
        pass
