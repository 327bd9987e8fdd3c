"""What a piece of code takes at the most, measured in a process of its own."""

import subprocess
import sys

MEASURE = """
import resource, sys
{imports}
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
{code}
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def megabytes_of(code: str, *arguments: str, imports: str = "") -> int:
    """By how many MB the peak of a process grows while `code` runs, after `imports`."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE.format(imports=imports, code=code), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return int(done.stdout.split()[-1])
