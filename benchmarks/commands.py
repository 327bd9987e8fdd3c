"""What a person waits for: the command's start, and both studies on the embedded digits."""

import subprocess
import sys
import tempfile
import time

from benchmarks.pairing import Row
from benchmarks.settings import Settings

STARTS = {
    "`tacit --help`": [sys.executable, "-m", "tacit", "--help"],
    "`import tacit`": [sys.executable, "-c", "import tacit"],
}
AIM_START, AIM_STUDIES = 0.15, 120.0


def _seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def start_rows(settings: Settings) -> list[Row]:
    """Seconds on the wall from a cold interpreter; the first start fills caches and is not counted.

    An empty interpreter is timed beside them: it says how busy the machine is.
    """
    rounds = 2 if settings.quick else 15
    commands = STARTS | {"an empty interpreter": [sys.executable, "-c", "pass"]}
    times: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            taken = _seconds(command)
            if number:
                times[name].append(taken)
    empty = sorted(times["an empty interpreter"])[rounds // 2]
    note = f"an empty interpreter {empty:.3f} s"
    return [Row(name, "", times[name], "s", AIM_START, note=note) for name in STARTS]


def study_rows(settings: Settings) -> list[Row]:
    """`make demo`: both studies, three seeds, a job on each core."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "tacit", "run", "--out", out]
        command += ["--seeds", "1", "--epochs", "1"] if settings.quick else ["--seeds", "3"]
        return [
            Row("both studies on digits, `make demo`", "", [_seconds(command)], "s", AIM_STUDIES)
        ]
