"""The command in processes of their own, as a terminal or a batch system starts it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

LAUNCH = Path(__file__).parent / "launch.py"


def start(
    study: Path,
    out: Path,
    *options: str,
    often: float = 60.0,
    before: Callable[[], None] | None = None,
    **environment: str,
) -> subprocess.Popen[str]:
    """``tacit run STUDY`` on 60 digits in a process group of its own.

    often: seconds between checkpoints. before: called in the new process before all else.
    """
    command = [sys.executable, str(LAUNCH), "run", str(study), "--train-size", "60"]
    return subprocess.Popen(
        [*command, "--out", str(out), *options],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "CRASH_TEST_SECONDS": str(often)} | environment,
        preexec_fn=before,  # noqa: PLW1509  # tests that use it have one thread
    )  # fmt: skip


def until(
    there: Callable[[], object], process: subprocess.Popen[str], seconds: float = 300
) -> None:
    """Wait for something that the process brings about."""
    deadline = time.monotonic() + seconds
    while not there():
        if process.poll() is not None or time.monotonic() > deadline:
            kill_group(process)
            raise AssertionError(
                f"it ended too soon, or took too long:\n{process.communicate()[0]}"
            )
        time.sleep(0.01)


def kill_group(process: subprocess.Popen[str], signum: int = signal.SIGKILL) -> None:
    """Send a signal to a process and to all that it started."""
    if group_lives(process):
        os.killpg(process.pid, signum)


def group_lives(process: subprocess.Popen[str]) -> bool:
    """Whether any process of the group is left."""
    process.poll()
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


def ends(process: subprocess.Popen[str], seconds: float = 120) -> bool:
    """Whether all processes of the group end by themselves."""
    deadline = time.monotonic() + seconds
    while group_lives(process) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not group_lives(process)


def children(process: subprocess.Popen[str]) -> list[int]:
    """The worker processes: those that the process forked from the forking process."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = path.read_text().rpartition(")")
        except OSError:
            continue  # it has ended
        fields = rest.split()
        if int(fields[2]) == process.pid:  # its process group
            found.append((int(fields[1]), int(name.split()[0])))
    # The forking process and the resource tracker are children of the process itself.
    own = {pid for parent, pid in found if parent == process.pid}
    return [pid for parent, pid in found if parent in own]
