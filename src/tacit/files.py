"""Files that are whole or not there: written atomically, read with damage named."""

import csv
import errno
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNFINISHED = ".unfinished"
"""How the names of temporary files end; they begin with a dot."""

LACKING = {
    errno.ENOSPC: "no space is left on its disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file is larger than this process may write (ulimit -f)",
    errno.EROFS: "its disk is read-only",
    errno.EACCES: "no permission to write there",
    errno.EPERM: "no permission to write there",
    errno.ENOENT: "its folder does not exist",
}


class Damaged(ValueError):
    """A file that is not what was written."""


class NotWritten(OSError):
    """A file that cannot be written, and why; what was there before is there still."""

    def __init__(self, path: Path, code: int) -> None:
        self.reason = LACKING.get(code, os.strerror(code))
        super().__init__(code, f"cannot write {path}: {self.reason}")

    def __str__(self) -> str:
        return str(self.strerror)


def write_atomically(path: Path, write: Callable[[Path], object], *, durable: bool = True) -> None:
    """Let `write` fill a temporary file beside `path`, then put it in its place.

    A reader sees the old file or the whole new one; after an error the old file is there and the
    temporary one is gone. What a killed process leaves is found by `remove_unfinished`.

    Args:
        durable: return when the file and its name are on the disk, so that a power cut cannot
            take them. Otherwise the system writes them when it likes, within about half a minute.

    Raises:
        NotWritten: naming the path and what is missing.
    """
    temporary = None
    try:
        handle, name = tempfile.mkstemp(UNFINISHED, f".{path.name[:200]}.", path.parent)
        os.close(handle)
        temporary = Path(name)
        write(temporary)
        temporary.chmod(0o644)
        if durable:
            sync(temporary)
        temporary.replace(path)
        if durable:
            sync(path.parent)
    except Exception as error:
        code = _system_error(error)
        if code is None:
            raise
        raise NotWritten(path, code) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _system_error(error: Exception) -> int | None:
    """The system's number of an error; libraries in Rust give it in their text alone."""
    if isinstance(error, OSError):
        return error.errno
    found = re.search(r"\(os error (\d+)\)", str(error))
    return int(found[1]) if found else None


def sync(path: Path) -> None:
    """Return when a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_unfinished(path: Path) -> bool:
    """Whether a file is a temporary one, by its name."""
    return path.name.startswith(".") and path.name.endswith(UNFINISHED)


def remove_unfinished(folder: Path) -> None:
    """Remove the temporary files that killed processes left in a folder and below it."""
    for path in folder.rglob(f".*{UNFINISHED}"):
        path.unlink(missing_ok=True)


def write_json(path: Path, data: Any, *, durable: bool = True) -> None:
    """Plain data as JSON with sorted keys; NaN and infinity are refused."""
    text = json.dumps(data, indent=1, sort_keys=True, allow_nan=False) + "\n"
    write_atomically(path, lambda file: file.write_text(text, encoding="utf-8"), durable=durable)


def write_array(path: Path, array: "NDArray[Any]", *, durable: bool = True) -> None:
    """An array as .npy."""
    import numpy as np  # the command's help needs none

    def write(file: Path) -> None:
        with file.open("wb") as stream:
            np.save(stream, array, allow_pickle=False)

    write_atomically(path, write, durable=durable)


def write_csv(
    path: Path,
    header: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    durable: bool = True,
    before: Callable[[str], object] = lambda sha256: None,
) -> str:
    """Write rows as CSV one after the other, so that memory does not grow with them; the SHA-256.

    Names on disk are bytes; those that are no UTF-8 are written as they are.

    before: told the SHA-256 before the file comes to its place.

    Raises:
        NotWritten: naming the path and what is missing.
    """
    written = ""

    def write(file: Path) -> None:
        nonlocal written
        with file.open("w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)
        written = file_sha256(file)
        before(written)

    write_atomically(path, write, durable=durable)
    return written


def read_json(path: Path) -> Any:
    """What `write_json` wrote.

    Raises:
        Damaged: if the file is no JSON, or holds NaN or an infinity, which `write_json` refuses.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{path} is damaged: {error}") from None


def _refuse(constant: str) -> None:
    raise ValueError(f"it holds {constant}, which is no number")


def write_record(path: Path, record: dict[str, Any], *, durable: bool = True) -> None:
    """Plain data as JSON beside its own checksum, so that no change of it goes unseen."""
    write_json(path, {"record": record, "sha256": data_sha256(record)}, durable=durable)


def read_record(path: Path) -> dict[str, Any]:
    """What `write_record` wrote.

    Raises:
        Damaged: if it is anything else.
    """
    held = read_json(path)
    if not (isinstance(held, dict) and isinstance(record := held.get("record"), dict)):
        raise Damaged(f"{path} is damaged: it holds no record")
    if held.get("sha256") != data_sha256(record):
        raise Damaged(f"{path} is damaged: its checksum does not fit")
    return record


def data_sha256(data: Any) -> str:
    """The SHA-256 of plain data, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify_file(path: Path, sha256: str | None) -> None:
    """See that a file is what was written.

    Raises:
        Damaged: it is missing, or has another checksum.
    """
    if not path.is_file():
        raise Damaged(f"{path} is missing")
    if file_sha256(path) != sha256:
        raise Damaged(f"{path} is damaged: its checksum does not fit")
