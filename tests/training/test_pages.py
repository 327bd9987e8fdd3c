"""Freed pages stay with the process."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import ctypes, resource, sys
import numpy as np

PR_SET_THP_DISABLE = 41
ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)  # a huge page is one error for 512 pages

if sys.argv[1] == "keep":
    from tacit.training.pages import keep_pages
    assert keep_pages()
    assert keep_pages()

def update():
    layers = [np.ones(20 * 2**20, np.uint8) for _ in range(6)]

def errors():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    update()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

update()
print(min(errors() for _ in range(10)))  # the system may take pages away at any time
"""


def errors(way: str) -> int:
    """Page errors of an update that makes and frees 120 MiB, of ten the fewest."""
    done = subprocess.run(
        [sys.executable, "-c", FAULTS, way], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than glibc")
def test_what_is_freed_is_used_again() -> None:
    usual, kept = errors("usual"), errors("keep")
    assert kept < 100
    assert usual > 10_000
