"""The executor that the options name, and what is wrong with them."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from typing import Any

from tacit.studies.execution.executors.base import Executor
from tacit.studies.execution.executors.launched import Launch, launched
from tacit.studies.execution.executors.processes import Processes
from tacit.studies.options import How
from tacit.training.devices import device_of


def device_here(how: How) -> tuple[str, list[str]]:
    """The device that this machine computes with, and what is wrong with how jobs are to be done.

    On a cluster, nodes have devices of their own, which `opened` asks for.
    """
    if how.cluster is not None and Launch.found() is not None:
        return "", ["--cluster and torchrun both say where runs are trained; choose one of them"]
    if how.cluster is not None:
        return device_of("auto"), list(_errors_of_cluster(how.cluster))
    launch = Launch.found()
    if launch is not None and how.ranks not in (None, launch.size):
        return "", [
            f"--ranks is {how.ranks}, but torchrun started {launch.size} processes, and each is a "
            "rank; leave --ranks out"
        ]
    errors = ["--shared is about the nodes of a cluster; it needs --cluster"] if how.shared else []
    try:
        return device_of(how.device), errors
    except ValueError as error:
        return "", [*errors, f"--{error}"]


def _errors_of_cluster(address: str) -> Iterator[str]:
    """What can be said of an address without joining it, within seconds."""
    if find_spec("ray") is None:
        yield "--cluster needs Ray, which is not installed: pip install 'tacit[cluster]'"
        return
    if address == "local":
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isascii() and port.isdigit() and 0 < int(port) < 2**16):
        yield (
            f"--cluster is {address!r}; it is local, HOST:PORT of the cluster's head (6379 where "
            "`ray start --head` chose it), or ray://HOST:PORT of its client server"
        )
        return
    from tacit.studies.execution.executors.cluster.nodes import silent

    if why := silent(address):
        yield f"--cluster is {address}, where nobody answers ({why}); is the head running there?"


@contextmanager
def opened(how: How, device: str) -> Iterator[Executor[Any]]:
    """Whoever does the jobs of a command, until the block is left.

    device: of this machine, where runs are trained on it.

    Raises:
        StudyError: a cluster that cannot be used, and why.
    """
    launch = Launch.found()
    if launch is not None:
        with launched(launch, how.at_once, device) as executor:
            yield executor
        return
    if how.cluster is None:
        yield Processes(how.at_once, device)
        return
    from tacit.studies.execution.executors.cluster.own import own_ray

    own = how.cluster == "local"
    with own_ray(how.at_once) if own else nullcontext(how.cluster) as address:
        from tacit.studies.execution.executors.cluster.joining import joined  # imports Ray

        with joined(address, how) as cluster:
            yield cluster
