"""Ends a group of processes at the n-th change that any of them makes to a folder."""

import mmap
import os
import signal
import struct
import sys
from pathlib import Path

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate", "os.link"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Tripwire:
    """Counts, before each of them, the changes that Python makes below `folder`.

    Creating, renaming, removing, opening for writing, changing modes: the interpreter tells of each
    by an audit event. `os.fsync` is counted too. The count is in memory that forked processes
    share. At change number `at` the whole process group is killed, before the change is made.
    """

    def __init__(self, folder: Path, at: int = 0) -> None:
        self.folder = str(folder)
        self.at = at
        self._count = mmap.mmap(-1, 8)
        self._fsync = os.fsync

    @property
    def count(self) -> int:
        return int(struct.unpack("q", self._count[:8])[0])

    def set(self) -> None:
        """From here on, in this process and those that it forks."""
        sys.addaudithook(self._audit)
        os.fsync = self._synced

    def _synced(self, handle: int) -> None:
        self._changed()
        self._fsync(handle)

    def _audit(self, event: str, arguments: tuple[object, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if not (isinstance(flags, int) and flags & WRITING and self._inside(path)):
                return
        elif event not in CHANGES or not self._touches(arguments):
            return
        self._changed()

    def _touches(self, arguments: tuple[object, ...]) -> bool:
        # Relative to an open folder, as `shutil.rmtree` removes files: only ours is removed so.
        relative = any(isinstance(value, int) and value >= 0 for value in arguments[1:2])
        return relative or any(map(self._inside, arguments))

    def _inside(self, path: object) -> bool:
        return isinstance(path, str | os.PathLike) and os.fspath(path).startswith(self.folder)

    def _changed(self) -> None:
        # One process of a study writes at a time, so that no lock is needed.
        count = self.count + 1
        self._count[:8] = struct.pack("q", count)
        if count == self.at:
            os.killpg(0, signal.SIGKILL)
            signal.pause()
