"""How far a long computation is: told by whoever does it to whoever watches, if anybody does.

A computation goes over its parts by `part_by_part`; a part may go over its own parts likewise, in
another module, and neither knows of the other. Results do not depend on it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class _Stretch:
    """A part of the whole, from one share of it to another."""

    report: Callable[[float], None]
    low: float = 0.0
    high: float = 1.0

    def at(self, share: float) -> float:
        return self.low + share * (self.high - self.low)


_now: ContextVar[_Stretch | None] = ContextVar("tacit progress", default=None)


@contextmanager
def watched(report: Callable[[float], None]) -> Iterator[None]:
    """What is computed in this block tells `report` which share of it is done, from 0 to 1."""
    token = _now.set(_Stretch(report))
    try:
        yield
    finally:
        _now.reset(token)


def tell(share: float) -> None:
    """So much of the part that is being computed is done, from 0 to 1.

    >>> with watched(print):
    ...     tell(0.25)
    0.25
    """
    stretch = _now.get()
    if stretch is not None:
        stretch.report(stretch.at(share))


@contextmanager
def within(low: float, high: float) -> Iterator[None]:
    """What is told in this block is of a part: from the share `low` to `high`, which is told last.

    >>> with watched(print), within(0.5, 1):
    ...     tell(0.5)
    0.75
    1.0
    """
    stretch = _now.get()
    if stretch is None:
        yield
        return
    token = _now.set(_Stretch(stretch.report, stretch.at(low), stretch.at(high)))
    try:
        yield
        tell(1.0)
    finally:
        _now.reset(token)


def part_by_part(items: Sequence[T]) -> Iterator[T]:
    """The items one after another, each an equal part of what is being computed.

    >>> with watched(print):
    ...     for one in part_by_part("ab"):
    ...         tell(0.5)
    0.25
    0.5
    0.75
    1.0
    """
    for k, item in enumerate(items):
        with within(k / len(items), (k + 1) / len(items)):
            yield item
