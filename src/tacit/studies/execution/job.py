"""A unit of work, as plain data. Nothing here costs time to import."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Job:
    """One unit of work: a run or a question, for one seed (and draw).

    Attributes:
        id: a hash of everything that its result depends on.
        kind: "train" or "measure".
        name: of the run or the question.
        seed, draw: which repetition.
        folder: where it writes, relative to the study's folder; nowhere else.
        needs: ids of the jobs that it reads.
        task: what is to be done, as plain data.
        weight: roughly how much work it is; heavier jobs start first.
    """

    id: str
    kind: str
    name: str
    seed: int
    draw: int
    folder: str
    needs: tuple[str, ...]
    task: dict[str, Any]
    weight: float

    @property
    def reads(self) -> tuple[str, ...]:
        """The folders of the jobs that it reads."""
        taken = [part["folder"] for part in self.task.get("taken", ())]
        looked_at = [folder for each in self.task.get("runs", {}).values() for folder in each]
        return tuple(dict.fromkeys((*taken, *looked_at)))

    @property
    def ranks(self) -> int:
        """How many processes do it together."""
        ranks: int = self.task.get("ranks", 1)
        return ranks

    @property
    def label(self) -> str:
        """How people are told of it."""
        draw = f" draw {self.draw}" if self.task.get("few") else ""
        part = f", {self.task['part']}" if self.task.get("part") else ""
        return f"{self.name}{part} (seed {self.seed}{draw})"
