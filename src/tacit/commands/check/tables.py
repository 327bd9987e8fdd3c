"""The lists as tables on disk, the surest first."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tacit.commands.written import Written
from tacit.images.dataset import UNLABELLED

if TYPE_CHECKING:
    from tacit.commands.check.run import Beside, Looked

TABLES = ("mislabelled.csv", "copies.csv", "odd.csv", "disagreements.csv")

Rows = Iterator[Sequence[Any]]


def write_tables(written: Written, looked: "Looked") -> None:
    """All tables; of disagreements only where another's labels were given.

    Raises:
        CommandError: one was changed since it was written.
    """
    column = looked.checked.column
    mislabelled, copies, odd, disagreements = (written.folder / name for name in TABLES)
    header = [column, "label", "fits", "wrong", "sure"]
    written.write(mislabelled, header, _mislabelled(looked))
    one, other = [column, "label", "split"], [f"other {column}", "other label", "other split"]
    header = [*one, *other, "left over", "relative", "leak", "labels differ", "sure"]
    written.write(copies, header, _copies(looked))
    written.write(odd, [column, "kind", "value", "deviations", "why", "sure"], _odd(looked))
    if looked.beside is not None:
        header = [column, "label", "other label", "likelier", "probability"]
        written.write(disagreements, header, _disagreements(looked, looked.beside))
    elif disagreements.exists():
        disagreements.unlink()  # of an earlier check; it was not changed, or nothing was written


def _mislabelled(looked: "Looked") -> Rows:
    found, checked = looked.findings.doubts, looked.checked
    if found is None:
        return
    classes, sure = checked.images.class_names, looked.findings.surely_wrong
    for i in found.listed.tolist():
        name = checked.names[found.place[i]]
        wrong = f"{found.wrong[i]:.4f}"
        yield name, classes[found.given[i]], classes[found.fits[i]], wrong, int(sure[i])


def _copies(looked: "Looked") -> Rows:
    found, checked = looked.findings, looked.checked
    pairs = found.pairs
    for i in range(len(pairs)):
        sides = []
        for row in (int(pairs.first[i]), int(pairs.second[i])):
            sides += [checked.names[row], label_of(looked, row), str(checked.sides[row])]
        flags = (int(found.leaks[i]), int(found.differ[i]), int(pairs.sure[i]))
        yield (*sides, f"{pairs.left_over[i]:.5f}", f"{pairs.relative[i]:.4f}", *flags)


def _odd(looked: "Looked") -> Rows:
    found, names = looked.findings.odd, looked.checked.names
    for name, reason in looked.checked.skipped:
        yield name, "unreadable", "", "", reason, 1
    for i, row in enumerate(found.row.tolist()):
        far = "" if np.isinf(found.deviations[i]) else f"{found.deviations[i]:.1f}"
        yield names[row], found.kind[i], f"{found.value[i]:.5g}", far, "", int(found.sure[i])


def _disagreements(looked: "Looked", beside: "Beside") -> Rows:
    for row in beside.found.rows.tolist():
        one, other = (beside.class_names[y[row]] for y in (beside.mine, beside.labels))
        likelier, probability = likelier_of(looked, row, one, other)
        shown = f"{probability:.4f}" if likelier else ""
        yield looked.checked.names[row], one, other, likelier, shown


def likelier_of(looked: "Looked", row: int, one: str, other: str) -> tuple[str, float]:
    """Which of two classes of an image others' labels speak for, and how surely; "" where none.

    The probability is that of the likelier against the other, as if the image were of one of them.
    """
    doubts, classes = looked.findings.doubts, looked.checked.images.class_names
    if doubts is None or one not in classes or other not in classes:
        return "", 0.0
    place = np.flatnonzero(doubts.place == row)
    if not len(place):
        return "", 0.0
    a, b = (float(doubts.probabilities[place[0], classes.index(name)]) for name in (one, other))
    return (one, a / (a + b)) if a >= b else (other, b / (a + b))


def label_of(looked: "Looked", row: int) -> str:
    """The name of an image's class, "" where it has none."""
    label = int(looked.checked.labels[row])
    return "" if label == UNLABELLED else looked.checked.images.class_names[label]
