"""How ranks find each other, notice that one is gone, and say why.

PyTorch's groups wait for a rank that is gone for as long as their timeout, which has to be longer
than any rank may be busy; its elastic restart was seen to hang. Every rank says once a second that
it is there; whoever is silent for `SECONDS_SILENT`, or has said why it failed, ends all of them.
"""

import errno
import ipaddress
import os
import platform
import socket
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
SECONDS_TO_LEARN_WHY, SECONDS_BETWEEN_LOOKS = 3.0, 0.1
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
        return dist.PrefixStore(self.name, store_at(self.host, self.port, seconds))


def store_at(host: str, port: int, seconds: float) -> dist.TCPStore:
    """A connection to a store that another process keeps, each exchange within so many seconds."""
    wait = timedelta(seconds=seconds)
    return dist.TCPStore(host, port, None, False, timeout=wait, wait_for_workers=False)


def kept_store(host: str, port: int, *, local: bool, seconds: float) -> dist.TCPStore:
    """A store that this process keeps, heard of at this machine's address `host` alone.

    PyTorch's own listens at every address, and whoever reaches it reads and writes.

    Args:
        port: 0 for any that is free.
        local: whether all who are to reach it are on this machine. Where they are not, and `host`
            means this machine itself here, or is no address that it has (a service's that
            forwards), it is heard of at every address.
    """
    address = str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])
    listener = None
    if local or not ipaddress.ip_address(address).is_loopback:
        listener = _listener_at(address, port)
    own = address if listener else "localhost"
    listener = listener or _listener_everywhere(port)
    return dist.TCPStore(
        own,
        listener.getsockname()[1],
        None,
        True,
        timeout=timedelta(seconds=seconds),
        wait_for_workers=False,
        master_listen_fd=listener.detach(),
    )


def _listener_at(address: str, port: int) -> socket.socket | None:
    """What hears at one address; None where it is no address of this machine."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family)
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            return None
        raise


def _listener_everywhere(port: int) -> socket.socket:
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    return socket.create_server(("", port), family=family, dualstack_ipv6=both)


class Meeting:
    """Where ranks of jobs meet, kept by whoever starts them; it closes with its process.

    host: by which they reach this machine.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host = host
        self._store = kept_store(host, 0, local=True, seconds=SECONDS_TO_MEET)

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
        """The cause of an exchange that failed, as soon as it is known.

        It looks by itself: the thread that looks once a second may be late.
        """
        deadline = time.monotonic() + SECONDS_TO_LEARN_WHY
        while not self.known.is_set():
            with suppress(RuntimeError):  # whoever keeps the store is gone
                if (said := self._failure()) is not None:
                    return said
            if time.monotonic() > deadline:
                break
            self.known.wait(SECONDS_BETWEEN_LOOKS)
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
