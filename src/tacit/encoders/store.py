"""Features on disk: a row for each content of a picture, added as they are made, mapped when read.

A store belongs to one encoder and one recipe. Rows are only ever appended: what a killed process
leaves is whole rows, and at most a torn one that is cut off. Each row has its checksum.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from tacit.files import Damaged, read_record, write_atomically, write_record
from tacit.images.cache import writing
from tacit.images.rows import RowsOf

CONTENT, CHECKSUM = 32, 4
LARGEST = float(np.finfo(np.float16).max)
ABSENT = -1


class Store:
    """The features of one encoder in a folder of their own.

    Features are kept as float16, in half the space: of 54,000 answers by six methods to photographs
    of textures, 27 were others than with float32 (docs/encoders.md). Where one is too large for
    that, the store becomes one of float32.

    Args:
        folder: made where it is missing.
        n_features: numbers in a row.
    """

    def __init__(self, folder: Path, n_features: int) -> None:
        self.folder, self.n_features = folder, n_features
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self._read()

    def _read(self) -> None:
        """See what is there; a record or rows that damage made impossible count as nothing."""
        self.dtype: np.dtype[Any] = np.dtype(np.float16)
        self.notes: dict[str, Any] = {}
        try:
            self.notes = read_record(self.folder / "record.json")
            self.dtype = np.dtype(self.notes.get("dtype", "float16"))
        except (FileNotFoundError, Damaged, TypeError):
            self.notes = {}
        keys, rows = self.folder / "keys", self.folder / "rows"
        known = keys.read_bytes() if keys.exists() else b""
        size = rows.stat().st_size if rows.exists() else 0
        width = CONTENT + CHECKSUM
        n = min(len(known) // width, size // self.row_bytes)
        self._n = n
        self._checksums = [
            int.from_bytes(known[i * width + CONTENT : (i + 1) * width], "little") for i in range(n)
        ]
        # Of a content that was written twice, because its first row was damaged, the last counts.
        self._row = {known[i * width : i * width + CONTENT]: i for i in range(n)}

    @property
    def row_bytes(self) -> int:
        """The size of a row in the file."""
        return self.n_features * self.dtype.itemsize

    @property
    def array(self) -> NDArray[Any]:
        """All rows, mapped, (n, D)."""
        if not self._n:
            return np.empty((0, self.n_features), self.dtype)
        shape = (self._n, self.n_features)
        return np.memmap(self.folder / "rows", self.dtype, "r", shape=shape)

    def rows(self, contents: Sequence[bytes]) -> NDArray[np.int64]:
        """Where the features of these contents stand, `ABSENT` where they do not or are damaged."""
        return self._rows_in(self.array, contents)

    def _rows_in(self, array: NDArray[Any], contents: Sequence[bytes]) -> NDArray[np.int64]:
        index = np.array([self._row.get(content, ABSENT) for content in contents], np.int64)
        for number in set(index[index != ABSENT].tolist()):
            if zlib.crc32(array[number].tobytes()) != self._checksums[number]:
                index[index == number] = ABSENT
        return index

    def features(self, contents: Sequence[bytes]) -> RowsOf:
        """The features of these contents, all of which are there, (N, D)."""
        # What is returned is what was checked: another process may put a wider file in its place.
        array = self.array
        index = self._rows_in(array, contents)
        if (index == ABSENT).any():
            raise Damaged(f"{self.folder}: rows that were written are not there any more")
        return RowsOf(array, index)

    @contextmanager
    def adding(self) -> Iterator[None]:
        """A block in which this process alone adds; it begins with what others added before."""
        with writing(self.folder), FileLock(self.folder / "lock"):
            self._read()
            for name, size in (
                ("rows", self._n * self.row_bytes),
                ("keys", self._n * (CONTENT + CHECKSUM)),
            ):
                with (self.folder / name).open("ab") as file:
                    file.truncate(size)
            yield

    def add(self, contents: Sequence[bytes], features: NDArray[np.floating[Any]]) -> None:
        """Append rows, (n, D), within `adding`; they are there when this returns."""
        if self.dtype == np.float16 and np.abs(features, dtype=np.float32).max(initial=0) > LARGEST:
            self._widen()
        added = np.ascontiguousarray(features, self.dtype)
        checksums = [zlib.crc32(row.tobytes()) for row in added]
        # The row first: a key without its row would be believed.
        self._append("rows", [added.tobytes()])
        self._append(
            "keys",
            (
                content + checksum.to_bytes(CHECKSUM, "little")
                for content, checksum in zip(contents, checksums, strict=True)
            ),
        )
        self._row |= {content: self._n + i for i, content in enumerate(contents)}
        self._checksums += checksums
        self._n += len(added)

    def note(self, **notes: Any) -> None:
        """Keep plain data beside the rows, within `adding`."""
        self.notes = self.notes | {"dtype": self.dtype.name} | notes
        write_record(self.folder / "record.json", self.notes, durable=False)

    def _append(self, name: str, parts: Iterable[bytes]) -> None:
        with (self.folder / name).open("ab") as file:
            file.write(b"".join(parts))

    def _widen(self) -> None:
        """Write all rows again as float32."""
        wide = np.ascontiguousarray(self.array, np.float32)
        keys = list(self._row.items())
        self.dtype = np.dtype(np.float32)
        # Between the two files a reader finds no row that bears out its checksum, and none is used.
        write_atomically(self.folder / "rows", lambda file: file.write_bytes(wide.tobytes()))
        self._checksums = [zlib.crc32(row.tobytes()) for row in wide]
        by_row = {row: content for content, row in keys}
        table = b"".join(
            by_row.get(i, bytes(CONTENT)) + checksum.to_bytes(CHECKSUM, "little")
            for i, checksum in enumerate(self._checksums)
        )
        write_atomically(self.folder / "keys", lambda file: file.write_bytes(table))
        self.note()
