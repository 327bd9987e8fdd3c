"""Several workers that do one job together, a rank each: a `Worker` as any other."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tacit.studies.execution.executors.base import Progressed, Worker
from tacit.studies.execution.job import Job

SECONDS_TO_END = 5.0
"""So long the other ranks may take to notice that one is gone; then they are ended."""


class Member(Worker, Protocol):
    """A worker that can be asked to end, and says whether it failed because another rank did."""

    by_another: bool

    def terminate(self) -> None:
        """Ask it to keep its state and end."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...


@dataclass
class Team:
    """The ranks of one job, the first of which reads, writes and speaks.

    Where one fails, all of them end: within `SECONDS_TO_END`, whatever they wait for.
    """

    job: Job
    members: Sequence[Member]
    failed: float = float("inf")
    known: str | None = None

    @property
    def first(self) -> Member:
        return self.members[0]

    @property
    def gone(self) -> bool:
        left = [member for member in self.members if not member.gone]
        if not (left and self._failed()):
            self.failed = float("inf")  # one that was gone had only not been listened to
            return not left
        now = time.monotonic()
        self.failed = min(self.failed, now)
        if now < self.failed + SECONDS_TO_END:
            return False
        self.known = self.cause  # before those that are ended have one of their own
        for member in left:
            member.kill()
        return True

    def _failed(self) -> list[Member]:
        return [m for m in self.members if m.cause or (m.gone and not m.finished)]

    @property
    def finished(self) -> bool:
        return all(member.finished for member in self.members)

    @property
    def cause(self) -> str | None:
        """That of the rank that failed by itself, where one did."""
        if self.known is not None:
            return self.known
        errors = self._failed()
        own = [member for member in errors if not member.by_another]
        if not own:
            return errors[0].why() if errors else None
        number = next(i for i, member in enumerate(self.members) if member is own[0])
        size = len(self.members)
        of_all = number == 0 or len(own) == size
        return own[0].why() if of_all else f"rank {number} of {size}: {own[0].why()}"

    @property
    def traceback(self) -> str:
        return next((m.traceback for m in self.members if m.traceback), "")

    @property
    def noticed(self) -> list[str]:
        return self.first.noticed

    @property
    def seconds(self) -> float:
        return self.first.seconds

    def settle(self, progressed: Progressed) -> None:
        for member in self.members:
            member.settle(progressed)

    def why(self) -> str:
        return self.cause or self.first.why()

    def terminate(self) -> None:
        for member in self.members:
            member.terminate()

    def kill(self) -> None:
        for member in self.members:
            member.kill()
