"""``tacit learn`` on a few dozen digits, of which a table gives some their labels."""

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from small import some_digits

from tacit.cli import run_command

FEW_LABELS = "few-labels"
PAIRS = "pixels.nearest,vae.logistic,vae.poisson"


@dataclass(frozen=True)
class Few:
    """Images without labels, and a table with the labels of some."""

    images: Path
    labels: Path

    def command(self, out: Path) -> list[str]:
        """What is given to ``tacit``."""
        return [
            "learn", str(self.images), "--labels", str(self.labels), "--pairs", PAIRS,
            "--epochs", "1", "--ask", "4", "--jobs", "1", "--device", "cpu", "--out", str(out),
        ]  # fmt: skip


def write_few(place: Path) -> Few:
    """60 digits, two of each of the first four classes with a label."""
    few = Few(place / "digits.npy", place / "labels.csv")
    train = some_digits().train
    assert train.labels is not None
    np.save(few.images, train.pixels[:, 0])
    known = [row for label in range(4) for row in np.flatnonzero(train.labels == label)[:2]]
    lines = [f"{row},digit {train.labels[row]}\n" for row in known]
    few.labels.write_text("index,label\n" + "".join(lines))
    return few


def few_labels(few: Few, folder: Path) -> list[str]:
    """Run the command into `folder`; what went wrong, or had to be said."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = run_command(few.command(folder))
    text = said.getvalue()
    return [f"exit code {code}: {text}"] if code or "NOTICED" in text else []
