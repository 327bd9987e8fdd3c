"""Folders of jobs as they travel through Ray's object store."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tacit.files import is_unfinished, write_atomically

LAST = "done.json"
"""Says that the others are whole."""

GOES_ON_FROM = ("checkpoints", "unfinished", "snapshots")
"""Folders that an unfinished job goes on from."""


@dataclass(frozen=True)
class Parcel:
    """The files of a folder: bytes by their path below it."""

    files: dict[str, NDArray[np.uint8]]


def pack(folder: Path) -> Parcel:
    """All files of a folder but temporary ones; none where there is no folder.

    Raises:
        FileNotFoundError: a file was removed meanwhile.
    """
    # The record comes first, so that no file is packed that is older than it.
    paths = sorted(folder.rglob("*"), key=lambda path: path.name != LAST)
    return Parcel(
        {
            path.relative_to(folder).as_posix(): np.fromfile(path, np.uint8)
            for path in paths
            if path.is_file() and not is_unfinished(path)
        }
    )


def unpack(parcel: Parcel, folder: Path) -> None:
    """Write the files, that which says that the others are whole at the end.

    Raises:
        NotWritten: naming the path and what is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in sorted(parcel.files, key=lambda name: name == LAST):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, parcel.files[name].tofile, durable=False)


def state(folder: Path) -> dict[str, int]:
    """When each file that an unfinished job goes on from was written, in nanoseconds.

    The job may write and remove files meanwhile: those that are gone are left out.
    """
    found = {}
    for name in GOES_ON_FROM:
        with suppress(FileNotFoundError):  # of the folder
            for path in (folder / name).rglob("*"):
                with suppress(FileNotFoundError):
                    if path.is_file() and not is_unfinished(path):
                        found[path.relative_to(folder).as_posix()] = path.stat().st_mtime_ns
    return found
