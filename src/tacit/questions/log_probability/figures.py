"""Figures and the table of log p(x): images with their values, classes, and what explains them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tacit.figures.charts import histogram, scatter
from tacit.figures.sink import Figure
from tacit.measures.formatting import show, significant
from tacit.questions.base import Setting
from tacit.questions.finding import Table
from tacit.questions.log_probability.annealing.words import table_of
from tacit.questions.log_probability.numbers import Found
from tacit.questions.shared.splits import SPLITS

PER_ROW = 10


def draw(scores: Found, setting: Setting) -> tuple[Figure, ...]:
    """All figures, in reading order: first the one that shows the verdict."""
    if not scores.classes:
        return (
            _distributions(scores, setting),
            _images(scores, setting),
            _over_images(scores, setting),
        )
    return (
        _by_class(scores, setting),
        _one_each(scores, setting),
        _beside_classes(scores, setting),
        _over_images(scores, setting),
        _images(scores, setting),
    )


def tables(scores: Found, setting: Setting) -> tuple[Table, ...]:
    """Classes, where there are some, and other methods, where they were asked for."""
    by_class = (_class_table(scores, setting),) if scores.classes else ()
    return by_class if scores.checks is None else (*by_class, table_of(scores.checks))


def _class_table(scores: Found, setting: Setting) -> Table:
    """log p(x) by class, beside what else differs by class."""
    labels = scores.labels("test")

    def beside(column: str) -> Callable[[int], float]:
        values = scores.beside(column)
        return lambda k: float(significant(float(values[k])).replace(",", ""))

    return Table.of(
        "Classes from the likeliest down: mean log p(x) in nats, mean intensity, "
        "pixel, and the variance within a class summed over pixels, on [0, 1]; "
        "variance and mean images are those of the test images.",
        _ranked(scores),
        {
            "class": lambda k: setting.class_names[scores.classes[k]],
            "test images": lambda k: int(np.sum(labels == scores.classes[k])),
            "log p(x), test": scores.by_class("test", "log_prob").__getitem__,
            "log p(x), train": scores.by_class("train", "log_prob").__getitem__,
            "mean intensity": beside("mean_intensity"),
            "variance within class": beside("within_class_variance"),
            "log-likelihood of the mean image": beside("mean_image"),
            "of the class's mean image": beside("class_mean_image"),
        },
    )


def _ranked(scores: Found) -> list[int]:
    """Places in `classes`, the likeliest first."""
    found: list[int] = np.argsort(-scores.class_means("log_prob"), kind="stable").tolist()
    return found


def _one_each(scores: Found, setting: Setting) -> Figure:
    """The first image of each class, of training and test images, whatever its value."""
    pictures: list[NDArray[np.generic]] = []
    notes: list[list[str]] = []
    for split in SPLITS:
        table, shown = getattr(scores.first, split), scores.first.shown[split]
        classes, at = np.unique(table.label[shown.rows], return_index=True)
        pictures.append(shown.pixels[at])
        rows = shown.rows[at]
        values = table.log_prob[rows], table.standard_error[rows], table.flagged[rows]
        notes.append(
            [
                f"≥ {value:.1f}" if unreliable else f"{value:.1f} ± {error:.1f}"
                for value, error, unreliable in zip(*values, strict=True)
            ]
        )
    names = [setting.class_names[c] for c in classes.tolist()]
    lines = [slice(start, start + PER_ROW) for start in range(0, len(names), PER_ROW)]
    return setting.pictures(
        "one-of-each-class",
        [(s, shown[line]) for line in lines for s, shown in zip(SPLITS, pictures, strict=True)],
        "One training and one test image of each class with its log p(x) and standard error in "
        "nats. Where the weights are unreliable (≥) the value is a lower bound, with no error to "
        "be believed. The images were drawn at random, not chosen by their value."
        + _not_all(scores),
        columns=names if len(lines) == 1 else (),
        notes=[told[line] for line in lines for told in notes],
        told="; ".join(
            f"class {name}: {train} nats in training, {test} in test"
            for name, train, test in zip(names, *notes, strict=True)
        ),
    )


def _images(scores: Found, setting: Setting) -> Figure:
    """All images that are shown, each with its value: a row per class, train beside test."""
    rows: list[tuple[str, list[NDArray[np.generic] | None]]] = []
    notes: list[list[str]] = []
    if scores.classes:
        shown = _classes_shown(scores)
        sides = {c: [_shown(scores, split, c) for split in SPLITS] for c in shown}
        width = 1 + max(len(train) for (train, _), _ in sides.values())
        for c, ((train, train_notes), (test, test_notes)) in sides.items():
            gap = width - len(train)
            rows.append((setting.class_names[c], [*train, *[None] * gap, *test]))
            notes.append([*train_notes, *[""] * gap, *test_notes])
        heads = ["train", *[""] * (width - 1), "test"]
        heads += [""] * (max(len(row) for _, row in rows) - len(heads))
        of_each = " of each class" + _not_all(scores)
    else:
        heads, of_each = [], ""
        for split in SPLITS:
            images, values = _shown(scores, split, None)
            rows.append((split, list(images)))
            notes.append(values)
    values = [" ".join(filter(None, row)) for row in notes]
    return setting.pictures(
        "images",
        rows,
        f"Training and test images{of_each}, drawn at random, with their log p(x) in nats.",
        columns=heads,
        notes=notes,
        told=f"log p(x) in nats, row by row: {'; '.join(values)}",
    )


def _shown(scores: Found, split: str, c: int | None) -> tuple[list[NDArray[np.generic]], list[str]]:
    """The images of a split that are shown, of one class or all, and their values as notes."""
    table, shown = getattr(scores.first, split), scores.first.shown[split]
    kept = np.arange(len(shown.rows))
    if c is not None:
        kept = np.flatnonzero(table.label[shown.rows] == c)
    values = table.log_prob[shown.rows[kept]]
    return list(shown.pixels[kept]), [f"{round(float(value))}" for value in values]


def _classes_shown(scores: Found) -> list[int]:
    classes: list[int] = np.unique(scores.labels("test")[scores.first.shown["test"].rows]).tolist()
    return classes


def _by_class(scores: Found, setting: Setting) -> Figure:
    names = {k: setting.class_names[scores.classes[k]] for k in _ranked(scores)}
    each = {split: scores.by_class(split, "log_prob") for split in SPLITS}
    return setting.intervals(
        "classes",
        {split: {name: means[k] for k, name in names.items()} for split, means in each.items()},
        "Mean log p(x) of each class on training and test images, with 95 % intervals.",
        x_label="log p(x), nats",
    )


def _beside_classes(scores: Found, setting: Setting) -> Figure:
    x = scores.beside(scores.picture)
    y = scores.class_means("log_prob")
    names = [setting.class_names[c] for c in scores.classes]
    share = show(scores.shares_explained()[scores.picture])
    return setting.chart(
        "explained",
        scatter(
            {"test": (x, y)},
            x_label="log-likelihood of the class's mean image, nats",
            y_label="log p(x), nats",
            names=names,
        ),
        "Each class's mean log p(x) against what its mean training image alone would give under "
        "the same likelihood: where the dots follow a line, classes differ by how alike their "
        f"images are. A line accounts for {share} of the variance.",
        "; ".join(
            f"class {n}: mean image {a:.0f}, model {b:.0f}"
            for n, a, b in zip(names, x, y, strict=True)
        ),
    )


def _over_images(scores: Found, setting: Setting) -> Figure:
    intensity, y = scores.by_image("test", "mean_intensity"), scores.by_image("test", "log_prob")
    found = {c: show(r) for c, r in scores.correlations().items()}
    return setting.chart(
        "intensity",
        scatter({"test": (intensity, y)}, x_label="mean intensity", y_label="log p(x), nats"),
        f"Every test image's log p(x) against its mean intensity; their correlation is "
        f"{found['mean_intensity']}.",
        f"correlation of log p(x) with the mean intensity: {found['mean_intensity']}; with the "
        f"log-likelihood of the mean image: {found[scores.picture]}; over {len(y)} test images",
    )


def _distributions(scores: Found, setting: Setting) -> Figure:
    values = {split: scores.by_image(split, "log_prob") for split in SPLITS}
    train, test = (show(scores.average(split)) for split in SPLITS)
    return setting.chart(
        "distribution",
        histogram(values, x_label="log p(x), nats"),
        "log p(x) of training and test images.",
        f"mean of training images {train}, of test images {test}",
    )


def _not_all(scores: Found) -> str:
    shown = len(_classes_shown(scores))
    return "" if shown == len(scores.classes) else f" (the first {shown} classes)"
