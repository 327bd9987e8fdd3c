"""The nodes of a Ray cluster, and whether it answers."""

import socket
import time
from dataclasses import dataclass, field, replace

import ray

from tacit.errors import ClusterLost

SECONDS_TO_ANSWER = 10.0
"""A head that has not answered for so long is gone."""

SECONDS_TO_CONNECT = 5.0


@dataclass(frozen=True)
class Node:
    """What a node has; `memory` is in bytes."""

    name: str
    cores: float
    memory: float
    gpus: float
    alive: bool = True

    def lost(self) -> "Node":
        """The same, which is gone."""
        return replace(self, alive=False)


def nodes() -> dict[str, Node]:
    """Those that are alive and have cores, by their ids."""
    found = {}
    for node in ray.nodes():
        has = node["Resources"]
        if not node["Alive"] or not has.get("CPU"):
            continue
        name, address = node.get("NodeName") or "", node["NodeManagerAddress"]
        found[node["NodeID"]] = Node(
            node["NodeManagerHostname"] if name in ("", address) else name,
            has["CPU"],
            has.get("memory", 0),
            has.get("GPU", 0),
        )
    return found


@dataclass
class Head:
    """The address at which a cluster answers. `lost` once it does no more."""

    address: str
    lost: bool = False
    answered: float = field(default_factory=time.monotonic)

    def __str__(self) -> str:
        return f"the Ray cluster at {self.address}"

    def answers(self) -> bool:
        """Whether it does now.

        Raises:
            ClusterLost: it has not for `SECONDS_TO_ANSWER`.
        """
        if silent(self.address) is None:
            self.answered = time.monotonic()
            return True
        if time.monotonic() > self.answered + SECONDS_TO_ANSWER:
            self.lost = True
            raise ClusterLost(f"{self} does not answer any more")
        return False


def silent(address: str, seconds: float = SECONDS_TO_CONNECT) -> str | None:
    """Why nobody answers at HOST:PORT (or ray://HOST:PORT); None where somebody does."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host, int(port)), seconds).close()
    except OSError as error:
        return error.strerror or str(error)
    except ValueError as error:  # no name that a host can have
        return str(error)
    return None
