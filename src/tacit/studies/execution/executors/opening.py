"""The executor that the options name."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tacit.studies.execution.executors.base import Executor
from tacit.studies.execution.executors.processes import Processes
from tacit.studies.options import How


@contextmanager
def opened(how: How, device: str) -> Iterator[Executor[Any]]:
    """Whoever does the jobs of a command, until the block is left.

    device: of this machine, where runs are trained on it.
    """
    yield Processes(how.at_once, device)
