"""Per-image numbers as CSV files."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from tacit.files import write_csv
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
        start = f"{PREFIX}{name}/"
        columns = sorted(
            key.removeprefix(start)
            for key in next(iter(measured.values())).arrays
            if key.startswith(start)
        )
        rows = _rows([f"{start}{column}" for column in columns], measured)
        path = folder / f"{question_id}-{name}.csv"
        write_csv(path, ["seed", *columns], rows, durable=False)


def _rows(columns: Sequence[str], measured: Mapping[int, Measurement]) -> Iterator[list[object]]:
    for seed, found in measured.items():
        for row in zip(*(found.arrays[column] for column in columns), strict=True):
            yield [seed, *(_cell(value) for value in row)]


def _cell(value: np.generic) -> object:
    """A number with all its digits; nothing where a number is undefined."""
    plain = value.item()
    if isinstance(plain, float):
        return repr(plain) if math.isfinite(plain) else ""
    return plain
