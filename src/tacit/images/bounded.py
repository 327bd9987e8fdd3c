"""Reads that trust no header: memory grows with the bytes that are there, not with promises."""

import gzip
import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from tacit.images.errors import ImagesError

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


def shown(path: Path) -> str:
    """A path as text that can always be printed: bytes that are no UTF-8 appear as \\xNN."""
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


@contextmanager
def faults_named(path: Path) -> Iterator[None]:
    """Faults of the file system and of compressed streams become errors that name the file."""
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
    with faults_named(path), gzip.open(path) if is_gzip(path) else path.open("rb") as stream:
        yield cast(IO[bytes], stream)


def read_exactly(stream: IO[bytes], promised: int, path: Path) -> bytearray:
    """The next `promised` bytes, which must be the last ones.

    Raises:
        ImagesError: the stream is shorter or longer, or `promised` exceeds `LIMIT`.
    """
    if promised > LIMIT:
        raise ImagesError(
            f"{shown(path)}: its header promises {promised:,} bytes; compressed files may hold "
            f"at most {LIMIT:,}. Uncompressed files have no limit"
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
