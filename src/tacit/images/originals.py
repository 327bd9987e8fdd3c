"""Pictures as they were before anything made them alike: what an encoder from elsewhere reads."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tacit.errors import ImagesError
from tacit.images.bounded import shown
from tacit.images.decoding import MAX_BYTES, image_pixels, picture
from tacit.images.rows import RowsOf
from tacit.images.values import unit_pixels

Column = Literal["path", "index"]


class Originals(Protocol):
    """The pictures of a set of images, in its order.

    Attributes:
        names: of each: its path below the folder, or its number in the source.
        numbers: of each its place in the source, from 0, (N,).
        column: what the names are called in a table.
        source_names: of all pictures of the source, also those that are not in the set.
    """

    @property
    def names(self) -> Sequence[str]: ...
    @property
    def numbers(self) -> NDArray[np.int64]: ...
    @property
    def column(self) -> Column: ...
    @property
    def source_names(self) -> Sequence[str]: ...
    def __len__(self) -> int: ...
    def take(self, index: NDArray[np.int64]) -> "Originals":
        """Those at `index`, in its order."""
        ...

    def content(self, i: int) -> bytes:
        """A hash of what picture `i` holds, 32 bytes: equal ones hold the same."""
        ...

    def picture(self, i: int, side: int) -> Image.Image:
        """Picture `i`, grey or RGB; its sides may be smaller than in its file, by powers of two,
        where both are still at least 2 × `side`.

        Raises:
            ImagesError: it cannot be read any more, or is not what it was.
        """
        ...

    def carried(self, index: NDArray[np.int64], *, files: bool) -> "Originals":
        """Those at `index` alone, to be sent to another process.

        files: whether it reads them from where they lie; otherwise they hold what was read here.

        Raises:
            ImagesError: one cannot be read any more, or is not what it was.
        """
        ...


@dataclass(frozen=True, eq=False)
class ImageFiles:
    """Image files below a folder.

    Attributes:
        root: the folder.
        names: their paths below it. hashes: SHA-256 of each file's bytes.
        numbers, source_names: as of `Originals`.
    """

    root: Path
    names: tuple[str, ...]
    hashes: tuple[bytes, ...]
    numbers: NDArray[np.int64]
    source_names: tuple[str, ...]
    column: Column = "path"

    def __len__(self) -> int:
        return len(self.names)

    def take(self, index: NDArray[np.int64]) -> "ImageFiles":
        rows = index.tolist()
        return replace(
            self,
            names=tuple(self.names[i] for i in rows),
            hashes=tuple(self.hashes[i] for i in rows),
            numbers=self.numbers[index],
        )

    def content(self, i: int) -> bytes:
        return self.hashes[i]

    def picture(self, i: int, side: int) -> Image.Image:
        return picture(self._read(i), side)

    def carried(self, index: NDArray[np.int64], *, files: bool) -> "Originals":
        taken = replace(self.take(index), root=self.root.resolve(), source_names=())
        return taken if files else Held(taken, tuple(map(taken._read, range(len(taken)))))

    def _read(self, i: int) -> bytes:
        path = self.root / self.names[i]
        try:
            if path.stat().st_size > MAX_BYTES:
                raise ImagesError(f"{shown(path)}: the file has more than {MAX_BYTES:,} bytes")
            data = path.read_bytes()
        except OSError as error:
            raise ImagesError(
                f"{shown(path)}: cannot be read any more ({error.strerror or error})"
            ) from None
        if hashlib.sha256(data).digest() != self.hashes[i]:
            raise ImagesError(f"{shown(path)} changed while it was read; run the command again")
        return data


@dataclass(frozen=True, eq=False)
class Held:
    """Image files whose bytes are in memory: `files` may lie elsewhere."""

    files: ImageFiles
    data: tuple[bytes, ...]
    column: Column = "path"

    @property
    def names(self) -> Sequence[str]:
        return self.files.names

    @property
    def numbers(self) -> NDArray[np.int64]:
        return self.files.numbers

    @property
    def source_names(self) -> Sequence[str]:
        return self.files.source_names

    def __len__(self) -> int:
        return len(self.data)

    def take(self, index: NDArray[np.int64]) -> "Held":
        return Held(self.files.take(index), tuple(self.data[i] for i in index.tolist()))

    def content(self, i: int) -> bytes:
        return self.files.content(i)

    def picture(self, i: int, side: int) -> Image.Image:
        return picture(self.data[i], side)

    def carried(self, index: NDArray[np.int64], *, files: bool) -> "Held":
        return self.take(index)


@dataclass(frozen=True, eq=False)
class ArrayRows:
    """Rows of arrays of pixels, one array after the other.

    Attributes:
        parts: uint8, (n, C, H, W) each; their sizes may differ.
        numbers: which rows, counted through all parts.
    """

    parts: tuple[NDArray[np.uint8] | RowsOf, ...]
    numbers: NDArray[np.int64]
    column: Column = "index"
    _starts: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        ends = np.cumsum([0, *(len(part) for part in self.parts)])
        object.__setattr__(self, "_starts", ends)

    @property
    def names(self) -> Sequence[str]:
        return tuple(map(str, self.numbers.tolist()))

    @property
    def source_names(self) -> Sequence[str]:
        return tuple(map(str, range(int(self._starts[-1]))))

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, index: NDArray[np.int64]) -> "ArrayRows":
        return ArrayRows(self.parts, self.numbers[index])

    def _row(self, i: int) -> NDArray[np.uint8]:
        number = int(self.numbers[i])
        part = int(np.searchsorted(self._starts, number, side="right")) - 1
        return np.ascontiguousarray(self.parts[part][number - int(self._starts[part])])

    def content(self, i: int) -> bytes:
        row = self._row(i)
        return hashlib.sha256(repr(row.shape).encode() + row.tobytes()).digest()

    def picture(self, i: int, side: int) -> Image.Image:
        row = self._row(i)
        return Image.fromarray(row[0] if len(row) == 1 else np.moveaxis(row, 0, 2))

    def carried(self, index: NDArray[np.int64], *, files: bool) -> "ArrayRows":
        rows = tuple(self._row(i)[None] for i in index.tolist())
        return ArrayRows(rows, np.arange(len(rows), dtype=np.int64))


def of_arrays(*parts: NDArray[np.uint8] | RowsOf) -> list[ArrayRows]:
    """The originals of each part of a source, numbered through all of them in their order."""
    starts = np.cumsum([0, *map(len, parts)])
    return [
        ArrayRows(parts, np.arange(start, end, dtype=np.int64))
        for start, end in pairwise(starts.tolist())
    ]


def of_pictures(given: Any) -> Originals:
    """Pictures that a caller has at hand: paths, opened images, or arrays, of any sizes.

    Args:
        given: a list of paths; of Pillow's images; of arrays (h, w), (h, w, 1 or 3) or
            (1 or 3, h, w); or one array of several, (n, h, w), (n, h, w, c) or (n, c, h, w). Arrays
            are uint8, or floats in [0, 1], which are rounded to 255 levels.

    Raises:
        ImagesError: something is none of these, or a file cannot be read.
    """
    if isinstance(given, ImageFiles | ArrayRows):
        return given
    if isinstance(given, str | Path | Image.Image):
        raise ImagesError(f"pictures are given as a list, and this is one: {str(given)[:100]!r}")
    each = list(given)
    if each and all(isinstance(one, str | Path) for one in each):
        return _of_files([Path(one) for one in each])
    rows = tuple(_pixels(one, number)[None] for number, one in enumerate(each))
    return ArrayRows(rows, np.arange(len(rows), dtype=np.int64))


def _of_files(paths: Sequence[Path]) -> ImageFiles:
    hashes = []
    for path in paths:
        try:
            hashes.append(hashlib.sha256(path.read_bytes()).digest())
        except OSError as error:
            raise ImagesError(
                f"{shown(path)}: cannot be read ({error.strerror or error})"
            ) from None
    names = tuple(map(str, paths))
    return ImageFiles(Path(), names, tuple(hashes), np.arange(len(paths), dtype=np.int64), names)


def _pixels(one: Any, number: int) -> NDArray[np.uint8]:
    """The pixels of a picture, (C, H, W)."""
    if isinstance(one, Image.Image):
        found, _ = image_pixels(one)
        return found
    x = np.asarray(one)
    if x.ndim == 2:
        x = x[None]
    elif x.ndim == 3 and x.shape[2] in (1, 3):
        x = np.moveaxis(x, 2, 0)
    if x.ndim != 3 or x.shape[0] not in (1, 3) or 0 in x.shape or x.dtype.kind not in "uif":
        raise ImagesError(
            f"picture {number} is {x.dtype} of shape {np.shape(one)}; pictures are paths, opened "
            "images, or arrays (h, w) or (h, w, c) with c = 1 or 3, uint8 or floats in [0, 1]"
        )
    try:
        x = unit_pixels(x, f"picture {number}")
    except ValueError as error:
        raise ImagesError(str(error)) from None
    if x.dtype != np.uint8:
        x = np.rint(x * np.float64(255)).astype(np.uint8)
    return np.ascontiguousarray(x)


def joined(first: Originals, second: Originals) -> Originals:
    """The pictures of two sets of one source, one after the other."""
    numbers = np.concatenate([first.numbers, second.numbers])
    if isinstance(first, ImageFiles) and isinstance(second, ImageFiles):
        return replace(
            first,
            names=first.names + second.names,
            hashes=first.hashes + second.hashes,
            numbers=numbers,
        )
    if isinstance(first, ArrayRows) and isinstance(second, ArrayRows):
        return ArrayRows(first.parts, numbers)
    raise TypeError(f"{type(first).__name__} and {type(second).__name__} are of different sources")
