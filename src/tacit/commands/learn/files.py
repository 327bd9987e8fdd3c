"""What ``tacit learn`` leaves behind, and how it keeps from writing over what people changed."""

from dataclasses import dataclass
from pathlib import Path

from tacit.commands.learn.study import NAME
from tacit.commands.options import CommandError
from tacit.commands.written import Written
from tacit.files import Damaged, read_record
from tacit.saved.folder import holds_others
from tacit.saved.runs import INDEX
from tacit.studies.execution.holding import is_bare


@dataclass(frozen=True)
class Files(Written):
    """The files of one folder."""

    @property
    def predictions(self) -> Path:
        return self.folder / "predictions.csv"

    @property
    def next(self) -> Path:
        return self.folder / "label-next.csv"

    @property
    def model(self) -> Path:
        return self.folder / "model"

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
            self.check_unchanged(table)

    def _study(self) -> str:
        try:
            return str(read_record(self.folder / INDEX).get("study"))
        except (OSError, Damaged):
            return ""
