"""Work on many files at once, with results in order and few of them waiting."""

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_BATCH = 8


def in_order(
    function: Callable[[Item], Result], items: Sequence[Item], *, group: int = _BATCH
) -> Generator[Result, None, None]:
    """`function(item)` for each of `items`, in their order, on all cores.

    Threads, since decoding, resizing and hashing run outside of Python's lock; unlike processes
    they need no guard in a user's script. At most a few groups of `group` items are worked on
    ahead of what was taken, so memory does not grow with the number of items.
    """
    n_workers = min(os.cpu_count() or 1, 16)
    pool = ThreadPoolExecutor(n_workers)
    try:
        ahead: deque[Future[list[Result]]] = deque()
        for start in range(0, len(items), group):
            batch = items[start : start + group]
            ahead.append(pool.submit(lambda batch: [function(item) for item in batch], batch))
            if len(ahead) > n_workers + 2:
                yield from ahead.popleft().result()
        while ahead:
            yield from ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


class AtOnce:
    """Lets threads work on at most `limit` units at once; others wait, and one alone always may."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._used = 0
        self._changed = threading.Condition()

    @contextmanager
    def working_on(self, units: int) -> Iterator[None]:
        """A block that works on so many units; begun when they are free."""
        with self._changed:
            self._changed.wait_for(lambda: not self._used or self._used + units <= self.limit)
            self._used += units
        try:
            yield
        finally:
            with self._changed:
                self._used -= units
                self._changed.notify_all()
