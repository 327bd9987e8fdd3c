"""Labels of some images from tables that people wrote: every fault at once, with its line."""

import csv
import difflib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath

import numpy as np

from tacit.commands.learn.pool import Pool
from tacit.errors import ImagesError
from tacit.images.bounded import faults_named, printable, shown
from tacit.images.dataset import check_classes
from tacit.images.listing import MAX_TABLE
from tacit.labels.draws import Labelled

_SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab"}
_FAULTS_LISTED = 100
_NAMES_SEARCHED = 5_000
"""A misspelt name is compared with so many; more would take minutes."""


@dataclass(frozen=True)
class Given:
    """The labels that were given.

    Attributes:
        labelled: rows of the pool and their class numbers.
        class_names: in the order of the numbers.
        notes: sentences for people.
    """

    labelled: Labelled
    class_names: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def counts(self) -> list[int]:
        """How many labels each class has."""
        return np.bincount(self.labelled.y, minlength=len(self.class_names)).tolist()


def read_labels(tables: Sequence[Path], pool: Pool) -> Given:
    """What tables with the columns path (or index) and label say of the images of a pool.

    Other columns are passed over. An image without a row, or whose label is empty, has no label.
    Values are separated by commas, semicolons or tabs; a path may also be absolute, or begin where
    its table lies, and have backslashes.

    Raises:
        ImagesError: a table cannot be read, names what is not there or contradicts itself or
            another, copies of one picture have different labels, there are fewer than two classes,
            or no image is left without a label; the message says what to do.
    """
    places = {name: number for number, name in enumerate(pool.names)}
    found: dict[int, str] = {}
    said: dict[int, str] = {}
    faults: list[str] = []
    repeated = left_out = 0
    for table in tables:
        for where, name, label in _rows(table, pool.column):
            if not label:
                continue
            methods = partial(_ways_to_say, name, table, pool)
            number = next((places[method] for method in methods() if method in places), None)
            if number is None and any(method in pool.skipped for method in methods()):
                left_out += 1
            elif number is None:
                faults.append(f"{where}: {_unknown(name, pool)}")
            elif number in found and found[number] != label:
                faults.append(
                    f"{where}: {_quoted(name)} is {_quoted(label)} here and "
                    f"{_quoted(found[number])} in {said[number]}; an image has one label"
                )
            else:
                repeated += number in found
                found[number], said[number] = label, where
    faults += _contradicting_copies(pool, found, said)
    if faults:
        more = len(faults) - _FAULTS_LISTED
        listed = "".join(f"\n  {fault}" for fault in faults[:_FAULTS_LISTED])
        raise ImagesError(
            f"{len(faults):,} fault{'s' * (len(faults) != 1)} in the labels:{listed}"
            + (f"\n  and {more:,} more" if more > 0 else "")
        )
    return _given(found, pool, tables, repeated, left_out)


def _rows(table: Path, column: str) -> Iterator[tuple[str, str, str]]:
    """Where each row stands, its image and its label."""
    with faults_named(table):
        if (size := table.stat().st_size) > MAX_TABLE:
            raise ImagesError(f"{shown(table)}: has {size:,} bytes; {MAX_TABLE:,} are read")
        with table.open("rb") as beginning:
            if b"\0" in beginning.read(1024):
                raise ImagesError(f"{shown(table)}: is no plain text; save it as CSV in UTF-8")
        # Names on disk are bytes; surrogateescape lets those that are no UTF-8 match.
        with table.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
            separator = _separator(stream.readline(), column)
            stream.seek(0)
            rows = csv.reader(stream, delimiter=separator, strict=True)
            try:
                header = [name.strip().lower() for name in next(rows, [])]
                missing = [name for name in (column, "label") if header.count(name) != 1]
                if missing:
                    raise ImagesError(
                        f"{shown(table)}: its first line is {_quoted(','.join(header))}; it has to "
                        f"name the columns {column} and label, once each ({_called(column)})"
                    )
                places = [header.index(name) for name in (column, "label")]
                for row in filter(None, rows):
                    where = f"{shown(Path(table.name))}, line {rows.line_num}"
                    if len(row) != len(header):
                        raise ImagesError(
                            f"{where}: {len(row)} values for {len(header)} columns; a value that "
                            f"holds {_SEPARATORS[separator]} stands in quotation marks"
                        )
                    yield where, *(row[place].strip() for place in places)  # type: ignore[misc]
            except csv.Error as error:
                raise ImagesError(f"{shown(table)}: line {rows.line_num}: {error}") from None


def _called(column: str) -> str:
    if column == "path":
        return "images of a folder are called by their path below it"
    return "images of an array are called by their number, from 0"


def _separator(first: str, column: str) -> str:
    """What separates the values of a table, by its first line: spreadsheets differ.

    >>> _separator("path;label\\n", "path"), _separator("path,label,a;b\\n", "path")
    (';', ',')
    """
    for separator in _SEPARATORS:
        names = {name.strip().strip('"').lower() for name in first.split(separator)}
        if {column, "label"} <= names:
            return separator
    return ","


def _ways_to_say(name: str, table: Path, pool: Pool) -> Iterator[str]:
    """What an image may be called in the pool that is called `name` in a table, likeliest first."""
    if pool.root is None:
        yield str(int(name)) if name.isascii() and name.isdigit() and len(name) < 19 else name
        return
    yield str(PurePosixPath(name))
    for said in dict.fromkeys((name, name.replace("\\", "/"))):
        whole = table.parent / said  # `said` where that is absolute
        if "\0" not in said and (folder := _resolved(whole.parent)).is_relative_to(pool.root):
            yield str(PurePosixPath(folder.relative_to(pool.root), whole.name))
        yield str(PurePosixPath(said))


@lru_cache
def _resolved(folder: Path) -> Path:
    return folder.resolve()


def _unknown(name: str, pool: Pool) -> str:
    if pool.column == "index":
        return f"there is no image {_quoted(name)}; images are numbered 0 to {len(pool.names) - 1}"
    near = difflib.get_close_matches(name, pool.names[:_NAMES_SEARCHED], n=1)
    guess = f"; did you mean {_quoted(near[0])}?" if near else ""
    return f"there is no image {_quoted(name)} in {pool.images.source}{guess}"


def _quoted(text: str) -> str:
    return f"'{printable(text)[:200]}'"


def _contradicting_copies(pool: Pool, found: dict[int, str], said: dict[int, str]) -> list[str]:
    """Pairs of equal pictures with different labels."""
    first: dict[bytes, int] = {}
    faults = []
    for number in sorted(found):
        other = first.setdefault(pool.contents[number], number)
        if found[other] != found[number]:
            faults.append(
                f"{said[number]}: {_quoted(pool.names[number])} is {_quoted(found[number])} and "
                f"{_quoted(pool.names[other])}, the same picture, is {_quoted(found[other])} "
                f"({said[other]}); give both one label, or neither"
            )
    return faults


def _given(
    found: dict[int, str], pool: Pool, tables: Sequence[Path], repeated: int, left_out: int
) -> Given:
    names = sorted(set(found.values()), key=_in_order)
    check_classes(len(names), max(map(len, names), default=0), ", ".join(map(shown, tables)))
    if len(names) < 2:
        one = f"{len(found):,} labels, all of class {_quoted(names[0])}" if names else "no label"
        raise ImagesError(
            f"{', '.join(map(shown, tables))}: {one}; to tell classes apart takes at least one "
            "labelled image of each of two classes"
        )
    if len(found) == len(pool.names):
        raise ImagesError(
            f"all {len(found):,} images have labels, so that none is left to predict; `tacit run "
            "label-efficiency --images SOURCE` compares representations where all images have "
            "labels"
        )
    rows = np.array(sorted(found), np.int64)
    numbers = {name: number for number, name in enumerate(names)}
    y = np.array([numbers[found[row]] for row in rows.tolist()], np.int64)
    notes = []
    if repeated:
        notes.append(f"Rows that name an image again, with the same label: {repeated:,}.")
    if left_out:
        notes.append(f"Labels of images that were left out as unreadable: {left_out:,}.")
    single = [printable(name) for name, n in Counter(found.values()).items() if n == 1]
    if single:
        notes.append(
            f"One label only: {', '.join(sorted(single))}. It is always learned from, so that how "
            "well such a class is told cannot be judged."
        )
    return Given(Labelled(rows, y), tuple(printable(name) for name in names), tuple(notes))


def _in_order(name: str) -> tuple[int, int, str]:
    """Numbers by their size, before other names."""
    number = name.isascii() and name.isdigit() and len(name) < 19
    return (0, int(name), name) if number else (1, 0, name)
