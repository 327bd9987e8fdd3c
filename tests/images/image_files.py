"""Files that the tests of `images` read, written the slow and obvious way."""

import gzip
import os
import struct
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tacit.errors import ImagesError

IDX_CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}
MEGABYTE = 1 << 20


def idx_bytes(array: NDArray[np.generic]) -> bytes:
    code = IDX_CODES[array.dtype.str[1:]]
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write_idx(path: Path, array: NDArray[np.generic]) -> Path:
    content = idx_bytes(array)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def write_images(
    folder: Path, names: list[str], *, size: tuple[int, int] = (8, 8), mode: str = "L"
) -> None:
    """Noise images (width, height), each different, at the given paths below a folder."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(list(os.fsencode(name)))
        shape = size[::-1] if mode == "L" else (*size[::-1], 3)
        Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(path)


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *extra: bytes) -> bytes:
    """A PNG file, chunk by chunk; `rows` are filtered, not yet compressed."""

    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [chunk(b"IHDR", header), *extra, chunk(b"IDAT", zlib.compress(rows, 9))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + chunk(b"IEND", b"")


def error_of(read: Callable[[Path], object], path: Path) -> str | None:
    """The message of the room's error, None where there was none; other errors pass through."""
    try:
        read(path)
    except ImagesError as error:
        return str(error)
    return None


@contextmanager
def memory_below(limit: int) -> Iterator[None]:
    """Fails where the block ever holds more than `limit` bytes of Python's and NumPy's memory."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limit, f"{peak:,} bytes at the peak"


def tiff(
    pixels: NDArray[np.generic], *, white_is_zero: bool = False, bits: int = 0, order: str = "<"
) -> bytes:
    """An uncompressed grey TIFF file, tag by tag; with `bits`, `pixels` are packed bytes."""
    height, width = pixels.shape
    body = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    if bits == 12:  # two samples in three bytes, the most significant bits first
        pairs = pixels.astype(np.uint32).reshape(-1, 2)
        packed = (pairs[:, 0] << 12) | pairs[:, 1]
        body = b"".join(int(value).to_bytes(3, "big") for value in packed)
    kind = {"u": 1, "i": 2, "f": 3}[pixels.dtype.kind]
    tags = {
        256: width,
        257: height,
        258: bits or pixels.dtype.itemsize * 8,
        259: 1,
        262: 0 if white_is_zero else 1,
        273: 8 + 2 + 12 * 10 + 4,
        277: 1,
        278: height,
        279: len(body),
        339: kind,
    }
    entries = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, v) for tag, v in tags.items())
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(f"{order}IH", 8, len(tags)) + entries + bytes(4) + body
