"""Jobs handed to a Ray cluster as tasks."""

import time
from collections import OrderedDict
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import (
    ActorUnavailableError,
    GetTimeoutError,
    OutOfMemoryError,
    RayError,
    RaySystemError,
    RayTaskError,
)
from ray.util.placement_group import placement_group, remove_placement_group
from ray.util.scheduling_strategies import (
    NodeAffinitySchedulingStrategy,
    PlacementGroupSchedulingStrategy,
)

from tacit.errors import ClusterLost
from tacit.files import Damaged, read_record, write_record
from tacit.images.dataset import Split
from tacit.studies.execution.estimate import memory_of
from tacit.studies.execution.executors.base import Progressed, Said
from tacit.studies.execution.executors.cluster.attendant import Answer, Order, attend
from tacit.studies.execution.executors.cluster.ear import Ear, Message
from tacit.studies.execution.executors.cluster.encoding import Encoding
from tacit.studies.execution.executors.cluster.images import IMAGES, Shipped, forget, ship
from tacit.studies.execution.executors.cluster.nodes import Head, Node, nodes
from tacit.studies.execution.executors.cluster.parcels import Parcel, pack, unpack
from tacit.studies.execution.executors.team import Team
from tacit.studies.execution.job import Job
from tacit.training.run_folder import is_done, remove_leftovers

if TYPE_CHECKING:
    from tacit.training.ranks.joining import Meeting, Seat

RETRIES = 3
"""So often a job is begun again whose node or whose task was lost: not the job's doing."""

PARCELS_KEPT = 64
"""Folders that others need are kept in Ray's store for the next that does."""

SECONDS_TO_LISTEN = 0.2
SECONDS_TO_HEAR = 5.0
SECONDS_BETWEEN_LOOKS = 2.0
SECONDS_WITHOUT_NODES = 60.0
SECONDS_TO_STOP = 45.0


@dataclass
class Task(Said):
    """A task that does one job: a `Worker`.

    Attributes:
        memory: what it is expected to need, in bytes.
        ref: of its answer; None where there can be none.
        node: the id of the node that it runs on, once it has begun.
        lost: how often it was begun in vain.
        told: how much of what it noticed was passed on.
        seat: which rank it is, of a job that several tasks do.
        place: where it is to be, of those that are placed together; None for anywhere.
    """

    job: Job
    out: Path
    number: int
    memory: int
    ref: Any = None
    node: str | None = None
    began: float = field(default_factory=time.monotonic)
    lost: int = 0
    told: int = 0
    answer: Answer | None = None
    where: str = ""
    seat: "Seat | None" = None
    place: Any = None

    @property
    def gone(self) -> bool:
        return self.answer is not None or self.cause is not None

    @property
    def seconds(self) -> float:
        return self.answer.seconds if self.answer else time.monotonic() - self.began

    def take_notice(self, noticed: Sequence[str]) -> None:
        """Of all that it has noticed, what is new."""
        self.noticed += noticed[self.told :]
        self.told = max(self.told, len(noticed))

    def settle(self, progressed: Progressed) -> None:
        if self.answer is None:
            return
        folder = self.out / self.job.folder
        if self.answer.parcel is not None:
            unpack(self.answer.parcel, folder)
        self.take_notice(self.answer.noticed)
        self.finished, self.traceback = self.answer.finished, self.answer.traceback
        self.cause = self.answer.cause
        if self.cause is None and is_done(folder):
            remove_leftovers(folder)
            if self.seat is None or self.seat.rank == 0:
                _say_where(folder, self.where)

    def terminate(self) -> None:
        """It hears that it is to stop from where all of them do (`Cluster.stop`)."""

    def kill(self) -> None:
        ray.cancel(self.ref, force=True)

    def why(self) -> str:
        said = self.cause or (self.answer.end if self.answer else "") or "it said nothing"
        return f"{said} (on {self.where})" if self.where else said


def _say_where(folder: Path, where: str) -> None:
    """Note beside a result on which node it was made, or by how many ranks, and where the first."""
    times = folder / "times.json"
    with suppress(FileNotFoundError, Damaged):
        record = read_record(times)
        told = ", ".join(filter(None, [record.get("where", "").partition(",")[0], where]))
        write_record(times, record | {"where": told}, durable=False)


@dataclass
class PlacedTeam(Team):
    """Tasks that do a job together, in places that Ray keeps for all of them or for none."""

    group: Any = None

    def settle(self, progressed: Progressed) -> None:
        super().settle(progressed)
        remove_placement_group(self.group)


def members_of(workers: Sequence[Task | Team]) -> list[Task]:
    """All tasks."""
    found = [worker.members if isinstance(worker, Team) else (worker,) for worker in workers]
    return [task for each in found for task in each if isinstance(task, Task)]


def cannot(nodes: Collection[Node], *, threads: int, memory: int, gpus: int = 0) -> str | None:
    """Why none of the nodes can ever do a job, if so: Ray would let it wait for ever.

    memory: in bytes.
    """
    most = max((node.memory for node in nodes), default=0)
    cores = max((node.cores for node in nodes), default=0)
    needs = f"it needs about {memory / 2**30:.1f} GiB of memory"
    if memory > most:
        return f"{needs}, and no node of the cluster has more than {most / 2**30:.1f}"
    if threads > cores:
        return f"it has {threads} threads, and no node of the cluster more than {cores:g} cores"
    if not any(n.memory >= memory and n.cores >= threads and n.gpus >= gpus for n in nodes):
        gpu = " and a GPU" if gpus else ""
        return (
            f"{needs}, {threads} cores{gpu} of one node, and no node of the cluster has all of it"
        )
    return None


@dataclass
class Cluster:
    """The nodes of a Ray cluster that this process has joined: an `Executor`.

    Args:
        head: what answers as long as the cluster is there.
        installed: what is installed here, and has to be there.
        device: where runs are trained, "cpu" or "cuda".
        shared: whether every node has the study's folder under the same path.
        at_once: at most so many jobs; None for as many as the cluster has cores for.
        host: by which nodes reach this machine.
    """

    head: Head
    installed: dict[str, str]
    device: str
    shared: bool
    at_once: int | None = None
    host: str = "127.0.0.1"
    seconds_between_states: float = 60.0

    def __post_init__(self) -> None:
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
        ear: Any = ray.remote(Ear)
        self.attend: Any = ray.remote(attend)
        # Where its node is lost it begins again on another: nothing but progress is lost with it.
        self.ear = ear.options(num_cpus=0, max_restarts=-1, scheduling_strategy=here).remote()
        self.hearing = self.ear.hear.remote(SECONDS_TO_HEAR)
        self.nodes = nodes()
        self.looked = time.monotonic()
        self.begun = 0
        self.images: dict[Path, Shipped] = {}
        self.hashes: dict[Path, tuple[str, ...]] = {}
        self.parcels: OrderedDict[Path, Any] = OrderedDict()
        self.served = self.looked

    @property
    def words(self) -> str:
        cores = sum(node.cores for node in self.nodes.values())
        n = len(self.nodes)
        device = "" if self.device == "cpu" else ", runs on GPUs"
        return f"jobs on {n} node{'s' if n > 1 else ''} of a Ray cluster, {cores:g} cores{device}"

    @property
    def encoding(self) -> "Encoding":
        return Encoding(self)

    @cached_property
    def meeting(self) -> "Meeting":
        """Where the ranks of a job find each other."""
        from tacit.training.ranks.joining import Meeting

        return Meeting(self.host)

    def room(self, running: Sequence[Task | Team]) -> int:
        """As many as have cores, and one more a node, which begins when another ends."""
        self.look()
        cores = [node.cores for node in self.nodes.values() if node.alive]
        taken = sum(task.job.task["threads"] for task in members_of(running) if not task.gone)
        free = int(sum(cores)) + len(cores) - taken
        if self.at_once is not None:
            free = min(free, self.at_once - len(running))
        return max(0, free)

    def start(self, job: Job, out: Path) -> Task | Team:
        if job.ranks > 1:
            return self._start_together(job, out)
        self.begun += 1
        task = Task(job, out, self.begun, memory_of(job))
        task.cause = cannot(
            self.nodes.values(),
            threads=job.task["threads"],
            memory=task.memory,
            gpus=self._gpus(job),
        )
        if task.cause is None:
            self._submit(task)
        return task

    def _gpus(self, job: Job) -> int:
        return 1 if job.kind == "train" and self.device != "cpu" else 0

    def _start_together(self, job: Job, out: Path) -> Team:
        """A task for each rank, on as few nodes as have room; none begins before all of them can.

        Where a node is lost, the job is not begun again by itself: the same command goes on.
        """
        memory, threads = memory_of(job), job.task["threads"]
        gpus = self._gpus(job)
        alone = cannot(self.nodes.values(), threads=threads, memory=memory, gpus=gpus)
        cause = alone or self._cannot_together(job, threads, gpus)
        if cause is not None:
            return Team(job, [Task(job, out, 0, memory, cause=cause)])
        bundle = {"CPU": threads, "memory": memory, **({"GPU": 1} if gpus else {})}
        group = placement_group([bundle] * job.ranks, strategy="PACK")
        tasks = []
        for seat in self.meeting.seats(f"{job.id}-{time.monotonic_ns()}", job.ranks):
            self.begun += 1
            place = PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=seat.rank)
            # Ray shows each task its own GPU alone.
            seat = replace(seat, local=0)
            tasks.append(Task(job, out, self.begun, memory, seat=seat, place=place))
            self._submit(tasks[-1])
        return PlacedTeam(job, tasks, group=group)

    def _cannot_together(self, job: Job, threads: int, gpus: int) -> str | None:
        alive = [node for node in self.nodes.values() if node.alive]
        for needed, found, what in (
            (threads, [node.cores for node in alive], "cores"),
            (gpus, [node.gpus for node in alive], "GPUs"),
        ):
            places = sum(int(has // needed) for has in found) if needed else job.ranks
            if places < job.ranks:
                return (
                    f"it has {job.ranks} ranks of {needed} {what} each, and the cluster's nodes "
                    f"have room for {places}"
                )
        return None

    def _submit(self, task: Task) -> None:
        job, out = task.job, task.out
        travels: list[Any] = [None]
        if not self.shared:
            first = task.seat is None or task.seat.rank == 0
            own = pack(out / job.folder) if first else Parcel({})
            travels = [own if own.files else None, *(self._parcel(out / f) for f in job.reads)]
        order = Order(
            job,
            self.device,
            task.number,
            self.ear,
            self.installed,
            out=out.resolve() if self.shared else None,
            sha256=self._sha256(out) if self.shared else (),
            shipped=None if self.shared else self._shipped(out),
            seconds_between_states=self.seconds_between_states,
            seat=task.seat,
        )
        task.node, task.told = None, 0
        task.ref = self.attend.options(
            num_cpus=job.task["threads"],
            num_gpus=self._gpus(job),
            memory=task.memory,
            max_retries=0,  # what is begun again goes on from what came home
            name=job.label,
            scheduling_strategy=task.place or "DEFAULT",
        ).remote(order, *travels)

    def _parcel(self, folder: Path) -> Any:
        """A finished job's folder in Ray's store."""
        if folder not in self.parcels:
            self.parcels[folder] = ray.put(pack(folder))
        self.parcels.move_to_end(folder)
        while len(self.parcels) > PARCELS_KEPT:
            self.parcels.popitem(last=False)
        return self.parcels[folder]

    def _shipped(self, out: Path) -> Shipped:
        if out not in self.images:
            self.images[out] = ship(out)
        return self.images[out]

    def _sha256(self, out: Path) -> tuple[str, ...]:
        if out not in self.hashes:
            names = Split._fields
            records = [read_record(out / IMAGES / f"{name}.json") for name in names]
            self.hashes[out] = tuple(record["sha256"] for record in records)
        return self.hashes[out]

    def listen(self, running: Sequence[Task | Team], progressed: Progressed) -> None:
        """
        Raises:
            ClusterLost: the cluster does not answer any more.
        """
        self.look()
        tasks = members_of(running)
        refs = {task.ref: task for task in tasks if not task.gone}
        if not refs:
            if not running:  # there is no room now
                time.sleep(SECONDS_TO_LISTEN)
            return
        ready, _ = ray.wait([*refs, self.hearing], timeout=SECONDS_TO_LISTEN)
        if ready:  # and whatever else is
            ready, _ = ray.wait([*refs, self.hearing], num_returns=len(refs) + 1, timeout=0)
        if self.hearing in ready:
            ready.remove(self.hearing)
            self._hear({task.number: task for task in tasks}, progressed)
        for ref in ready:
            self._take_answer(refs[ref])

    def _hear(self, by_number: dict[int, Task], progressed: Progressed) -> None:
        heard: list[tuple[int, Message]] = []
        try:
            heard = ray.get(self.hearing)
        except ActorUnavailableError:
            self.look(now=True)
            time.sleep(SECONDS_TO_LISTEN)
        except RayError as error:
            self.head.lost = True
            raise ClusterLost(f"{self.head}: {_first_line(error)}") from None
        self.hearing = self.ear.hear.remote(SECONDS_TO_HEAR)
        for number, (kind, *rest) in heard:
            task = by_number.get(number)
            if task is None or task.gone:
                continue
            if kind == "began":
                task.node, task.began = rest[0], time.monotonic()
            elif kind == "progress":
                progressed(task.job, *rest)
            elif kind == "noticed":
                task.take_notice(rest[0])
            elif kind == "state":
                unpack(rest[0], task.out / task.job.folder)

    def _take_answer(self, task: Task) -> None:
        """Of a task that has ended, how; one whose node was lost begins again elsewhere."""
        try:
            task.answer = ray.get(task.ref)
            task.finished, task.cause = task.answer.finished, task.answer.cause
            task.by_another = task.answer.by_another
            task.where = self.name_of(task.answer.node)
        except OutOfMemoryError:
            task.where = self.name_of(task.node)
            task.cause = "Ray ended it because the node had no memory left"
        except (RayTaskError, RaySystemError) as error:  # what the task itself raised, or lacks
            task.where = self.name_of(task.node)
            task.cause = _first_line(getattr(error, "cause", error))
            task.traceback = str(error)
        except RayError as error:
            task.lost += 1
            self.look(now=True)
            where = self.name_of(task.node) or "a node"
            why = f"{where} was lost with its task ({type(error).__name__})"
            if task.seat is not None:
                task.cause = why
            elif task.lost > RETRIES:
                task.cause = f"{why}, {task.lost} times"
            else:
                task.noticed.append(f"{task.job.label}: {why}: it is begun again")
                self._submit(task)

    def name_of(self, node: str | None) -> str:
        if node is not None and node not in self.nodes:
            self.look(now=True)
        return self.nodes[node].name if node in self.nodes else ""

    def look(self, *, now: bool = False) -> None:
        """Every few seconds, see that the cluster is there, and which nodes it has."""
        if not now and time.monotonic() < self.looked + SECONDS_BETWEEN_LOOKS:
            return
        self.looked = time.monotonic()
        if not self.head.answers():
            return
        found = nodes()
        # Of nodes that are gone, the names are still told.
        self.nodes = {**{i: n.lost() for i, n in self.nodes.items()}, **found}
        if found:
            self.served = self.looked
        elif self.looked > self.served + SECONDS_WITHOUT_NODES:
            raise ClusterLost(f"{self.head} has no node left that has cores for jobs")

    def stop(self, running: Sequence[Task | Team]) -> None:
        """Each is given three quarters of a minute; what they have kept comes home."""
        left = {task.ref: task for task in members_of(running) if not task.gone}
        if not left or self.head.lost:
            return
        try:
            ray.get(self.ear.stop.remote(), timeout=SECONDS_TO_STOP)
            deadline = time.monotonic() + SECONDS_TO_STOP
            while left and time.monotonic() < deadline:
                ready, _ = ray.wait([*left], timeout=SECONDS_TO_LISTEN)
                for ref in ready:
                    task = left.pop(ref)
                    with suppress(RayError):
                        answer = ray.get(ref)
                        if answer.parcel is not None:
                            unpack(answer.parcel, task.out / task.job.folder)
            for ref in left:
                ray.cancel(ref, force=True)
            ray.get(self.ear.go_on.remote(), timeout=SECONDS_TO_STOP)
        except (RayError, GetTimeoutError):
            return  # it is lost, and with it whatever wrote

    def close(self) -> None:
        """Remove what was laid on the nodes."""
        if self.head.lost or not self.images:
            return
        removed = [
            ray.remote(forget)
            .options(num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(id, soft=False))
            .remote(shipped.key)
            for shipped in self.images.values()
            for id, node in self.nodes.items()
            if node.alive
        ]
        with suppress(RayError, GetTimeoutError):
            ray.get(removed, timeout=SECONDS_TO_STOP)


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return f"{type(error).__name__}: {text.splitlines()[0]}"
