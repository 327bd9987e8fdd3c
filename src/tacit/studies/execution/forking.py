"""The process that workers are forked from: it imports what they need, and computes nothing."""

import multiprocessing
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker
from types import ModuleType
from typing import Any

from tacit.studies.execution.stopping import held_back


def begin() -> Any:
    """Let that process start, unless it did, and import; returns the context that forks from it.

    It goes on by itself: whoever asks for it before importing the same things waits less for the
    first worker. It ends with this process.
    """
    context: Any = multiprocessing.get_context("forkserver")
    # Left to the forking process, starting the tracker would let signals through again.
    resource_tracker.ensure_running()
    if context.get_start_method() == "forkserver":
        context.set_forkserver_preload(["tacit.studies.execution.warm"])
        with held_back():
            forkserver.ensure_running()
    return context


@contextmanager
def without_main() -> Iterator[None]:
    """Processes that are started in the block do not import the program that started them.

    They need nothing of it, and a script that runs a study outside `if __name__ == "__main__"`
    would run it in every worker again.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
