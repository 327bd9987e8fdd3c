"""Kill small studies at the n-th change they make to the disk, for every n, and go on.

    python tests/reliability/crash/sweep.py [--studies NAME,…] [--stride N] [--first N]

Each study is run once undisturbed, without a checkpoint on its way. Then it is run in a new
folder with a checkpoint after every update, its process group is killed at the n-th change,
unfinished files are torn in half, and the same call is made again. What it leaves then must be the
undisturbed run's to the bit, no job that was finished may have been done again, and nothing
unfinished may be left. At every fourth n the continuation is killed as well, at another change.

Processes are forked from this one after everything has been imported; the jobs of the study run in
processes of their own, as always.
"""

import argparse
import importlib
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

# Other modules are found beside this file, which is run as a script.
import often
from few import FEW_LABELS, few_labels, write_few
from sabotage import Tripwire
from small import STUDIES, content, run_small, sealed, some_digits

SECONDS_FOR_A_RUN = 1800
SWEPT = (*STUDIES, FEW_LABELS)

Start = Callable[[Path], list[str]]
"""Does all of a study in a folder, or goes on with it; what went wrong, or had to be said."""


def start_of(name: str, place: Path) -> Start:
    """One of `SWEPT`; files that it reads are written into `place`."""
    if name == FEW_LABELS:
        files = write_few(place)
        return lambda folder: few_labels(files, folder)
    opened = some_digits()

    def start(folder: Path) -> list[str]:
        ended, watching = run_small(name, folder, opened)
        return [*watching.causes, *map(str, ended.unanswered.items()), *watching.said]

    return start


def forked(action: Callable[[], None]) -> int:
    """Do something in a process group of its own; returns how that ended, as `os.waitpid` does."""
    process = os.fork()
    if process:
        _, status = os.waitpid(process, 0)
        return os.waitstatus_to_exitcode(status)
    code = 1
    try:
        os.setsid()
        signal.alarm(SECONDS_FOR_A_RUN)
        action()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def import_what_is_needed(place: Path) -> None:
    """Import here what a study imports on its way, so that no forked process has to.

    The study itself runs in a forked process: computing here would keep forked ones from it.
    """
    listed = place / "modules"
    at_first = set(sys.modules)
    get_context = multiprocessing.get_context

    def action() -> None:
        multiprocessing.get_context = lambda method=None: get_context("fork")  # type: ignore[assignment]
        run_small("labels", place / "imports", some_digits())
        new = [name for name in sys.modules if name not in at_first]
        listed.write_text("\n".join(new))

    forked(action)
    for name in listed.read_text().split():
        with suppress(ImportError):
            importlib.import_module(name)
    importlib.import_module("matplotlib.font_manager")
    importlib.import_module("tacit.studies.execution.warm")


def run_once(start: Start, folder: Path, wire: Tripwire, *, keep: bool) -> int:
    """A study in a process group of its own; -9 where it was killed.

    keep: write checkpoints after every update.
    """

    def action() -> None:
        if keep:
            often.checkpoints(-1.0)
        get_context = multiprocessing.get_context
        multiprocessing.get_context = lambda method=None: get_context("fork")  # type: ignore[assignment]
        wire.set()
        if errors := start(folder):
            raise AssertionError("; ".join(errors))

    return forked(action)


def tear(folder: Path) -> int:
    """Cut unfinished files in half, as a machine that goes down may; returns how many."""
    found = list(folder.rglob(".*.unfinished"))
    for path in found:
        os.truncate(path, path.stat().st_size // 2)
    return len(found)


def faults_at(
    n: int, start: Start, folder: Path, expected: dict[str, str]
) -> tuple[list[str], int]:
    """What is wrong after a kill at change n, and how many kills there were."""
    kills = 1
    code = run_once(start, folder, Tripwire(folder, n), keep=True)
    if code == 0:
        # Jobs that took long on a busy machine are synced; here fewer were than when changes were
        # counted, and this one was not reached.
        return differences(folder, expected, {}), 0
    if code != -signal.SIGKILL:
        return [f"was to be killed at change {n}, but ended with {code}"], kills
    tear(folder)
    done = sealed(folder)
    if n % 4 == 0:
        again = Tripwire(folder, 1 + n * 7919 % 61)
        code = run_once(start, folder, again, keep=True)
        if code not in (-signal.SIGKILL, 0):
            return [f"killed at change {n}, the second start ended with {code}"], kills
        kills += code != 0
        tear(folder)
        done = sealed(folder) | done
    if code := run_once(start, folder, Tripwire(folder), keep=True):
        return [f"killed at change {n}, the next start ended with {code}"], kills
    return differences(folder, expected, done), kills


def differences(
    folder: Path, expected: dict[str, str], done: dict[str, tuple[int, int]]
) -> list[str]:
    """What a folder has that it should not, and jobs that were done again."""
    found = content(folder)
    errors = [f"{path} differs" for path in expected if found.get(path) != expected[path]]
    errors += [f"{path} is left" for path in found if path not in expected]
    after = sealed(folder)
    return errors + [f"{path} was done again" for path in done if after.get(path) != done[path]]


def sweep(name: str, place: Path, stride: int, first: int, say: Callable[[str], None]) -> list[str]:
    """Kill one study at changes first, first + stride, …; returns what is wrong."""
    start = start_of(name, place)
    plain, whole = place / "plain" / name, place / "whole" / name
    began = time.monotonic()
    wire = Tripwire(whole)
    for folder, keep in ((plain, False), (whole, True)):
        if run_once(start, folder, wire if keep else Tripwire(folder), keep=keep):
            say(f"FAULT {name}: the undisturbed run failed")
            return ["failed"]
    expected = content(plain)
    errors = differences(whole, expected, {})
    for error in errors:
        say(f"FAULT {name}, not killed: {error}")
    points = range(first, wire.count + 1, stride)
    kills = reached = 0
    for n in points:
        folder = place / "killed" / name
        shutil.rmtree(folder, ignore_errors=True)
        found, killed = faults_at(n, start, folder, expected)
        kills += killed
        reached += killed > 0
        for error in found:
            say(f"FAULT {name}, change {n}: {error}")
        errors += found
    say(
        f"{name}: {len(expected)} files, {wire.count:,} changes; killed at {reached:,} of them "
        f"({kills:,} kills), {len(errors)} errors, {time.monotonic() - began:.0f} s"
    )
    return errors


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", default=",".join(SWEPT), help="separated by commas")
    parser.add_argument("--stride", type=int, default=1, help="kill at every so many changes")
    parser.add_argument("--first", type=int, default=1, help="the first change to kill at")
    options = parser.parse_args()
    errors = []
    with tempfile.TemporaryDirectory() as place:
        import_what_is_needed(Path(place).resolve())
        for name in options.studies.split(","):
            errors += sweep(
                name, Path(place).resolve(), options.stride, options.first,
                lambda text: print(text, flush=True),
            )  # fmt: skip
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
