"""Processes that torchrun started: the first runs the study, the others train runs with it.

Every process has a rank, and does its part of a job in a worker process of its own, as at home.
They speak by the store that torchrun has for them, or that the first has where somebody else
started them and set RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT.
"""

import json
import os
import platform
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tacit.studies.execution.executors.base import Progressed, Said
from tacit.studies.execution.executors.processes import Process, Processes, start
from tacit.studies.execution.executors.processes import listen as listen_to
from tacit.studies.execution.executors.team import Team
from tacit.studies.execution.job import Job
from tacit.studies.execution.stopping import asked_to_stop

if TYPE_CHECKING:
    import torch.distributed as dist

SECONDS_TO_MEET = 300.0
SECONDS_BETWEEN_LOOKS = 0.2
NEEDED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
END = "end"


@dataclass(frozen=True)
class Launch:
    """What the environment says of the processes that were started together.

    Attributes:
        rank: of this one. size: of all. local: its number on this machine. locally: how many are.
        host, port: where their store is. hosted: whether somebody else keeps it.
    """

    rank: int
    size: int
    local: int
    locally: int
    host: str
    port: int
    hosted: bool

    @classmethod
    def found(cls, environment: Mapping[str, str] = os.environ) -> "Launch | None":
        """What is there; None where one process alone was started."""
        if not all(environment.get(name) for name in NEEDED):
            return None
        size = int(environment["WORLD_SIZE"])
        if size == 1:
            return None
        return cls(
            int(environment["RANK"]),
            size,
            int(environment.get("LOCAL_RANK", 0)),
            int(environment.get("LOCAL_WORLD_SIZE", 1)),
            environment["MASTER_ADDR"],
            int(environment["MASTER_PORT"]),
            environment.get("TORCHELASTIC_USE_AGENT_STORE") == "True",
        )

    @cached_property
    def store(self) -> "dist.Store":
        """By which the processes speak."""
        import torch.distributed as dist

        from tacit.training.ranks.joining import kept_store, store_at

        if self.rank == 0 and not self.hosted:
            local = self.locally == self.size
            store = kept_store(self.host, self.port, local=local, seconds=SECONDS_TO_MEET)
        else:
            store = store_at(self.host, self.port, SECONDS_TO_MEET)
        return dist.PrefixStore("tacit", store)


@dataclass
class Follower(Said):
    """A rank of a job in another process that was started with this one: a `Member`."""

    job: Job
    store: Any
    order: int
    rank: int
    began: float = field(default_factory=time.monotonic)
    answered: bool = False

    @property
    def gone(self) -> bool:
        if not self.answered and self.store.check([f"answer/{self.order}/{self.rank}"]):
            answer = Said(**json.loads(self.store.get(f"answer/{self.order}/{self.rank}")))
            self.finished, self.cause = answer.finished, answer.cause
            self.traceback, self.by_another = answer.traceback, answer.by_another
            self.answered = True
        return self.answered

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def settle(self, progressed: Progressed) -> None:
        """Nothing of what it does is written."""

    def why(self) -> str:
        return self.cause or "it said nothing"

    def terminate(self) -> None:
        self.store.set(f"stop/{self.order}", "")

    def kill(self) -> None:
        self.store.set(f"kill/{self.order}", "")


class Launched(Processes):
    """Of the first of several processes that were started together: an `Executor`.

    A run that ranks train has all of them; another job is a process of this machine, as at home.
    """

    def __init__(self, launch: Launch, at_once: int, device: str) -> None:
        super().__init__(at_once, device)
        self.launch = launch
        self.orders = 0

    @property
    def words(self) -> str:
        return f"{super().words}, runs by {self.launch.size} ranks"

    def room(self, running: Sequence[Process | Team]) -> int:
        # Whoever follows does one job at a time, and all of them the same.
        alone = not any(isinstance(worker, Team) for worker in running)
        return min(1, super().room(running)) if alone else 0

    def start(self, job: Job, out: Path) -> Process | Team:
        if job.ranks == 1:
            return start(job, out, self.device)
        from tacit.training.ranks.joining import Seat

        launch, number = self.launch, self.orders
        self.orders += 1
        name = f"tacit-{number}"
        seat = Seat(0, launch.size, launch.host, launch.port, name, launch.local)
        first = start(job, out, self.device, seat)
        order = {
            "job": asdict(job),
            "out": str(out.resolve()),
            "device": self.device,
            "seat": asdict(seat),
        }
        launch.store.set(f"order/{number}", json.dumps(order))
        others = [Follower(job, launch.store, number, rank) for rank in range(1, launch.size)]
        return Team(job, [first, *others])

    def end(self) -> None:
        """Nothing more will be ordered."""
        self.launch.store.set(f"order/{self.orders}", json.dumps({END: True}))


@contextmanager
def launched(launch: Launch, at_once: int, device: str) -> Iterator[Launched]:
    """The executor of the first process; the others end when the block is left."""
    executor = Launched(launch, at_once, device)
    try:
        yield executor
    finally:
        executor.end()


def follow(launch: Launch) -> int:
    """Do what the first process orders, until it says that there is nothing more; the exit code."""
    number = 0
    with asked_to_stop() as asked:
        while True:
            try:
                while not launch.store.check([f"order/{number}"]):
                    if asked():
                        return 128 + asked()
                    time.sleep(SECONDS_BETWEEN_LOOKS)
                order = json.loads(launch.store.get(f"order/{number}"))
                if END in order:
                    return 0
                answer = _done(launch, number, order, asked)
                launch.store.set(f"answer/{number}/{launch.rank}", json.dumps(asdict(answer)))
            except RuntimeError:  # whoever keeps the store is gone, and has said why
                return 128 + signal.SIGTERM
            number += 1


def _done(launch: Launch, number: int, order: dict[str, Any], asked: Any) -> Said:
    """How this process's part of a job went."""
    from tacit.training.ranks.joining import Seat

    out = Path(order["out"])
    if not (out / "study.json").exists():
        cause = (
            f"{out} is not there on {platform.node()}; ranks on several machines need --out on a "
            "disk that they share"
        )
        return Said(cause=cause)
    table = order["job"] | {"needs": tuple(order["job"]["needs"])}
    seat = replace(Seat(**order["seat"]), rank=launch.rank, local=launch.local)
    worker = start(Job(**table), out, order["device"], seat)
    stopping = False
    while not worker.gone:
        listen_to([worker], lambda *_: None)
        if not stopping and (asked() or launch.store.check([f"stop/{number}"])):
            stopping = True
            worker.terminate()
        if launch.store.check([f"kill/{number}"]):
            worker.kill()
    worker.settle(lambda *_: None)
    why = None if worker.finished else worker.why()
    return Said(
        finished=worker.finished,
        cause=why,
        traceback=worker.traceback,
        by_another=worker.by_another,
    )
