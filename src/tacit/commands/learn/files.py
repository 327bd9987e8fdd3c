"""What ``tacit learn`` leaves behind, and how it keeps from writing over what people changed."""

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tacit.commands.learn.study import NAME
from tacit.commands.options import CommandError
from tacit.files import Damaged, file_sha256, read_record, write_atomically, write_record
from tacit.saved.folder import holds_others
from tacit.saved.runs import INDEX
from tacit.studies.execution.holding import is_bare


@dataclass(frozen=True)
class Files:
    """The files of one folder."""

    folder: Path

    @property
    def predictions(self) -> Path:
        return self.folder / "predictions.csv"

    @property
    def next(self) -> Path:
        return self.folder / "label-next.csv"

    @property
    def model(self) -> Path:
        return self.folder / "model"

    @property
    def _record(self) -> Path:
        return self.folder / "written.json"

    def check(self) -> None:
        """See, before any work, that nothing of anyone else's would be written over.

        Raises:
            CommandError: the folder is another study's or holds other things, or a table was
                changed since it was written.
        """
        if not self.folder.exists():
            return
        if not self.folder.is_dir():
            raise CommandError(f"--out is {self.folder}, a file; name a folder")
        if self._study() != NAME and not is_bare(self.folder):
            raise CommandError(
                f"--out is {self.folder}, which holds other things; name a new folder, or one that "
                "this command made"
            )
        if self.model.is_dir() and holds_others(self.model):
            raise CommandError(f"{self.model} holds other things; move it elsewhere")
        for table in (self.predictions, self.next):
            self._check_unchanged(table)

    def _check_unchanged(self, table: Path) -> None:
        ours = [self._written.get(name) for name in (table.name, _coming(table))]
        if table.exists() and file_sha256(table) not in ours:
            raise CommandError(
                f"{table} was changed since it was written, and nothing of yours is written "
                f"over: move it elsewhere (its labels can be given with --labels, beside "
                "others), then run the command again"
            )

    @property
    def _written(self) -> dict[str, Any]:
        """The checksum of each table as it was written, and of one that is being written.

        Where that is not known, or damaged, any table may be someone's.
        """
        try:
            return read_record(self._record)
        except (FileNotFoundError, Damaged):
            return {}

    def _study(self) -> str:
        try:
            return str(read_record(self.folder / INDEX).get("study"))
        except (OSError, Damaged):
            return ""

    def write(self, table: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Write one of the tables, and note what was written.

        Raises:
            CommandError: the table there was changed since it was written.
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
        content = text.getvalue().encode("utf-8", "surrogateescape")
        self._check_unchanged(table)
        # Whatever comes between, the table that is found is known to be no one else's.
        written, sha256 = self._written, hashlib.sha256(content).hexdigest()
        write_record(self._record, written | {_coming(table): sha256})
        write_atomically(table, lambda file: file.write_bytes(content))
        written.pop(_coming(table), None)
        write_record(self._record, written | {table.name: sha256})


def _coming(table: Path) -> str:
    return f"{table.name}, coming"
