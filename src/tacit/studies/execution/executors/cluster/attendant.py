"""What a task does on a node: it has one job done by a process, as at home, and says how that goes.

The process is a child of Ray's own, so that a job is stopped, killed and told of as it is at home,
and Ray's workers import next to nothing.
"""

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import ActorUnavailableError

from tacit.studies.execution.executors import processes
from tacit.studies.execution.executors.base import Said
from tacit.studies.execution.executors.cluster.ear import Message
from tacit.studies.execution.executors.cluster.installed import differences, installed
from tacit.studies.execution.executors.cluster.parcels import Parcel, pack, state, unpack
from tacit.studies.execution.job import Job

if TYPE_CHECKING:
    from tacit.studies.execution.executors.cluster.images import Shipped
    from tacit.training.ranks.joining import Seat

SECONDS_BETWEEN_WORDS = 0.25
"""So often a task says how it gets on and asks whether it is to stop; a shorter one never does."""

SECONDS_BETWEEN_STATES = 60.0
"""What a running job has kept is sent home at most so often."""

SECONDS_TO_KEEP = 30.0


@dataclass(frozen=True)
class Order:
    """One job to be done on a node.

    Attributes:
        number: whom messages are from.
        ear: the actor that they go to.
        installed: what is installed at home.
        out: the study's folder, where disks are shared; else everything travels.
        sha256: of the images. shipped: the images, where disks are not shared.
        seconds_between_states: see `SECONDS_BETWEEN_STATES`.
        seat: which rank this is, of a job that several tasks do.
    """

    job: Job
    device: str
    number: int
    ear: Any
    installed: Mapping[str, str]
    out: Path | None = None
    sha256: tuple[str, ...] = ()
    shipped: "Shipped | None" = None
    seconds_between_states: float = SECONDS_BETWEEN_STATES
    seat: "Seat | None" = None


@dataclass
class Answer(Said):
    """How a job went, with all that was noticed.

    Attributes:
        node: where. seconds: how long it took there.
        end: how the process ended that said nothing.
        parcel: what is in its folder, where disks are not shared.
    """

    node: str
    end: str = ""
    seconds: float = 0.0
    parcel: Parcel | None = None


_leaving: list[BaseProcess] = []
"""Processes that have done their jobs and are on their way out."""


def attend(order: Order, own: Parcel | None, *needed: Parcel) -> Answer:
    """Have a job done, and say how it went.

    Args:
        own: what is in the job's folder already. needed: the folders of the jobs that it reads, in
            the order of `Job.reads`; of both nothing where disks are shared.
    """
    node = ray.get_runtime_context().get_node_id()
    if unlike := "; ".join(differences(order.installed, _installed())):
        return Answer(node, cause=unlike)
    _leaving[:] = [process for process in _leaving if process.exitcode is None]
    from tacit.studies.execution.executors.cluster.images import Elsewhere

    try:
        with _place(order, own, needed) as out:
            return _done_by_a_process(order, out, node)
    except Elsewhere as error:
        return Answer(node, cause=str(error))


@cache
def _installed() -> dict[str, str]:
    return installed()


@dataclass
class _Line:
    """From a task to the ear; nobody waits at it.

    A task that waits for an answer of Ray's counts as idle: Ray gives its core to another.

    Attributes:
        stopping: whether the task is to stop, as where nobody hears any more.
    """

    order: Order
    stopping: bool = False

    def say(self, said: list[Message]) -> None:
        """Say what there is to say; what is answered is known a moment later."""
        answer = self.order.ear.tell.remote(self.order.number, said)
        answer.future().add_done_callback(self._answered)

    def _answered(self, answer: "Future[bool]") -> None:
        error = answer.exception()
        if isinstance(error, ActorUnavailableError):
            return  # it begins again
        self.stopping = self.stopping or error is not None or answer.result()


@contextmanager
def _place(order: Order, own: Parcel | None, needed: Sequence[Parcel]) -> Iterator[Path]:
    """The study's folder, or one that looks like it to this job."""
    from tacit.studies.execution.executors.cluster.images import check_shared, laid

    if order.shipped is None:
        assert order.out is not None
        check_shared(order.out, order.sha256)
        yield order.out
        return
    with tempfile.TemporaryDirectory(prefix="tacit-job-", ignore_cleanup_errors=True) as place:
        out = Path(place)
        for folder, parcel in zip(order.job.reads, needed, strict=True):
            unpack(parcel, out / folder)
        if own is not None:
            unpack(own, out / order.job.folder)
        with laid(order.shipped, out):
            yield out


def _done_by_a_process(order: Order, out: Path, node: str) -> Answer:
    travels, folder = order.shipped is not None, out / order.job.folder
    line = _Line(order)
    said: dict[str, Message] = {"began": ("began", node)}
    noticed: list[str] = []

    def progressed(job: Job, *where: Any) -> None:
        said["progress"] = ("progress", *where)

    worker = processes.start(order.job, out, order.device, order.seat)
    kept, asked = state(folder), False
    spoke = sent = time.monotonic()
    deadline = float("inf")
    while not (worker.gone or worker.finished):
        processes.listen([worker], progressed)
        now = time.monotonic()
        if worker.noticed:
            noticed += worker.noticed
            said["noticed"] = ("noticed", list(noticed))
            worker.noticed.clear()
        if travels and now - sent > order.seconds_between_states and state(folder) != kept:
            sent, kept = now, state(folder)
            if (parcel := _packed(folder)) is not None:
                said["state"] = ("state", parcel)
        if now - spoke > SECONDS_BETWEEN_WORDS:
            spoke = now
            line.say(list(said.values()))
            said.clear()
        if line.stopping and not asked:
            asked, deadline = True, now + SECONDS_TO_KEEP
            worker.process.terminate()
        if now > deadline:
            worker.process.kill()
    if worker.finished:
        _leaving.append(worker.process)
    else:
        worker.settle(progressed)
    noticed += worker.noticed
    return Answer(
        node,
        "" if worker.finished else worker.why(),
        worker.seconds,
        pack(folder) if travels else None,
        finished=worker.finished,
        cause=None if asked else worker.cause,
        traceback=worker.traceback,
        by_another=worker.by_another,
        noticed=noticed,
    )


def _packed(folder: Path) -> Parcel | None:
    """The folder, unless the job changed it meanwhile: the next time will do."""
    try:
        return pack(folder)
    except FileNotFoundError:
        return None
