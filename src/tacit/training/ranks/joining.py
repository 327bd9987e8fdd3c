"""How ranks find each other, notice that one is gone, and say why.

PyTorch's groups wait for a rank that is gone for as long as their timeout, which has to be longer
than any rank may be busy; its elastic restart was seen to hang. Every rank says once a second that
it is there; whoever is silent for `SECONDS_SILENT`, or has said why it failed, ends all of them.
"""

import os
import platform
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist

from tacit.training.ranks.ranks import RankLost, Ranks, RanksError

SECONDS_TO_MEET = 120.0
"""So long ranks wait for each other at the beginning."""

SECONDS_BETWEEN_PULSES, SECONDS_SILENT = 1.0, 15.0
SECONDS_TO_LEARN_WHY = 3.0
SECONDS_TO_ANSWER = 5.0

MINUTES_BUSY = 60
"""So long a rank may be at something that the others wait for, as writing a checkpoint."""

LEFT = "left"


@dataclass(frozen=True)
class Seat:
    """One rank's place, as plain data.

    Attributes:
        rank: from 0. size: how many ranks there are.
        host, port: where `Meeting` waits for them. name: of the job, since others meet there too.
        device: which GPU of its machine, where it is on one.
    """

    rank: int
    size: int
    host: str
    port: int
    name: str
    local: int = 0

    def store(self, seconds: float) -> dist.Store:
        """A connection of its own to where ranks meet."""
        store = dist.TCPStore(
            self.host,
            self.port,
            None,
            False,
            timeout=timedelta(seconds=seconds),
            wait_for_workers=False,
        )
        return dist.PrefixStore(self.name, store)


class Meeting:
    """Where ranks of jobs meet, kept by whoever starts them; it closes with its process.

    host: by which they reach this machine.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host = host
        self._store = dist.TCPStore("0.0.0.0", 0, None, True, wait_for_workers=False)

    def seats(self, name: str, size: int) -> list[Seat]:
        """Those of a job's ranks; `name` is new."""
        return [Seat(rank, size, self.host, self._store.port, name, rank) for rank in range(size)]


def check(size: int, device: str, *, local: int | None = None) -> None:
    """See that so many ranks can train on a device of this machine.

    local: how many of them are on this machine; all, where it is not said.

    Raises:
        RanksError: they cannot, and why.
    """
    local = size if local is None else local
    if size == 1:
        return
    if not dist.is_available() or not dist.is_gloo_available():
        raise RanksError(
            f"ranks is {size}, but this build of PyTorch has no process groups (gloo); one rank "
            "trains without"
        )
    if not device.startswith("cuda"):
        return
    n = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not dist.is_nccl_available():
        raise RanksError(f"ranks is {size} on GPUs, but this build of PyTorch has no nccl")
    if local > n:
        raise RanksError(
            f"{local} ranks are to train on GPUs of {platform.node()}, which has {n}: a rank has "
            "one of its own; choose fewer, or --device cpu"
        )


@contextmanager
def joined(
    seat: Seat | None, device: str, ended: Callable[[str], None] = lambda cause: None
) -> Iterator[Ranks]:
    """Take a seat; leaves when the block does. None is alone.

    Args:
        device: "cpu" or "cuda".
        ended: called from a thread with the cause when another rank is gone. What waits for that
            rank may be told so by an exception, or never: end the process, some seconds later.

    Raises:
        RankLost: the others do not come, or one of them is gone.
    """
    if seat is None or seat.size == 1:
        yield Ranks()
        return
    on_gpu = device.startswith("cuda")
    if seat.host == "127.0.0.1" and platform.system() == "Linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    if on_gpu:
        torch.cuda.set_device(torch.device(device))
    try:
        pulse = Pulse(seat, ended)
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if on_gpu else "gloo",
            store=seat.store(SECONDS_TO_MEET),
            rank=seat.rank,
            world_size=seat.size,
            timeout=timedelta(seconds=SECONDS_TO_MEET),
        )
        dist.barrier()  # nccl's connections are made at the first exchange
        dist.distributed_c10d._set_pg_timeout(timedelta(minutes=MINUTES_BUSY))
    except RuntimeError as error:
        raise RankLost(
            f"the {seat.size} ranks did not find each other at {seat.host}:{seat.port} within "
            f"{SECONDS_TO_MEET:g} s ({_first_line(error)})"
        ) from error
    pulse.start()
    try:
        yield Ranks(seat.rank, seat.size, pulse.why)
    except BaseException as error:
        pulse.fail(error)
        raise
    else:
        pulse.leave()
        dist.destroy_process_group()


class Pulse(threading.Thread):
    """Says once a second that this rank is there, and listens for the others.

    The first listens for all, the others for the first, which tells them what it finds.
    """

    def __init__(self, seat: Seat, ended: Callable[[str], None]) -> None:
        super().__init__(name="pulse", daemon=True)
        self.seat, self.ended = seat, ended
        self.store = seat.store(SECONDS_TO_MEET)
        self.cause: str | None = None
        self.known, self.left = threading.Event(), threading.Event()
        self._beat(0)

    def run(self) -> None:
        others = range(1, self.seat.size) if self.seat.rank == 0 else (0,)
        heard = dict.fromkeys(others, ("", time.monotonic()))
        beats = 0
        while not self.left.wait(SECONDS_BETWEEN_PULSES):
            beats += 1
            try:
                self._beat(beats)
                cause = self._failure() or self._silent(heard)
            except RuntimeError as error:
                cause = f"where ranks meet does not answer any more ({_first_line(error)})"
            if cause is not None and not self.left.is_set():
                self._learn(cause)
                self.ended(cause)
                return

    def _beat(self, beats: int) -> None:
        self.store.set(f"pulse/{self.seat.rank}", str(beats))

    def _failure(self) -> str | None:
        return self.store.get("failed").decode() if self.store.check(["failed"]) else None

    def _silent(self, heard: dict[int, tuple[str, float]]) -> str | None:
        for rank, (last, since) in heard.items():
            said = self.store.get(f"pulse/{rank}").decode()
            if said != last or said == LEFT:
                heard[rank] = (said, time.monotonic())
            elif time.monotonic() > since + SECONDS_SILENT:
                return self._tell(
                    f"rank {rank} of {self.seat.size} has not been heard of for "
                    f"{SECONDS_SILENT:g} s"
                )
        return None

    def _tell(self, cause: str) -> str:
        """Say why all of them end; gives what was said first."""
        return self.store.compare_set("failed", "", cause).decode() or cause

    def _learn(self, cause: str) -> None:
        self.cause = self.cause or cause
        self.known.set()

    def why(self, error: Exception) -> str:
        """The cause of an exchange that failed, as soon as it is known."""
        self.known.wait(SECONDS_TO_LEARN_WHY)
        return self.cause or f"another rank ended ({_first_line(error)})"

    def fail(self, error: BaseException) -> None:
        """Tell the others why this rank ends."""
        self.left.set()
        if isinstance(error, RankLost):
            return
        said = f"{type(error).__name__}: {str(error).strip()}".splitlines()[0]
        with suppress(RuntimeError):
            self._tell(f"rank {self.seat.rank} of {self.seat.size}: {said}")

    def leave(self) -> None:
        """Its silence means nothing from now on."""
        self.left.set()
        self.join()
        with suppress(RuntimeError):
            self.store.set(f"pulse/{self.seat.rank}", LEFT)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
