"""Tables of labels that people wrote: one reader for all, every error at once, with its line."""

import csv
import difflib
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Literal, NamedTuple

from tacit.errors import ImagesError
from tacit.images.bounded import errors_named, printable, shown
from tacit.images.classes import MISSING, plain, quoted

MAX_TABLE = 256 << 20
"""Bytes that a table may have: some millions of rows."""

ERRORS_LISTED = 100

_SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a vertical bar"}
_NAMES_SEARCHED = 5_000
"""A misspelt name is compared with so many; more would take minutes."""

_SIDES = {"": "", "train": "train", "training": "train", "test": "test", "testing": "test"}
_NO_TEXT = {
    b"\xff\xfe\0\0": "is UTF-32 text",
    b"\xff\xfe": "is UTF-16 text",
    b"\xfe\xff": "is UTF-16 text",
    b"\x1f\x8b": "is compressed with gzip",
    b"PK": "is a workbook or another zip archive",
    b"\xd0\xcf\x11\xe0": "is a workbook",
}


class Row(NamedTuple):
    """A row of a table: where it stands, its image, its label, and its side of the split."""

    where: str
    name: str
    label: str
    side: str


class Names:
    """What images are called, and may be called in a table.

    Attributes:
        column: "path" below `root`, or "index" from 0.
        root: the folder that they lie in, resolved; None where they lie in none.
        source: the folder or file, for messages.
    """

    def __init__(
        self,
        names: Iterable[str],
        column: Literal["path", "index"],
        source: str,
        root: Path | None = None,
    ) -> None:
        self.known = dict.fromkeys(names)
        self.column, self.source, self.root = column, source, root

    def find(self, name: str, table: Path) -> str | None:
        """The image that a table calls `name`; None where it is none of these.

        A path may begin at the root, where the table lies, or be absolute; it may have
        backslashes, another composition of its accents, or come from another machine, where the
        folder had the same name.
        """
        return next((way for way in self._ways(name, table) if way in self.known), None)

    def _ways(self, name: str, table: Path) -> Iterator[str]:
        if self.column == "index":
            yield str(int(name)) if name.isascii() and name.isdigit() and len(name) < 19 else name
            return
        if "\0" in name:
            return
        yield str(PurePosixPath(name))
        slashes = dict.fromkeys((name, name.replace("\\", "/")))
        for said in slashes:
            whole = table.parent / said  # `said` where that is absolute
            if self.root and (folder := _resolved(whole.parent)).is_relative_to(self.root):
                yield str(PurePosixPath(folder.relative_to(self.root), whole.name))
            yield str(PurePosixPath(said))
        yield from self._elsewhere(name)
        composed = unicodedata.normalize("NFC", str(PurePosixPath(name.replace("\\", "/"))))
        if composed in self._composed:
            yield self._composed[composed]

    def _elsewhere(self, name: str) -> Iterator[str]:
        """Below a folder of the root's name, as seen from another place or machine."""
        windows = PureWindowsPath(name)
        parts = windows.parts
        if name.startswith("/") and Path(name).exists():
            return  # of this machine, and elsewhere
        if self.root and self.root.name in (parts[:-1] if windows.root else parts[:1]):
            last = len(parts) - 1 - parts[::-1].index(self.root.name)
            if ".." not in parts:
                yield "/".join(parts[last + 1 :])

    @cached_property
    def _composed(self) -> dict[str, str]:
        """Names by their composed form, where no two have the same."""
        found: dict[str, str] = {}
        for name in self.known:
            composed = unicodedata.normalize("NFC", name)
            found[composed] = "" if composed in found else name
        return found

    def unknown(self, name: str, *, guess: bool = True) -> str:
        """What to say of a name that is none of an image's; with a `guess`, which takes time."""
        if self.column == "index":
            return (
                f"there is no image {quoted(name)}; images are numbered 0 to {len(self.known) - 1}"
            )
        other = _other_encoding(name)
        if other and unicodedata.normalize("NFC", other[1]) in self._composed:
            return (
                f"{quoted(name)} is no UTF-8 ({other[0]} for {quoted(other[1])}); save the table "
                "as CSV in UTF-8"
            )
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or PureWindowsPath(name).drive or ".." in path.parts:
            return f"{quoted(name)} leads out of the folder {self.source}"
        near = self._near(name) if guess else []
        meant = f"; did you mean {quoted(near[0])}?" if near else ""
        return f"there is no image {quoted(name)} in {self.source}{meant}"

    def _near(self, name: str) -> list[str]:
        """Images with a name like this one, or with the same one in another folder."""
        path = PurePosixPath(name.replace("\\", "/"))
        alike = [
            other
            for other in self._some
            if name.casefold() in (other.casefold(), str(PurePosixPath(other).with_suffix("")))
        ]
        near = alike or difflib.get_close_matches(name, self._some, n=1)
        return near or [other for other in self._some if PurePosixPath(other).name == path.name]

    @cached_property
    def _some(self) -> list[str]:
        return list(self.known)[:_NAMES_SEARCHED]


@dataclass
class Told:
    """What tables say of images.

    Attributes:
        labels: of each image that has one, as it is spelt there.
        sides: "train" or "test", of each image that a table puts there.
        said: where, of each image.
        missing: what to say of each row that names no image.
        errors: what else is wrong.
        repeated: rows that say again what was said. left_out: rows of images that were left out.
    """

    labels: dict[str, str] = field(default_factory=dict)
    sides: dict[str, str] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    repeated: int = 0
    left_out: int = 0

    @property
    def notes(self) -> list[str]:
        """What people should know, though it is no error."""
        notes = []
        if self.repeated:
            notes.append(f"Rows that name an image again, with the same label: {self.repeated:,}.")
        if self.left_out:
            notes.append(f"Labels of images that were left out as unreadable: {self.left_out:,}.")
        return notes


def read_tables(
    tables: Sequence[Path],
    names: Names,
    *,
    left_out: Iterable[str] = (),
    sides: bool = False,
) -> Told:
    """What tables with the columns path (or index) and label say of images, in any order.

    Other columns are passed over, and so are rows that say nothing. Values are separated by commas,
    semicolons, tabs or vertical bars. A row that repeats another is counted.

    Args:
        tables: CSV files in UTF-8.
        names: of the images.
        left_out: names of images that cannot be read; their rows are counted.
        sides: whether a column `split` says which images are tested on.

    Raises:
        ImagesError: a table cannot be read as one. Errors of rows are in what is returned.
    """
    told = Told()
    absent = Names(left_out, names.column, names.source, names.root)
    for table in tables:
        for row in _rows(table, names.column, sides, told.errors):
            if not (row.label or row.side):
                continue
            name = names.find(row.name, table)
            if name is None and absent.find(row.name, table) is not None:
                told.left_out += 1
            elif name is None:
                listed = len(told.missing) < ERRORS_LISTED
                told.missing.append(f"{row.where}: {names.unknown(row.name, guess=listed)}")
            else:
                _take(row, name, told)
    return told


def as_written(table: Path, column: str) -> tuple[str, list[str], list[list[str]]]:
    """A table that `read_tables` has read, to be written again: what separates its values, the
    names of its columns in small letters, and its rows that are not empty."""
    with table.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
        separator = _separator(stream, column)
        header, *rows = filter(_says, csv.reader(stream, delimiter=separator, strict=True))
    return separator, [name.strip().lower() for name in header], rows


def _take(row: Row, name: str, told: Told) -> None:
    before, where = told.labels.get(name, ""), told.said.get(name, "")
    said, label = plain(before), plain(row.label)
    if said and label and said != label and not {said, label} & MISSING:
        told.errors.append(
            f"{row.where}: {quoted(row.name)} is {quoted(row.label)} here and {quoted(before)} in "
            f"{where}; an image has one label"
        )
        return
    if row.side and told.sides.get(name, row.side) != row.side:
        told.errors.append(
            f"{row.where}: {quoted(row.name)} is of {row.side} here and of {told.sides[name]} in "
            f"{where}; an image is on one side of the split"
        )
        return
    told.repeated += name in told.said
    told.said[name] = row.where
    if row.label and (not said or said in MISSING):
        told.labels[name] = row.label
    if row.side:
        told.sides[name] = row.side


def read_labels(
    tables: Sequence[Path], names: Names, *, left_out: Iterable[str] = (), sides: bool = False
) -> Told:
    """`read_tables` of tables that have no error.

    Raises:
        ImagesError: as `read_tables`; or a table has errors, and all of them are told.
    """
    told = read_tables(tables, names, left_out=left_out, sides=sides)
    if errors := [*told.missing, *told.errors]:
        raise ImagesError(errors_listed(errors, "the labels"))
    return told


def errors_listed(errors: Sequence[str], what: str) -> str:
    """All errors in one message, of which the first hundred are listed."""
    more = len(errors) - ERRORS_LISTED
    listed = "".join(f"\n  {error}" for error in errors[:ERRORS_LISTED])
    further = f"\n  and {more:,} more" if more > 0 else ""
    return f"{len(errors):,} error{'s' * (len(errors) != 1)} in {what}:{listed}{further}"


def _rows(table: Path, column: str, sides: bool, errors: list[str]) -> Iterator[Row]:
    with errors_named(table):
        _check_text(table)
        # Names on disk are bytes; surrogateescape lets those that are no UTF-8 match.
        with table.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
            separator = _separator(stream, column)
            rows = csv.reader(stream, delimiter=separator, strict=True)
            try:
                header = [name.strip().lower() for name in next(filter(_says, rows), [])]
                places = _places(header, column, sides, table)
                for row in filter(None, rows):
                    where = f"{shown(Path(table.name))}, line {rows.line_num}"
                    found = _row(row, header, places, where, separator, errors)
                    if found is not None:
                        yield found
            except csv.Error as error:
                raise ImagesError(
                    f"{shown(table)}: line {rows.line_num} is no line of a table; is a quotation "
                    f"mark opened there and not closed? ({error})"
                ) from None


def _says(row: list[str]) -> bool:
    """Whether a row says anything."""
    return any(value.strip() for value in row)


def _row(
    row: list[str],
    header: list[str],
    places: list[int],
    where: str,
    separator: str,
    errors: list[str],
) -> Row | None:
    """A row of a table; None where something is wrong with it, which is added to `errors`."""
    if len(row) < len(header) or any(value.strip() for value in row[len(header) :]):
        errors.append(
            f"{where}: {len(row)} values for {len(header)} columns; a value that holds "
            f"{_SEPARATORS[separator]} stands in quotation marks"
        )
        return None
    name, label, *rest = (row[place].strip() for place in places)
    side = _SIDES.get("".join(rest).lower())
    if side is None:
        errors.append(f"{where}: split is {quoted(rest[0])}; it is train, test or empty")
        return None
    if other := _other_encoding(label):
        raise ImagesError(
            f"{where}: the label {quoted(label)} is no UTF-8; in {other[0]}, as spreadsheets write "
            f"plain CSV, it reads {quoted(other[1])}. Save the table as CSV in UTF-8"
        )
    if not name and (label or side):
        errors.append(f"{where}: a label of no image: the column for images is empty")
        return None
    return Row(where, name, label, side)


def _check_text(table: Path) -> None:
    """See that a table is text, and of a size that can be read."""
    if (size := table.stat().st_size) > MAX_TABLE:
        raise ImagesError(f"{shown(table)}: has {size:,} bytes; {MAX_TABLE:,} are read")
    with table.open("rb") as file:
        beginning = file.read(1024)
    kind = next((said for mark, said in _NO_TEXT.items() if beginning.startswith(mark)), None)
    if kind or b"\0" in beginning:
        raise ImagesError(f"{shown(table)}: {kind or 'is no plain text'}; save it as CSV in UTF-8")


def _places(header: list[str], column: str, sides: bool, table: Path) -> list[int]:
    """Where the columns stand that are read."""
    wanted = [column, "label"] + ["split"] * (sides and "split" in header)
    if not header:
        raise ImagesError(f"{shown(table)}: is empty; its first line names the columns")
    if any(header.count(name) != 1 for name in wanted):
        called = (
            "images of a folder are called by their path below it"
            if column == "path"
            else "images of an array are called by their number, from 0"
        )
        raise ImagesError(
            f"{shown(table)}: its first line is {quoted(','.join(header))}; it has to name the "
            f"columns {' and '.join(wanted[:2])}, once each ({called})"
        )
    return [header.index(name) for name in wanted]


def _separator(stream: Iterator[str], column: str) -> str:
    """What separates the values of a table, by its first line; the stream stands before that.

    Spreadsheets differ, and some say it in a line of their own, "sep=;".
    """
    first = next((line for line in stream if line.strip()), "")
    if first.lower().startswith("sep=") and (said := first.rstrip("\r\n")[4:]) in _SEPARATORS:
        return said
    stream.seek(0)  # type: ignore[attr-defined]
    for separator in _SEPARATORS:
        names = {name.strip().strip('"').lower() for name in first.split(separator)}
        if {column, "label"} <= names:
            return separator
    return ","


def _other_encoding(text: str) -> tuple[str, str] | None:
    """What bytes that are no UTF-8 would be in another encoding, and in which."""
    if printable(text) == text or not any("\udc80" <= c <= "\udcff" for c in text):
        return None
    data = text.encode("utf-8", "surrogateescape")
    try:
        return "cp1252", data.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1", data.decode("latin-1")


@lru_cache
def _resolved(folder: Path) -> Path:
    return folder.resolve()
