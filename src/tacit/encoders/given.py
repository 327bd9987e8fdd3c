"""``features:FILE``: features that somebody has made already, a row for each picture."""

import csv
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tacit.encoders.base import About, Features, Nodes
from tacit.encoders.source import Source
from tacit.errors import EncoderError, ImagesError
from tacit.files import file_sha256
from tacit.images.arrays import read_npy
from tacit.images.bounded import printable, shown
from tacit.images.originals import Originals
from tacit.images.parquet import parquet_file
from tacit.images.rows import RowsOf

KEYS = ("path", "index", "image")
"""Columns that say which picture a row is of; "image" is what ``tacit encode`` writes."""

PASSED_OVER = ("label", "split")
_LISTED = 5
_AT_ONCE = 4096


@dataclass(frozen=True, eq=False)
class GivenFeatures:
    """Features from a file.

    Attributes:
        rows: of the file, (M, D).
        keys: which picture each row is of; None where rows come in the order of the source.
        column: what the keys are: "path" or "index".
    """

    about: About
    path: Path
    rows: NDArray[Any]
    keys: tuple[str, ...] | None
    column: str

    @property
    def files(self) -> tuple[Path, ...]:
        """The file."""
        return (self.path,)

    def features(
        self,
        originals: Originals,
        progress: Callable[[int, int], None] | None = None,
        nodes: Nodes | None = None,
    ) -> Features:
        """The rows of the pictures, in their order, (N, D).

        Raises:
            EncoderError: a picture has no row or two, a row is of no picture, or one of its
                numbers is none.
        """
        index = self._matched(originals)
        for first in range(0, len(index), _AT_ONCE):
            rows = index[first : first + _AT_ONCE]
            finite = np.isfinite(np.asarray(self.rows[rows], np.float32)).all(axis=1)
            if not finite.all():
                wrong = np.flatnonzero(~finite) + first
                names = _some([originals.names[i] for i in wrong.tolist()])
                raise EncoderError(
                    f"{shown(self.path)}: {len(wrong):,} row{'s' * (len(wrong) > 1)} hold NaN or "
                    f"infinities or do not fit float32: of {names}"
                )
        return RowsOf(self.rows, index)

    def _matched(self, originals: Originals) -> NDArray[np.int64]:
        known = originals.source_names
        if self.keys is None:
            if len(self.rows) != len(known):
                kind = "missing" if len(self.rows) < len(known) else "extra"
                raise EncoderError(
                    f"{shown(self.path)}: has {len(self.rows):,} rows for {len(known):,} pictures, "
                    f"so {abs(len(self.rows) - len(known)):,} are {kind}; a .npy file has a row "
                    "for each picture of the source, in its order (of a folder, that of the paths)"
                )
            return originals.numbers
        column = originals.column if self.column == "image" else self.column
        if column == "path" and originals.column == "index":
            raise EncoderError(
                f"{shown(self.path)}: names pictures by path, and these have none; a column index "
                "says their numbers, from 0"
            )
        wanted = list(originals.names)
        if column == "index":
            known = [str(number) for number in range(len(known))]
            wanted = [str(number) for number in originals.numbers.tolist()]
        if twice := [key for key, n in Counter(self.keys).items() if n > 1]:
            raise EncoderError(f"{shown(self.path)}: has more than one row of {_some(twice)}")
        place = {key: row for row, key in enumerate(self.keys)}
        if missing := [key for key in wanted if key not in place]:
            raise EncoderError(
                f"{shown(self.path)}: has no row of {len(missing):,} of {len(wanted):,} pictures: "
                f"{_some(missing)}"
            )
        if extra := sorted(place.keys() - set(known)):
            raise EncoderError(
                f"{shown(self.path)}: has {len(extra):,} row{'s' * (len(extra) > 1)} of what is no "
                f"picture of the source: {_some(extra)}"
            )
        return np.array([place[key] for key in wanted], np.int64)


def open_features(source: Source) -> GivenFeatures:
    """The features in the file.

    Raises:
        EncoderError: there is no such file, or it is no table of numbers.
    """
    path = source.file
    assert path is not None
    if not path.is_file():
        raise EncoderError(f"{shown(path)}: there is no such file of features")
    read = {".npy": _from_npy, ".csv": _from_csv, ".parquet": _from_parquet}
    rows, keys, column = read[path.suffix.lower()](path)
    if rows.ndim != 2 or 0 in rows.shape or rows.dtype.kind not in "fiu":
        raise EncoderError(
            f"{shown(path)}: holds {rows.dtype} of shape {rows.shape}; features are numbers, "
            "(n, d), a row for each picture"
        )
    about = About(
        source=source.text,
        name=source.name,
        what=f"features given in {path.suffix.lower()[1:]}",
        sha256=file_sha256(path),
        n_features=rows.shape[1],
    )
    return GivenFeatures(about, path, rows, keys, column)


def _from_npy(path: Path) -> tuple[NDArray[Any], None, str]:
    try:
        return read_npy(path).x, None, "index"
    except EncoderError:
        raise
    except ImagesError as error:
        raise EncoderError(str(error)) from None


def _from_csv(path: Path) -> tuple[NDArray[Any], tuple[str, ...], str]:
    """Rows of a table with a header."""
    keys: list[str] = []
    parts: list[NDArray[np.float32]] = []
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
            lines = csv.reader(stream, strict=True)
            header = [name.strip() for name in next(lines, [])]
            key, columns = _columns(header, path)
            while portion := list(islice(filter(None, lines), _AT_ONCE)):
                for row in portion:
                    if len(row) != len(header):
                        raise EncoderError(
                            f"{shown(path)}: the row of {printable(row[0])} has {len(row)} values "
                            f"for {len(header)} columns"
                        )
                keys += [row[key] for row in portion]
                parts.append(_numbers(portion, columns, header, key, path))
    except csv.Error as error:
        raise EncoderError(f"{shown(path)}: is no CSV table ({error})") from None
    rows = np.concatenate(parts) if parts else np.empty((0, len(columns)), np.float32)
    return rows, tuple(keys), header[key].lower()


def _numbers(
    portion: Sequence[Sequence[str]],
    columns: Sequence[int],
    header: Sequence[str],
    key: int,
    path: Path,
) -> NDArray[np.float32]:
    try:
        return np.array([[row[c] for c in columns] for row in portion], np.float32)
    except ValueError:
        for row in portion:
            for c in columns:
                try:
                    float(row[c])
                except ValueError:
                    raise EncoderError(
                        f"{shown(path)}: {printable(header[c])} of {printable(row[key])} is "
                        f"{printable(row[c][:40])!r}, no number"
                    ) from None
        raise


def _columns(header: Sequence[str], path: Path) -> tuple[int, list[int]]:
    """Which column names the picture, and which hold features."""
    lower = [name.lower() for name in header]
    found = [lower.index(name) for name in KEYS if name in lower]
    columns = [i for i, name in enumerate(lower) if name not in (*KEYS, *PASSED_OVER)]
    if len(found) != 1 or not columns:
        raise EncoderError(
            f"{shown(path)}: its columns are {printable(', '.join(header[:8]))}; one is path or "
            "index, and the others are features"
        )
    return found[0], columns


def _from_parquet(path: Path) -> tuple[NDArray[Any], tuple[str, ...] | None, str]:
    with parquet_file(path, EncoderError) as file:
        table = file.read()
    import pyarrow as pa
    import pyarrow.compute

    key, columns = _columns(table.column_names, path)
    parts = []
    for c in columns:
        column = table.column(c)
        if pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type):
            widths = set(pyarrow.compute.list_value_length(column).to_pylist())
            if len(widths) != 1 or None in widths:
                raise EncoderError(
                    f"{shown(path)}: {table.column_names[c]} holds lists of different lengths"
                )
            flat = np.asarray(pyarrow.compute.list_flatten(column))
            parts.append(flat.reshape(len(column), -1).astype(np.float32))
        elif pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
            values = column.cast(pa.float64()).to_numpy()  # NaN where it is null
            parts.append(values.astype(np.float32)[:, None])
        else:
            raise EncoderError(
                f"{shown(path)}: {table.column_names[c]} is {column.type}, and no numbers"
            )
    keys = tuple(map(str, table.column(key).to_pylist()))
    return np.concatenate(parts, axis=1), keys, table.column_names[key].lower()


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
    return printable(", ".join(names[:_LISTED])) + more
