"""One process at a time works in a study's folder, with its workers and no others."""

import fcntl
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from tacit.files import Damaged, is_unfinished, read_json, write_json

SECONDS_FOR_WORKERS = 15.0
LOCK, HOLDER, WORKERS, PROBE = ".lock", ".holder.json", ".workers", ".writable"


class FolderError(ValueError):
    """An output folder that cannot be used."""


def prepare_folder(folder: Path) -> None:
    """Make the study's folder, and see that it can be written to.

    Raises:
        FolderError: naming the path and the reason.
    """
    try:
        try:
            _probe(folder)
        except FileNotFoundError:  # another process that only checks it took it away meanwhile
            _probe(folder)
    except OSError as error:
        raise FolderError(
            f"cannot write into {folder}: {error.strerror}; name another folder with --out"
        ) from None


def _probe(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / PROBE
    probe.write_bytes(b"")
    probe.unlink(missing_ok=True)  # another process that looks at the same time may be first


def check_folder(folder: Path) -> None:
    """See that the folder can be made and written to; one that was not there is not left there.

    Raises:
        FolderError: naming the path and the reason.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    prepare_folder(folder)
    for path in missing:
        with suppress(OSError):  # another process has begun in it
            path.rmdir()


def is_bare(folder: Path) -> bool:
    """Whether a folder holds nothing but what a start that was killed at once leaves in it."""
    return all(
        path.name in (LOCK, HOLDER, WORKERS, PROBE) or is_unfinished(path)
        for path in folder.iterdir()
    )


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the folder; the system lets go of it when this process ends, however it does.

    Raises:
        FolderError: another process holds it, or workers of one that was killed still end.
    """
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise FolderError(
            f"another tacit{_holder(folder)} works in {folder}; wait for it, or name another "
            "folder with --out"
        ) from None
    with lock:
        _await_workers(folder)
        write_json(
            folder / HOLDER,
            {"process": os.getpid(), "host": platform.node(), "since": time.strftime("%H:%M")},
            durable=False,
        )
        yield


def _holder(folder: Path) -> str:
    """Who holds the folder, as far as is known."""
    try:
        holder = read_json(folder / HOLDER)
        return f" (process {holder['process']} on {holder['host']}, since {holder['since']})"
    except (OSError, Damaged, TypeError, KeyError):
        return ""


def _await_workers(folder: Path) -> None:
    """Wait for workers whose parent was killed; they end by themselves, within moments."""
    with (folder / WORKERS).open("ab") as file:
        deadline = time.monotonic() + SECONDS_FOR_WORKERS
        while not _locked(file.fileno(), fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise FolderError(
                    f"processes of a tacit that was ended still write into {folder}; try again "
                    "when they are gone"
                )
            time.sleep(0.05)


@contextmanager
def working(folder: Path) -> Iterator[None]:
    """In a worker: whoever holds the folder next waits until the block is left."""
    with (folder / WORKERS).open("ab") as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_SH)
        yield


def _locked(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
