"""The most memory that something takes, whatever was taken before it."""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

_PROC = Path("/proc/self")


@dataclass
class Peak:
    """Attributes: megabytes: by which the memory of this process grew at the most."""

    megabytes: float = float("nan")


@contextmanager
def peak() -> Iterator[Peak]:
    """Measure what its body takes.

    `ru_maxrss` knows the most of a process's whole life, and of the process that started it: what
    takes less than that would be seen to take nothing. Linux can forget its own mark.
    """
    if (_PROC / "clear_refs").exists():
        (_PROC / "clear_refs").write_text("5", encoding="ascii")
    before = _most()
    found = Peak()
    yield found
    found.megabytes = _most() - before


def _most() -> float:
    if (_PROC / "status").exists():
        lines = (_PROC / "status").read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    unit = 1024**2 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


_CHILD = """
import sys
from peak import peak
{imports}
with peak() as taken:
{code}
print(round(taken.megabytes))
"""


def megabytes_of(code: str, *arguments: str, imports: str = "") -> int:
    """What `code` takes after `imports`, in a process of its own."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            _CHILD.format(imports=imports, code=indent(code, "    ")),
            *arguments,
        ],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return int(done.stdout.split()[-1])
