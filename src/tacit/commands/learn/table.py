"""Labels of some images from tables that people wrote: every error at once, with its line."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tacit.commands.learn.pool import Pool
from tacit.errors import ImagesError
from tacit.images.bounded import shown
from tacit.images.classes import Classes, classes_of, quoted
from tacit.images.copies import contradicting
from tacit.images.dataset import UNLABELLED
from tacit.images.tables import Names, Told, errors_listed, read_tables
from tacit.labels.draws import Labelled


@dataclass(frozen=True)
class Given:
    """The labels that were given.

    Attributes:
        labelled: rows of the pool and their class numbers.
        class_names: in the order of the numbers.
        notes: sentences for people.
    """

    labelled: Labelled
    class_names: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def counts(self) -> list[int]:
        """How many labels each class has."""
        return np.bincount(self.labelled.y, minlength=len(self.class_names)).tolist()


def read_labels(tables: Sequence[Path], pool: Pool) -> Given:
    """What tables with the columns path (or index) and label say of the images of a pool.

    Tables are read as `tacit.images.tables.read_tables` does, and spellings of labels taken as
    `tacit.images.classes.classes_of` does. An image without a row, or whose label is empty, has no
    label.

    Raises:
        ImagesError: a table cannot be read, names what is not there or contradicts itself or
            another, copies of one picture have different labels, there are fewer than two classes,
            or no image is left without a label; the message says what to do.
    """
    names = Names(pool.names, pool.column, pool.images.source, pool.root)
    told = read_tables(tables, names, left_out=pool.skipped)
    where = ", ".join(map(shown, tables))
    errors = sorted([*told.missing, *told.errors], key=_place)
    if errors:
        raise ImagesError(errors_listed(errors, "the labels"))
    classes = classes_of(Counter(told.labels.values()), where)
    found = {
        number: classes.number_of(told.labels[name])
        for number, name in enumerate(pool.names)
        if name in told.labels
    }
    found = {number: label for number, label in found.items() if label != UNLABELLED}
    if errors := _contradicting_copies(pool, found, told):
        raise ImagesError(errors_listed(errors, "the labels"))
    return _given(found, classes, pool, where, told.notes)


def _place(error: str) -> tuple[str, int]:
    """An error's table and line, to list all in their order."""
    place = re.match(r"(.*?), line (\d+):", error)
    return (place[1], int(place[2])) if place else ("", 0)


def _contradicting_copies(pool: Pool, found: dict[int, int], told: Told) -> list[str]:
    """Pairs of equal pictures with different labels."""
    numbers = sorted(found)
    keys = [pool.contents[number] for number in numbers]
    errors = []
    for one, other in contradicting(keys, [found[number] for number in numbers]):
        name, first = pool.names[numbers[one]], pool.names[numbers[other]]
        errors.append(
            f"{told.said[name]}: {quoted(name)} is {quoted(told.labels[name])} and "
            f"{quoted(first)}, the same picture, is {quoted(told.labels[first])} "
            f"({told.said[first]}); give both one label, or neither"
        )
    return errors


def _given(
    found: dict[int, int], classes: Classes, pool: Pool, where: str, notes: Sequence[str]
) -> Given:
    names = classes.names
    if len(names) < 2:
        one = f"{len(found):,} labels, all of class {quoted(names[0])}" if names else "no label"
        raise ImagesError(
            f"{where}: {one}; to tell classes apart takes at least one labelled image of each of "
            "two classes"
        )
    if len(found) == len(pool.names):
        raise ImagesError(
            f"all {len(found):,} images have labels, so that none is left to predict; `tacit run "
            "label-efficiency --images SOURCE` compares representations where all images have "
            "labels"
        )
    rows = np.array(sorted(found), np.int64)
    y = np.array([found[row] for row in rows.tolist()], np.int64)
    single = [name for name, n in zip(names, np.bincount(y).tolist(), strict=True) if n == 1]
    notes = [*notes, *classes.notes]
    if single:
        notes.append(
            f"One label only: {', '.join(single)}. It is always learned from, so that how "
            "well such a class is told cannot be judged."
        )
    return Given(Labelled(rows, y), names, tuple(notes))
