"""To a Ray cluster and away from it, with everything that can be wrong said before any work."""

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from tacit.studies.description.errors import StudyError
from tacit.studies.execution.executors.cluster.executor import Cluster
from tacit.studies.execution.executors.cluster.installed import differences, installed
from tacit.studies.execution.executors.cluster.nodes import Head, Node, nodes
from tacit.studies.execution.stopping import SIGNALS
from tacit.studies.options import How

SECONDS_TO_LOOK_AT_NODES = 60.0


@contextmanager
def joined(address: str, how: How) -> Iterator[Cluster]:
    """The cluster at an address as one that does jobs, until the block is left.

    Raises:
        StudyError: there is none, or its nodes are not fit; all that is wrong.
    """
    own = how.cluster == "local"
    _connect(address)
    try:
        found, ours = nodes(), installed()
        errors = [] if own else list(_unfit(found, ours))
        on_gpus = any(node.gpus for node in found.values())
        device = how.device if how.device != "auto" else "cuda" if on_gpus else "cpu"
        if device != "cpu" and not on_gpus:
            errors.append(f"--device is {device}, and no node of the cluster has a GPU")
        if not found:
            errors.append("no node of the cluster has cores for jobs")
        if errors:
            raise StudyError(f"--cluster {how.cluster}", errors)
        cluster = Cluster(
            Head(address),
            ours,
            device,
            shared=own or how.shared,
            at_once=None if own else how.jobs,
            host="127.0.0.1" if own else ray.util.get_node_ip_address(),
        )
        try:
            yield cluster
        finally:
            cluster.close()
    finally:
        ray.shutdown()


def _connect(address: str) -> None:
    # Ray takes SIGTERM for itself; here it means what it means at home.
    before = {signum: signal.getsignal(signum) for signum in SIGNALS}
    heard_here = threading.current_thread() is threading.main_thread()
    try:
        with _hushed():
            ray.init(address, log_to_driver=False, logging_level=logging.CRITICAL)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError, ImportError) as error:
        token = "; a cluster that asks for a token is shown yours with RAY_AUTH_MODE=token"
        hint = token if isinstance(error, ConnectionError) else ""
        raise StudyError(f"--cluster {address}", [_said(error) + hint]) from None
    finally:
        for signum, handler in before.items():
            if heard_here:
                signal.signal(signum, handler)


@contextmanager
def _hushed() -> Iterator[None]:
    """Ray's libraries speak to the error stream, past Python; what matters is raised as well."""
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def _said(error: Exception) -> str:
    """What Ray says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _unfit(found: dict[str, Node], ours: dict[str, str]) -> Iterator[str]:
    """What is wrong with nodes, all of them looked at at once."""

    # Of no module, it travels whole: tacit may not be there.
    look = FunctionType(installed.__code__, {"__builtins__": __builtins__})
    asked: dict[str, Any] = {
        node: ray.remote(look)
        .options(num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False))
        .remote()
        for node in found
    }
    for node, ref in asked.items():
        try:
            theirs = ray.get(ref, timeout=SECONDS_TO_LOOK_AT_NODES)
        except (RayError, GetTimeoutError) as error:
            yield f"node {found[node].name} does not answer: {_said(error)[:200]}"
            continue
        for difference in differences(ours, theirs):
            yield f"node {found[node].name}: {difference}"
