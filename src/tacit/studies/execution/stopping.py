"""Being asked to stop: SIGINT and SIGTERM, in the process that people start and in its workers."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """The study was asked to stop; what was unfinished has kept its state.

    As KeyboardInterrupt, it is no error, and passes by those who handle errors.
    """

    def __init__(self, signum: int) -> None:
        self.signum = signum
        super().__init__(f"stopped by {signal.Signals(signum).name}")


@contextmanager
def stoppable() -> Iterator[None]:
    """SIGINT and SIGTERM raise `Interrupted`; a second SIGINT ends at once."""

    def stop(signum: int, frame: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Interrupted(signum)

    with _handled(stop):
        yield


@contextmanager
def asked_to_stop() -> Iterator[Callable[[], int]]:
    """Notes SIGINT and SIGTERM instead of dying of them; a second SIGINT ends at once.

    Gives a function that says which signal came; 0 for none.
    """
    asked = 0

    def note(signum: int, frame: object) -> None:
        nonlocal asked
        asked = asked or signum
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with _handled(note):
        yield lambda: asked


@contextmanager
def importing() -> Iterator[None]:
    """Signals to stop are heeded when the block is left; a second SIGINT ends at once.

    An exception in the middle of importing PyTorch aborts the process, with a message of C++.

    Raises:
        Interrupted: where one came.
    """
    with asked_to_stop() as asked:
        yield
    if signum := asked():
        raise Interrupted(signum)


@contextmanager
def _handled(handler: Callable[[int, object], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # Python hands signals to the main thread alone; whoever works there hears of them
        return
    before = {signum: signal.signal(signum, handler) for signum in SIGNALS}
    try:
        yield
    finally:
        for signum, old in before.items():
            signal.signal(signum, old)


@contextmanager
def held_back() -> Iterator[None]:
    """Signals to stop wait until the block is left; a process that it starts never hears of them.

    What a terminal, Slurm or systemd sends, it sends to every process of a group: the process that
    workers are forked from must not die of it, nor a worker before it can keep its state.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def listen_in_worker(on_terminate: Callable[[int, object], None] | None) -> None:
    """In a worker: SIGINT is its parent's affair; on SIGTERM call this, or end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, on_terminate or signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def end_with_parent() -> None:
    """In a worker: end when the process that started it does, however that ended.

    A worker that went on alone would write into a folder that another process may hold by then.
    """
    # A worker has them already, and `tacit --help` starts sooner without.
    from multiprocessing import parent_process
    from multiprocessing.connection import wait

    parent = parent_process()
    if parent is None:
        return
    sentinel = parent.sentinel

    def watch() -> None:
        wait([sentinel])
        os._exit(1)

    if wait([sentinel], timeout=0):
        os._exit(1)
    threading.Thread(target=watch, name="parent", daemon=True).start()
