"""What ``tacit labels`` leaves behind, and how it keeps from writing over what people changed."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tacit.commands.labels_study import NAME
from tacit.commands.options import CommandError
from tacit.files import Damaged, file_sha256, read_record, write_atomically, write_record
from tacit.saved.folder import is_model_folder
from tacit.saved.runs import INDEX


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
        if any(self.folder.iterdir()) and self._study() != NAME:
            raise CommandError(
                f"--out is {self.folder}, which holds other things; name a new folder, or one that "
                "this command made"
            )
        if self.model.is_dir() and any(self.model.iterdir()) and not is_model_folder(self.model):
            raise CommandError(f"{self.model} holds other things; move it elsewhere")
        written = read_record(self._record) if self._record.exists() else {}
        for table in (self.predictions, self.next):
            if table.exists() and file_sha256(table) != written.get(table.name):
                raise CommandError(
                    f"{table} was changed since it was written, and nothing of yours is written "
                    f"over: move it elsewhere (its labels can be given with --labels, beside "
                    "others), then run the command again"
                )

    def _study(self) -> str:
        try:
            return str(read_record(self.folder / INDEX).get("study"))
        except (OSError, Damaged):
            return ""

    def write(self, table: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Write one of the tables, and note what was written."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
        content = text.getvalue().encode("utf-8", "surrogateescape")
        write_atomically(table, lambda file: file.write_bytes(content))
        written = read_record(self._record) if self._record.exists() else {}
        write_record(self._record, written | {table.name: file_sha256(table)})
