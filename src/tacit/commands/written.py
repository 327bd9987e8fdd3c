"""Tables in a folder of results, of which none that somebody changed is written over."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tacit.commands.options import CommandError
from tacit.files import Damaged, file_sha256, read_record, write_csv, write_record


@dataclass(frozen=True)
class Written:
    """The tables of a folder, with a record of what was written into each."""

    folder: Path

    @property
    def record(self) -> Path:
        """The file that holds their checksums."""
        return self.folder / "written.json"

    def check_unchanged(self, table: Path) -> None:
        """See that a table is not there, or is as it was written.

        Raises:
            CommandError: somebody changed it.
        """
        ours = [self._known.get(name) for name in (table.name, _coming(table))]
        if table.exists() and file_sha256(table) not in ours:
            raise CommandError(
                f"{table} was changed since it was written, and nothing of yours is written "
                "over: move it elsewhere (its labels can be given with --labels, beside "
                "others), then run the command again"
            )

    @property
    def _known(self) -> dict[str, Any]:
        """The checksum of each table as it was written, and of one that is being written.

        Where that is not known, or damaged, any table may be someone's.
        """
        try:
            return read_record(self.record)
        except (FileNotFoundError, Damaged):
            return {}

    def write(self, table: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Write one of the tables, and note what was written.

        Raises:
            CommandError: the table there was changed since it was written.
        """
        self.check_unchanged(table)
        known = self._known

        def before(sha256: str) -> None:
            # Whatever comes between, the table that is found is known to be no one else's.
            write_record(self.record, known | {_coming(table): sha256})

        sha256 = write_csv(table, header, rows, before=before)
        known.pop(_coming(table), None)
        write_record(self.record, known | {table.name: sha256})


def _coming(table: Path) -> str:
    return f"{table.name}, coming"
