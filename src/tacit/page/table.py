"""The table of labels on disk: every answer is in it, whole, before the next image is shown."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from tacit.errors import ImagesError
from tacit.files import write_atomically
from tacit.images.bounded import shown
from tacit.images.classes import classes_of, visible
from tacit.images.dataset import UNLABELLED
from tacit.images.tables import Names, as_written, read_labels

Mark = Literal["skip", "bad"]
MARKS: tuple[Mark, ...] = ("skip", "bad")
OWN = ("label", "mark", "time", "by")
STAMP = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(frozen=True)
class Said:
    """What the table says of an image: a class, or that it was skipped or is a bad image.

    Attributes:
        label: the class, "" for none. mark: "" for none.
        time: when, in UTC; "" where the table does not say. by: who.
    """

    label: str = ""
    mark: str = ""
    time: str = ""
    by: str = ""

    def __bool__(self) -> bool:
        return bool(self.label or self.mark)


NOTHING = Said()


class LabelTable:
    """One CSV file with a row for each image that was answered, in the order of the answers.

    Its columns are path (or index), label, mark, time and by. What was skipped and what is a bad
    image has a mark and no label, and so says nothing to ``tacit learn``. A table that people made
    is gone on with: its rows, other columns and separator stay.

    Args:
        path: the file, which need not be there.
        names: of the images.
        left_out: names of images that cannot be read.
        by: who labels.
        now: the time, for tests.

    Attributes:
        said: of each image that has an answer, by name.
        classes: as the table spells them, in the order of classes.
        notes: what people should know of the table, though it is no error.

    Raises:
        ImagesError: there is a table that cannot be used; all its errors.
    """

    def __init__(
        self,
        path: Path,
        names: Names,
        *,
        by: str,
        left_out: Iterable[str] = (),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.path, self.by, self.names, self._now = path, by, names, now
        self.said: dict[str, Said] = {}
        self.classes: list[str] = []
        self.notes: list[str] = []
        self._separator = ","
        self._header = [names.column, *OWN]
        self._rows: dict[str, list[str]] = {}  # of each image, as they stand in the file
        self._others: list[list[str]] = []  # of no image that is shown
        self._content: bytes | None = None  # what the file holds, as far as is known
        self._last = datetime.min.replace(tzinfo=UTC)
        if path.exists():
            self._read(list(left_out))

    def _read(self, left_out: list[str]) -> None:
        told = read_labels([self.path], self.names, left_out=left_out)
        classes = classes_of(Counter(told.labels.values()), shown(self.path))
        self.notes = [*told.notes, *classes.notes]
        labels = {name: classes.number_of(label) for name, label in told.labels.items()}
        self.classes = list(classes.names)
        self._content = self.path.read_bytes()
        self._separator, header, rows = as_written(self.path, self.names.column)
        self._header = [*header, *(name for name in OWN if name not in header)]
        at = {name: self._header.index(name) for name in (self.names.column, *OWN)}
        for row in rows:
            row = [value.strip() for value in row[: len(header)]]
            row += [""] * (len(self._header) - len(row))
            name = self.names.find(row[at[self.names.column]], self.path)
            if name is None:
                self._others.append(row)
                continue
            number = labels.get(name, UNLABELLED)
            label = "" if number == UNLABELLED else self.classes[number]
            mark = row[at["mark"]] if not label and row[at["mark"]] in MARKS else ""
            said = Said(label, mark, row[at["time"]], row[at["by"]])
            if said or name not in self._rows:
                self._rows[name] = row
            if said:
                self.said[name] = said
        self._last = max([self._last, *map(_time, self.said.values())])

    def check_class(self, name: str) -> str:
        """The name of a class as it is kept: known, or fit to stand beside those that are.

        Raises:
            ImagesError: it is no name, or looks like another one's other spelling.
        """
        name = visible(name)
        if not name:
            raise ImagesError("a class has a name, and this one is empty")
        if name in self.classes:
            return name
        sizes = Counter(said.label for said in self.said.values() if said.label)
        known = {one: max(1, sizes[one]) for one in self.classes}
        # Two of it, so that ten classes called by numbers are not taken for measurements.
        found = classes_of({one: n + 1 for one, n in known.items()} | {name: 2}, "this table")
        if found.number_of(name) == UNLABELLED:
            raise ImagesError(
                f"{name!r} means that an image has no label; call the class otherwise"
            )
        return found.names[found.number_of(name)]

    def write(self, answers: Mapping[str, Said], *, stamped: bool = True) -> dict[str, Said]:
        """Put answers into the file, and return what it said of these images before.

        When this returns they are on the disk; where the file cannot be written, nothing has
        changed.

        Args:
            answers: by the image's name; `NOTHING` takes an answer away.
            stamped: with the time and who; otherwise as they come.

        Raises:
            NotWritten: the file cannot be written.
            ImagesError: somebody else changed it.
        """
        self._check_unchanged()
        time = self._stamp()
        rows = dict(self._rows)
        before = {name: self.said.get(name, NOTHING) for name in answers}
        put = {
            name: Said(one.label, one.mark, time, self.by) if one and stamped else one
            for name, one in answers.items()
        }
        for name, one in put.items():
            row = rows.pop(name, None)
            if one or (row is not None and any(self._foreign(row))):
                rows[name] = self._row(name, one, row)
        content = self._text([*self._others, *rows.values()])
        write_atomically(self.path, lambda file: file.write_bytes(content))
        self._content, self._rows = content, rows
        for name, one in put.items():
            if one:
                self.said[name] = one
                if one.label and one.label not in self.classes:
                    self.classes.append(one.label)
            else:
                self.said.pop(name, None)
        return before

    def keep(self) -> None:
        """Write the file again where it was removed or moved: no answer goes with it.

        Raises:
            NotWritten: the file cannot be written.
        """
        if (content := self._content) is not None and not self.path.exists():
            write_atomically(self.path, lambda file: file.write_bytes(content))

    def actions(self) -> list[list[str]]:
        """Images that this person answered together, oldest first: those with a time."""
        together: dict[str, list[str]] = {}
        for name, said in self.said.items():
            if said.time and said.by == self.by:
                together.setdefault(said.time, []).append(name)
        return [together[time] for time in sorted(together)]

    def _row(self, name: str, said: Said, row: list[str] | None) -> list[str]:
        row = [""] * len(self._header) if row is None else list(row)
        own = dict(zip(OWN, (said.label, said.mark, said.time, said.by), strict=True))
        for column, value in {self.names.column: name, **own}.items():
            row[self._header.index(column)] = value
        return row

    def _foreign(self, row: list[str]) -> list[str]:
        """What a row holds in columns that are not this page's."""
        own = {self.names.column, *OWN}
        return [value for name, value in zip(self._header, row, strict=True) if name not in own]

    def _text(self, rows: Iterable[list[str]]) -> bytes:
        text = io.StringIO()
        writer = csv.writer(text, delimiter=self._separator, lineterminator="\n")
        writer.writerow(self._header)
        writer.writerows(rows)
        return text.getvalue().encode("utf-8", "surrogateescape")

    def _check_unchanged(self) -> None:
        # A file that was removed, or moved, is written anew: nobody's is lost by that.
        if self.path.exists() and self.path.read_bytes() != self._content:
            raise ImagesError(
                f"{shown(self.path)} was changed by someone else, and nothing of theirs is written "
                "over: start the page again, and it goes on with what is there"
            )

    def _stamp(self) -> str:
        """The time, later than all that the table holds, whatever the clock says: what was answered
        together, and what last, is known by it."""
        self._last = max(self._now(), self._last + timedelta(microseconds=1))
        return self._last.strftime(STAMP)


def _time(said: Said) -> datetime:
    """When an answer was given, as `LabelTable` writes it; else before all others."""
    before_all = datetime.min.replace(tzinfo=UTC)
    try:
        time = datetime.strptime(said.time, STAMP).replace(tzinfo=UTC)
    except ValueError:
        return before_all
    return time if time.year < datetime.max.year else before_all  # nothing would be later


def read_beside(
    path: Path, names: Names, table: LabelTable, *, left_out: Iterable[str] = ()
) -> dict[int, str]:
    """Another person's labels by the image's row, spelt as `table` spells them.

    Raises:
        ImagesError: there is a table that cannot be used; all its errors.
    """
    told = read_labels([path], names, left_out=list(left_out))
    mine = Counter(said.label for said in table.said.values() if said.label)
    classes = classes_of(mine + Counter(told.labels.values()), shown(path))
    found = {
        row: classes.number_of(told.labels[name])
        for row, name in enumerate(names.known)
        if name in told.labels
    }
    return {row: classes.names[y] for row, y in found.items() if y != UNLABELLED}
