"""Freed pages stay with the process."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import numpy as np

if sys.argv[1] == "keep":
    from tacit.training.pages import keep_pages
    assert keep_pages()
    assert keep_pages()

def update():
    layers = [np.ones(20 * 2**20, np.uint8) for _ in range(6)]

update()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    update()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def errors(way: str) -> int:
    """Page errors of ten updates that make and free 120 MiB each."""
    done = subprocess.run(
        [sys.executable, "-c", FAULTS, way], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than glibc")
def test_what_is_freed_is_used_again() -> None:
    usual, kept = errors("usual"), errors("keep")
    assert kept < 1000
    assert usual > 10 * kept + 10_000
