"""Per-image numbers as CSV files."""

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tacit.files import write_atomically
from tacit.questions.base import Measurement

PREFIX = "table/"


def write_tables(folder: Path, question_id: str, measured: Mapping[int, Measurement]) -> None:
    """Write ``QUESTION-NAME.csv`` from the arrays called ``table/NAME/COLUMN`` of all seeds.

    Columns are the seed and those of the arrays, in the order of their names.
    """
    names = sorted(
        {
            array.split("/")[1]
            for found in measured.values()
            for array in found.arrays
            if array.startswith(PREFIX)
        }
    )
    for name in names:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / f"{question_id}-{name}.csv", _csv(name, measured))


def _write(path: Path, text: str) -> None:
    write_atomically(path, lambda file: file.write_text(text, encoding="utf-8"), durable=False)


def _csv(name: str, measured: Mapping[int, Measurement]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    header: list[str] = []
    for seed, found in measured.items():
        start = f"{PREFIX}{name}/"
        columns = {key[len(start) :]: a for key, a in found.arrays.items() if key.startswith(start)}
        if not header:
            header = ["seed", *sorted(columns)]
            writer.writerow(header)
        for row in zip(*(columns[column] for column in header[1:]), strict=True):
            writer.writerow([seed, *(_cell(value) for value in row)])
    return stream.getvalue()


def _cell(value: np.generic) -> object:
    """A number with all its digits; nothing where a number is undefined."""
    plain = value.item()
    if isinstance(plain, float):
        return repr(plain) if math.isfinite(plain) else ""
    return plain
