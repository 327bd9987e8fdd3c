"""What an estimator prints while it learns, and shows in a notebook."""

import time

import numpy as np

from tacit.notebook import Live, bar, in_notebook
from tacit.training.history import History
from tacit.training.schedule import Schedule
from tacit.training.state import State

LINES = 10
"""Printed in a whole fit, where not every epoch has its line."""

SECONDS_BETWEEN = 0.2
"""A bar in a notebook is drawn no more often."""


class Progress:
    """A `tacit.training.state.Checkpointer` that keeps nothing, and prints a line now and then.

    In a notebook a bar stands in their place, unless every epoch is to have its line.

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
        self.told, self.shown = 0, 0.0
        self.live = Live() if in_notebook() and not every_epoch else None

    def resume(self, state: State) -> tuple[int, History]:
        return 0, History()

    def after_update(self, update: int, loss: float, state: State, history: History) -> None:
        last = update == self.schedule.updates
        if self.live is not None:
            if not last and time.monotonic() - self.shown < SECONDS_BETWEEN:
                return
            self.shown = time.monotonic()
        elif update < self.told + self.every and not last:
            return
        recent = history.loss[-max(1, (update - self.told) // self.schedule.record_every) :]
        self.told = update
        self._say(
            f"update {update:,} of {self.schedule.updates:,}, "
            f"epoch {self.schedule.epoch_of(update):.1f}, loss {np.mean(recent or [loss]):.4g}"
        )

    def kept(self, update: int, last: int) -> None:
        """Say after which update training has ended, and which one's weights are kept."""
        self.told = last
        self._say(
            f"ended after update {last:,} of {self.schedule.updates:,}; the loss of rows held out "
            f"was lowest after update {update:,}, whose weights are kept"
        )

    def _say(self, text: str) -> None:
        if self.live is None:
            print(f"{self.name}: {text}", flush=True)
        else:
            self.live.show(bar(f"{self.name}: {text}", self.told / self.schedule.updates))

    def snapshot(self, update: int, state: State) -> None:
        pass
