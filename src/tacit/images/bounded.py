"""Reads that trust no header: memory grows with the bytes that are there, not with promises."""

import gzip
import hashlib
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from tacit.errors import ImagesError

CHUNK = 1 << 20
LIMIT = 2 << 30
"""Most bytes that one compressed file may unfold to in memory. Uncompressed files are mapped."""

_GZIP = b"\x1f\x8b"
_DAMAGE = (
    zlib.error,
    gzip.BadGzipFile,
    zipfile.BadZipFile,
    # zipfile raises these, too, on offsets and names that damage made impossible.
    ValueError,
    OverflowError,
    NotImplementedError,
)


_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    r"""Text that can always be printed, on one line and without steering a terminal.

    Control characters, changes of direction and lone surrogates appear as escapes; bytes that are
    no UTF-8 in the name of a file, which Python reads as surrogates, as ``\xNN``.

    >>> printable("a\udcff\x1b[2J\n.png")
    'a\\xff\\x1b[2J\\n.png'
    """
    return _STEERING.sub(lambda found: _escaped(found[0]), text)


def _escaped(c: str) -> str:
    if "\udc80" <= c <= "\udcff":
        return f"\\x{ord(c) - 0xDC00:02x}"
    return c.encode("unicode_escape").decode()


def shown(path: Path) -> str:
    """A path as `printable` text."""
    return printable(str(path))


@contextmanager
def errors_named(path: Path) -> Iterator[None]:
    """Errors of the file system and of compressed streams become errors that name the file."""
    try:
        yield
    except ImagesError:
        raise
    except EOFError:
        raise ImagesError(f"{shown(path)}: the compressed stream is cut short") from None
    except _DAMAGE as error:
        raise ImagesError(f"{shown(path)}: the compressed stream is damaged ({error})") from None
    except OSError as error:
        raise ImagesError(f"{shown(path)}: cannot be read ({error.strerror or error})") from None


def is_gzip(path: Path) -> bool:
    """Whether the file begins as gzip does; its name does not matter."""
    with path.open("rb") as file:
        return file.read(2) == _GZIP


@contextmanager
def uncompressed(path: Path) -> Iterator[IO[bytes]]:
    """The content of a file, gzip taken away where there is any."""
    with errors_named(path), gzip.open(path) if is_gzip(path) else path.open("rb") as stream:
        yield cast(IO[bytes], stream)


def read_exactly(stream: IO[bytes], promised: int, path: Path, before: int = 0) -> bytearray:
    """The next `promised` bytes, which must be the last ones.

    Args:
        before: how many bytes the file has unfolded to already.

    Raises:
        ImagesError: the stream is shorter or longer, or all of it exceeds `LIMIT`.
    """
    if before + promised > LIMIT:
        raise ImagesError(
            f"{shown(path)}: its header promises {before + promised:,} bytes; compressed files may "
            f"hold at most {LIMIT:,}. Uncompressed files have no limit"
        )
    data = bytearray()
    while len(data) < promised:
        chunk = stream.read(min(CHUNK, promised - len(data)))
        if not chunk:
            raise ImagesError(
                f"{shown(path)}: ends after {len(data):,} of the {promised:,} bytes of data "
                "that its header promises"
            )
        data += chunk
    if stream.read(1):
        raise ImagesError(
            f"{shown(path)}: goes on after the {promised:,} bytes of data that its header promises"
        )
    return data


def content_sha256(path: Path) -> str:
    """SHA-256 of the uncompressed content.

    Mirrors compress the same content differently, so the compressed file's hash says nothing.
    """
    digest, length = hashlib.sha256(), 0
    with uncompressed(path) as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            length += len(chunk)
            if length > LIMIT:
                raise ImagesError(f"{shown(path)}: unfolds to more than {LIMIT:,} bytes")
    return digest.hexdigest()


def verify(path: Path, sha256: str) -> None:
    """Check the uncompressed content of a file against its published hash.

    Raises:
        ImagesError: it differs; the message has the file, the expected and the found hash.
    """
    found = content_sha256(path)
    if found != sha256:
        raise ImagesError(
            f"{shown(path)}: wrong checksum. SHA-256 of the uncompressed content: "
            f"expected {sha256}, found {found}"
        )
