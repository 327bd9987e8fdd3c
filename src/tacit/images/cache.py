"""Where downloads and decoded folders are kept, and how they get there: whole or not at all."""

import atexit
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tacit.errors import ImagesError
from tacit.files import Damaged, file_sha256, read_record, write_array, write_record
from tacit.images.bounded import shown

_UNFINISHED = ".unfinished-"
_PASSING = "tacit-cache-"
_A_DAY = 24 * 3600.0


class CacheWarning(UserWarning):
    """Nothing that is decoded, encoded or downloaded is kept when this process ends."""


def cache_folder(*parts: str) -> Path:
    """A folder of the cache, made where it is missing. All of the cache may be deleted at any time.

    The cache is the folder named by the environment variable TACIT_CACHE, else pooch's for `tacit`:
    in XDG_CACHE_HOME, else in ~/.cache; the system's own folder for caches on macOS and Windows.
    Where nobody named one and that one cannot be written, it is a folder that goes with this
    process, which a `CacheWarning` says once.

    Raises:
        ImagesError: it cannot be made.
    """
    root = os.environ.get("TACIT_CACHE") or _usual_cache() or _passing_cache()
    folder = Path(root, *parts)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _usual_cache() -> Path | None:
    """The user's own cache for tacit; None where it cannot be written."""
    import pooch  # costs the command a tenth of a second where nothing is cached

    try:
        root = Path(pooch.os_cache("tacit")).expanduser()
        root.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # RuntimeError: there is no home folder
        return None
    return root if os.access(root, os.W_OK | os.X_OK) else None


def _passing_cache() -> str:
    """A cache for this process and those that it starts, which vanishes with it."""
    root = tempfile.mkdtemp(prefix=_PASSING)
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:  # a forked process leaves it alone
            shutil.rmtree(root, ignore_errors=True)

    atexit.register(remove)
    os.environ["TACIT_CACHE"] = root  # found again by this process, and by those it starts
    warnings.warn(
        "the home folder's cache cannot be written: what is decoded, encoded or downloaded is kept "
        "for this process alone; the environment variable TACIT_CACHE can name a folder",
        CacheWarning,
        stacklevel=2,
    )
    return root


def is_passing(path: Path) -> bool:
    """Whether a file lies in a cache that vanishes with a process."""
    return any(parent.name.startswith(_PASSING) for parent in path.parents)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Errors while writing name the path, and the way out."""
    try:
        yield
    except OSError as error:
        raise ImagesError(
            f"{shown(path)}: the cache cannot be written ({error.strerror or error}); "
            "the environment variable TACIT_CACHE can name another folder"
        ) from error


def kept_array(kind: str, key: str, make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
    """What `make` gives, kept in the cache's folder `kind`; what is damaged there is made again."""
    path = cache_folder(kind) / f"{key}.npy"
    record = path.with_suffix(".json")
    try:
        if read_record(record)["sha256"] == file_sha256(path):
            return np.load(path, allow_pickle=False)
    except (FileNotFoundError, Damaged):
        pass
    array = make()
    with writing(path):
        write_array(path, array, durable=False)
        write_record(record, {"sha256": file_sha256(path)}, durable=False)
    return array


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `target` when the block ends well, and vanishes otherwise.

    When another process has made `target` in the meantime, that one stays: both hold the same.
    """
    with writing(target.parent):
        _sweep(target.parent)
        unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=target.parent))
    try:
        yield unfinished
        with writing(target):
            try:
                unfinished.rename(target)
            except OSError:
                if not target.is_dir():
                    raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Remove what killed processes left, once it is a day old and surely nobody's."""
    for left in folder.glob(f"{_UNFINISHED}*"):
        with suppress(FileNotFoundError):  # another process has just finished it
            if left.stat().st_mtime < time.time() - _A_DAY:
                shutil.rmtree(left, ignore_errors=True)
