"""Two ways to do the same work, in turns, each in a process of its own, and what became of them.

A side is a process that prepares a round, is told to go, and says how long that took. Sides of a
pair wait for each other, so that neither meets the other's load; the order within a round changes
from round to round. What counts is the ratio of each round: a slow moment of the machine meets
both of its halves.
"""

import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, fields
from multiprocessing.connection import Connection
from typing import Any, Literal

Numbers = dict[str, float]
Work = Callable[[], Numbers]
Maker = Callable[..., Callable[[], Work]]
"""Called in the side's process: returns what prepares a round, which returns the timed work."""

Clock = Literal["processor", "wall"]


@dataclass(frozen=True)
class Round:
    """Seconds of one round by both clocks, and what the work told of itself."""

    processor: float
    wall: float
    numbers: Numbers

    def seconds(self, clock: Clock) -> float:
        """Processor time, which other programs do not count in, or time on the wall."""
        return self.numbers.get("seconds", getattr(self, clock))


class Side:
    """A process for one way to do the work.

    make, arguments: as of `Maker`; both reach the process by pickling. path: folders that the
    process looks for modules in as well. threads: of its linear algebra.
    """

    def __init__(
        self, make: Maker, *arguments: Any, path: tuple[str, ...] = (), threads: int = 1
    ) -> None:
        before = os.environ.get("OMP_NUM_THREADS")
        os.environ["OMP_NUM_THREADS"] = str(threads)
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, make, arguments, path), daemon=True
        )
        self._process.start()
        theirs.close()
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before

    def round(self) -> Round:
        """One round of the work; raises what the process raised."""
        self._connection.send("go")
        try:
            answer = self._connection.recv()
        except EOFError:
            self._process.join()
            raise RuntimeError(f"a side ended with exit code {self._process.exitcode}") from None
        if isinstance(answer, str):
            raise RuntimeError(f"a side failed:\n{answer}")
        return Round(*answer)

    def __enter__(self) -> "Side":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._process.join()


def _serve(connection: Connection, make: Maker, arguments: tuple[Any, ...], path: Any) -> None:
    sys.path[:0] = path
    try:
        prepare = make(*arguments)
        while connection.recv() == "go":
            work = prepare()
            wall, processor = time.perf_counter(), time.process_time()
            numbers = work()
            connection.send((time.process_time() - processor, time.perf_counter() - wall, numbers))
    except EOFError:
        return
    except Exception:
        import traceback

        connection.send(traceback.format_exc())


def sleeping(seconds: float) -> Callable[[], Work]:
    """Work that takes so long on the wall and nothing else: to test the harness itself."""

    def work() -> Numbers:
        time.sleep(seconds)
        return {"slept": seconds}

    return lambda: work


def in_turns(
    sides: dict[str, Side], rounds: int, *, warm_up: bool = True
) -> dict[str, list[Round]]:
    """Each side's rounds; a first one that warms up is not counted."""
    found: dict[str, list[Round]] = {name: [] for name in sides}
    with ExitStack() as stack:
        for side in sides.values():
            stack.enter_context(side)
        for number in range(0 if warm_up else 1, rounds + 1):
            names = list(sides) if number % 2 else list(reversed(sides))
            for name in names:
                done = sides[name].round()
                if number:
                    found[name].append(done)
    return found


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        work, against: what is compared.
        values: one for each round: ratios ("×"), seconds ("s") or shares.
        aim: what the median is held to; None where there is none. at_least: else at most.
        note: what a reader must know beside it.
        details: the numbers behind it, for the JSON file.
    """

    work: str
    against: str
    values: list[float]
    unit: str = "×"
    aim: float | None = None
    at_least: bool = False
    note: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def value(self) -> float:
        """The median round."""
        return statistics.median(self.values)

    @property
    def reached(self) -> bool | None:
        """Whether the aim is reached; None without one."""
        if self.aim is None:
            return None
        return self.value >= self.aim if self.at_least else self.value <= self.aim

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "value": self.value, "reached": self.reached}

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> "Row":
        """What `to_json` made."""
        return cls(**{each.name: found[each.name] for each in fields(cls)})


def ratio_row(
    rounds: dict[str, list[Round]],
    ours: str,
    theirs: str,
    *,
    clock: Clock = "processor",
    **about: Any,
) -> Row:
    """Our seconds over theirs, round by round."""
    mine = [done.seconds(clock) for done in rounds[ours]]
    others = [done.seconds(clock) for done in rounds[theirs]]
    if about.get("at_least"):  # more work in the same time
        ratios = [theirs / ours for ours, theirs in zip(mine, others, strict=True)]
    else:
        ratios = [ours / theirs for ours, theirs in zip(mine, others, strict=True)]
    details = {
        "clock": clock,
        "seconds": {ours: mine, theirs: others},
        "numbers": {name: [done.numbers for done in rounds[name]] for name in (ours, theirs)},
    }
    return Row(values=ratios, details=details, **about)
