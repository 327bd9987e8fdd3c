"""Which images' labels a method may see: drawn, or read from a file."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tacit.errors import ImagesError
from tacit.images.dataset import UNLABELLED
from tacit.images.splits import few_label_draw
from tacit.streams import numpy_stream

Labels = NDArray[np.integer[Any]]
Unit = Literal["per class", "in all"]
Pool = Literal["train", "all"]


class Labelled(NamedTuple):
    """What one trial may know: rows of the pool, sorted, (n,), and the labels of these, (n,)."""

    index: NDArray[np.int64]  # type: ignore[assignment]  # the field, not the method of tuple
    y: NDArray[np.int64]


@dataclass(frozen=True)
class Draws:
    """The labelled images of every trial, shared by all methods.

    Attributes:
        budgets: how many labels, as asked for, ascending.
        unit: of what the budgets count; of a file, which tells each trial's size, "in all".
        pool: what the indices count: training images, or training and then test images.
        index: for each budget and each draw, the rows of the pool, sorted.
    """

    budgets: tuple[int, ...]
    unit: Unit
    pool: Pool
    index: tuple[tuple[NDArray[np.int64], ...], ...]

    def labelled(self, labels: Labels) -> list[list[Labelled]]:
        """For each budget and each draw the rows with their labels, cut out of `labels`.

        This is the only place where all labels are read; methods of using labels get the result.
        """
        return [
            [Labelled(rows, np.asarray(labels[rows], dtype=np.int64)) for rows in draws]
            for draws in self.index
        ]


def nested_draws(
    labels: Labels,
    budgets: Sequence[int],
    n_draws: int,
    class_names: Sequence[str],
    *,
    in_all: bool = False,
    small_classes: Literal["refuse", "whole"] = "refuse",
) -> Draws:
    """Draws 0 to `n_draws` - 1 of each budget: stratified, seeded by their number, nested.

    The images of a smaller budget are among those of a larger one, and those of b per class are
    the images of `few_label_draw`. A budget in all is dealt to the classes in turn, so that class
    sizes differ by one at most; which classes come first is drawn anew in each draw. A class that
    runs out is passed over where `small_classes` is "whole".

    Args:
        labels: (N,); images without a label are never drawn.
        budgets: how many labels per class, or in all.
        n_draws: how many draws of each budget.
        class_names: of the classes 0, 1, ….
        in_all: `budgets` count all labels instead of those of each class.
        small_classes: what becomes of classes with fewer images than their part: they are an
            error, or the whole of them is taken.

    Raises:
        ImagesError: there are fewer than two classes, a class has no image or, with "refuse", too
            few; a budget in all is below the number of classes or above the number of labels; no
            budget or no draw is asked for, or a budget is asked for twice.
    """
    n_classes = len(class_names)
    counts = _class_sizes(labels, class_names)
    asked = sorted(budgets)
    least = n_classes if in_all else 1
    if n_draws < 1 or not asked or len(set(asked)) < len(asked) or asked[0] < least:
        raise ImagesError(
            f"budgets {list(budgets)} with {n_draws} draws: at least one draw and one budget are "
            f"needed, each budget once and at least {least}"
            + (f", one label for each of {n_classes} classes" if in_all else " per class")
        )
    if in_all and asked[-1] > counts.sum():
        raise ImagesError(
            f"a budget of {asked[-1]:,} labels is asked for, but only {counts.sum():,} images "
            "have one"
        )
    index = []
    for budget in asked:
        draws = []
        for draw in range(n_draws):
            parts = _dealt(budget, counts, draw, small_classes) if in_all else [budget] * n_classes
            draws.append(_drawn(labels, parts, draw, class_names, small_classes))
        index.append(tuple(draws))
    return Draws(tuple(asked), "in all" if in_all else "per class", "train", tuple(index))


def _class_sizes(labels: Labels, class_names: Sequence[str]) -> NDArray[np.int64]:
    counts = np.bincount(labels[labels != UNLABELLED], minlength=len(class_names))
    if len(class_names) < 2:
        raise ImagesError(
            f"labels of {len(class_names)} class ({', '.join(class_names) or 'none'}); "
            "what labels bring can be asked of two classes or more"
        )
    if len(counts) > len(class_names):
        raise ImagesError(
            f"label {len(counts) - 1} is given, but the {len(class_names)} classes are numbered "
            f"0 to {len(class_names) - 1}"
        )
    if not counts.all():
        raise ImagesError(
            f"class '{class_names[int(counts.argmin())]}' has no labelled image; every class needs "
            "one to draw from"
        )
    return counts


def _dealt(
    budget: int, counts: NDArray[np.int64], draw: int, small_classes: Literal["refuse", "whole"]
) -> list[int]:
    """How many labels of `budget` each class gets: one each in turn, classes in a drawn order."""
    order = numpy_stream(draw, "draw", "classes").permutation(len(counts))
    most = counts if small_classes == "whole" else np.full_like(counts, budget)
    # The last whole round is the largest level to which all classes can be filled.
    low, high = 0, budget
    while low < high:
        level = (low + high + 1) // 2
        low, high = (level, high) if np.minimum(most, level).sum() <= budget else (low, level - 1)
    parts = np.minimum(most, low)
    rest = budget - int(parts.sum())
    parts[[label for label in order if most[label] > low][:rest]] += 1
    return parts.tolist()


def _drawn(
    labels: Labels,
    parts: Sequence[int],
    draw: int,
    class_names: Sequence[str],
    small_classes: Literal["refuse", "whole"],
) -> NDArray[np.int64]:
    """`parts[c]` images of class c, each the first of the class's order in this draw."""
    found = []
    for part in set(parts):
        classes = np.flatnonzero(np.asarray(parts) == part)
        mine = np.where(np.isin(labels, classes), labels, UNLABELLED)
        if small_classes == "refuse":
            _refuse_small(mine, classes, part, class_names)
        found.append(few_label_draw(mine, part, draw, class_names, small_classes="whole"))
    return np.sort(np.concatenate(found))


def _refuse_small(
    labels: Labels, classes: NDArray[np.int64], part: int, class_names: Sequence[str]
) -> None:
    sizes = {int(label): int((labels == label).sum()) for label in classes}
    smallest = min(sizes, key=lambda label: sizes[label])
    if sizes[smallest] < part:
        raise ImagesError(
            f"{part} labels of each class are asked for, but class '{class_names[smallest]}' has "
            f"only {sizes[smallest]}; ask for at most so many, or for the whole of such classes "
            "(`small_classes: whole`)"
        )


def read_draws(path: str | Path, n_train: int, n_test: int, labels: Labels) -> Draws:
    """Draws that someone else made, such as those behind a published table.

    The file is JSON: ``{"pool": "train", "trials": [[3, 1415, 92], [65, 3589, 79]]}``. Each trial
    lists the images whose labels it may see, counted from 0, in ``"train"`` the training images,
    in ``"all"`` the training and then the test images. Trials of one size are the draws of one
    budget, in the file's order.

    Args:
        path: the file.
        n_train, n_test: how many images there are.
        labels: of the training and then the test images, (n_train + n_test,), to see that every
            image named has one.

    Raises:
        ImagesError: the file is not of this form, an index is out of range or named twice in a
            trial, or an image named has no label; the message says which trial, counted from 0,
            and which value.
    """
    path = Path(path)
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ImagesError(f"draws cannot be read from {path}: {error}") from error
    if not (isinstance(read, dict) and read.keys() == {"pool", "trials"}):
        raise ImagesError(f'{path} is not of the form {{"pool": "train", "trials": [[0, 1], …]}}')
    pool, trials = read["pool"], read["trials"]
    if pool not in ("train", "all"):
        raise ImagesError(f"{path}: `pool` is {pool!r}; 'train' or 'all' can be drawn from")
    if not isinstance(trials, list) or not trials:
        raise ImagesError(f"{path}: `trials` is {trials!r:.60}; it is a list of lists of indices")
    n_pool = n_train if pool == "train" else n_train + n_test
    by_size: dict[int, list[NDArray[np.int64]]] = {}
    for number, trial in enumerate(trials):
        rows = _checked(trial, f"{path}, trial {number}", n_pool, pool, labels)
        by_size.setdefault(len(rows), []).append(rows)
    sizes = sorted(by_size)
    return Draws(tuple(sizes), "in all", pool, tuple(tuple(by_size[size]) for size in sizes))


def _checked(
    trial: object, where: str, n_pool: int, pool: Pool, labels: Labels
) -> NDArray[np.int64]:
    """One trial's rows, sorted, or an error that names its first error."""
    if not isinstance(trial, list) or not trial:
        raise ImagesError(f"{where}: {trial!r:.60} is no list of indices with at least one")
    seen = set()
    for value in trial:
        if type(value) is not int:  # a bool is an int to isinstance
            raise ImagesError(f"{where}: {value!r:.60} is no index; whole numbers from 0 are")
        if not 0 <= value < n_pool:
            what = "training images" if pool == "train" else "training and test images"
            raise ImagesError(
                f"{where}: index {value} is out of range; the {n_pool:,} {what} are numbered 0 to "
                f"{n_pool - 1}"
            )
        if value in seen:
            raise ImagesError(f"{where}: index {value} is named twice; an image has one label")
        if labels[value] == UNLABELLED:
            raise ImagesError(f"{where}: image {value} has no label; name images that have one")
        seen.add(value)
    return np.sort(np.array(trial, dtype=np.int64))
