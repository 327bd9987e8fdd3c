"""The idx format of MNIST: two zero bytes, a type, the number of dimensions, the dimensions, data.

Source: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits".
"""

import math
import struct
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from tacit.errors import ImagesError
from tacit.images.arrays import Arrays
from tacit.images.bounded import errors_named, is_gzip, read_exactly, shown, uncompressed

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MAX_DIMENSIONS = 4

TRAIN_IMAGES = "train-images-idx3-ubyte"
TRAIN_LABELS = "train-labels-idx1-ubyte"
TEST_IMAGES = "t10k-images-idx3-ubyte"
TEST_LABELS = "t10k-labels-idx1-ubyte"


def read_idx(path: Path) -> NDArray[Any]:
    """The array in an idx file, plain or gzip-compressed.

    A plain file is memory-mapped. Nothing is allocated before the header agrees with the file's
    true size; a compressed file is unfolded only as far as its header promises.

    Raises:
        ImagesError: the file is missing, no idx file, damaged, or not of the promised size.
    """
    with uncompressed(path) as stream:
        dtype, shape, offset = _read_header(stream, path)
        promised = math.prod(shape) * dtype.itemsize
        if is_gzip(path):
            return np.frombuffer(read_exactly(stream, promised, path), dtype).reshape(shape)
    size = path.stat().st_size
    if size != offset + promised:
        raise ImagesError(
            f"{shown(path)}: holds {size:,} bytes, but its header ({_dimensions(shape)} values of "
            f"{dtype.itemsize} bytes) promises {offset + promised:,}"
        )
    with errors_named(path):
        return np.memmap(path, dtype, mode="r", offset=offset, shape=shape)


def _read_header(stream: IO[bytes], path: Path) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    """Type, shape, and the number of bytes before the data."""
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES:
        raise ImagesError(
            f"{shown(path)}: no idx file; it begins with {magic.hex(' ') or 'nothing'}, "
            "an idx file with 00 00, a type (08, 09, 0b to 0e) and the number of dimensions. "
            "Images are read from folders and from .npz, .npy and idx files"
        )
    n_dimensions = magic[3]
    if not 1 <= n_dimensions <= _MAX_DIMENSIONS:
        raise ImagesError(
            f"{shown(path)}: has {n_dimensions} dimensions; labels have 1, images 3 or 4"
        )
    header = stream.read(4 * n_dimensions)
    if len(header) < 4 * n_dimensions:
        raise ImagesError(f"{shown(path)}: ends inside its header")
    shape = struct.unpack(f">{n_dimensions}I", header)
    if 0 in shape:
        raise ImagesError(f"{shown(path)}: is empty; its dimensions are {_dimensions(shape)}")
    return np.dtype(_TYPES[magic[2]]), shape, 4 + len(header)


def _dimensions(shape: tuple[int, ...]) -> str:
    return " × ".join(f"{length:,}" for length in shape)


def find_idx(folder: Path, name: str) -> Path | None:
    """The file called `name` in `folder`, plain or with .gz, or None."""
    for candidate in (folder / name, folder / f"{name}.gz"):
        if candidate.is_file():
            return candidate
    return None


def read_idx_pair(
    images: Path, labels: Path | None
) -> tuple[NDArray[np.uint8], NDArray[Any] | None]:
    """The images of one idx file and the labels of another.

    Raises:
        ImagesError: a file cannot be read, is of the wrong kind, or the two do not belong together.
    """
    x = read_idx(images)
    if x.dtype != np.uint8 or x.ndim < 3:
        raise ImagesError(
            f"{shown(images)}: holds {x.dtype.name} of {_dimensions(x.shape)}; "
            "images are bytes of 3 or 4 dimensions"
        )
    if labels is None:
        return x, None
    y = read_idx(labels)
    if y.ndim != 1 or y.dtype.kind not in "iu" or len(y) != len(x):
        raise ImagesError(
            f"{shown(labels)}: holds {y.dtype.name} of {_dimensions(y.shape)}; the labels of "
            f"{len(x):,} images are whole numbers, one for each"
        )
    return x, y


def read_idx_set(folder: Path) -> Arrays:
    """Training and test images of a folder with MNIST-like names; what is missing is None.

    Raises:
        ImagesError: there are no training images, or a file cannot be read.
    """
    train = find_idx(folder, TRAIN_IMAGES)
    if train is None:
        raise ImagesError(f"{shown(folder)}: lacks {TRAIN_IMAGES} (or the same with .gz)")
    x, y = read_idx_pair(train, find_idx(folder, TRAIN_LABELS))
    test = find_idx(folder, TEST_IMAGES)
    if test is None:
        return Arrays(x, y)
    return Arrays(x, y, *read_idx_pair(test, find_idx(folder, TEST_LABELS)))
