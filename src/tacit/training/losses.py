"""Losses that a device still computes: to read one is to wait for all that it was asked before."""

import time

import torch
from torch import Tensor

MOST_UNREAD = 50
"""At most so many losses of a GPU stay unread."""

SECONDS_UNREAD = 0.25
"""For about so long, so that a request to stop, which is asked for at a reading, is heard soon."""


class Unread:
    """Losses in order of their updates, read one by one on a CPU and several at a time on a GPU.

    A GPU works while the next update is being asked of it; a loss that is read after every update
    makes both wait for each other. Several ranks read each `at_once`: what they do at a reading
    they do together, and their paces differ.
    """

    def __init__(self, device: torch.device, *, at_once: bool = False) -> None:
        self._losses: dict[int, Tensor] = {}
        self._limit = 1 if at_once or device.type == "cpu" else MOST_UNREAD
        self._most = 1  # of unknown pace at first
        self._began = 0.0

    def add(self, update: int, loss: Tensor) -> None:
        """Take in the loss of an update, (), without waiting for it."""
        if not self._losses:
            self._began = time.monotonic()
        self._losses[update] = loss

    @property
    def due(self) -> bool:
        """Whether it is time to read."""
        return len(self._losses) >= self._most

    def read(self) -> list[tuple[int, float]]:
        """Updates and their losses since the last reading, in order."""
        losses = list(self._losses.values())
        # One is read as it is: a CPU does that after every update.
        values = torch.stack(losses).tolist() if len(losses) > 1 else [losses[0].item()]
        read = list(zip(self._losses, values, strict=True))
        self._losses.clear()
        pace = (time.monotonic() - self._began) / len(read)
        self._most = max(1, min(self._limit, int(SECONDS_UNREAD / max(pace, 1e-9))))
        return read
