"""Freed memory that the process keeps for its next tensors."""

import ctypes
import platform
from functools import cache

MAPPED_FROM = 64 * 2**20
KEPT = 256 * 2**20
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # of glibc's <malloc.h>


@cache
def keep_pages() -> bool:
    """Have glibc reuse the pages of freed tensors instead of giving them back at once.

    A network's activations are made and freed at every update. glibc hands blocks of that size to
    the system and asks for them anew, and the system fills each page with zeros: 8,000 pages an
    update of the reports' VAE, a fifth of its time and more (docs/performance.md). Blocks of up to
    64 MiB now come from the heap, of which up to 256 MiB stay with the process when they are free.
    No result depends on it. It holds for the whole process, and the first call alone does anything.

    Returns whether that could be said to the allocator: not with another C library than glibc.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_MMAP_THRESHOLD, MAPPED_FROM) and mallopt(_TRIM_THRESHOLD, KEPT))
