"""Objective, use and classes against the size of the code, and reconstructions by size."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tacit.figures.charts import Panel, Series, curves
from tacit.figures.grids import grid
from tacit.figures.sink import Figure
from tacit.measures.formatting import show
from tacit.measures.number import Number, columns
from tacit.questions.base import Setting
from tacit.questions.code_size.numbers import PROBES, Sizes

X_LABEL = "size of the code"


def draw(sizes: Sizes, setting: Setting) -> tuple[Figure, ...]:
    """The curves over sizes, and the same test images by each."""
    return _curves(sizes, setting), _pictures(sizes, setting)


def _series(
    sizes: Sizes,
    label: str,
    numbers: Sequence[Number],
    colour: int | None,
    scale: float = 1,
    split: str = "",
) -> Series:
    """Numbers by size with their intervals; a number without one has a band of no width."""
    value, low, high = (scale * column for column in columns(numbers))
    low, high = (np.where(np.isnan(end), value, end) for end in (low, high))
    codes = [sizes.code(run) for run in sizes.by_size]
    return Series(label, codes, value, low, high, colour=colour, points=True, split=split)


def _curves(sizes: Sizes, setting: Setting) -> Figure:
    codes = [sizes.code(run) for run in sizes.by_size]
    unit = f", {sizes.unit}" if sizes.unit else ""
    averages = [sizes.average(run) for run in sizes.by_size]
    used = [sizes.used(run) for run in sizes.by_size]
    train = [sizes.train(run) for run in sizes.by_size]
    nothing = Number(0.0, unit=sizes.unit)  # the best, against itself
    short = [sizes.numbers.get(f"{run}.shortfall", nothing) for run in sizes.by_size]
    counted = "active units" if sizes.is_vae else "directions with 99 % of the variance"
    panels = [
        Panel(
            [
                _series(sizes, "test", averages, None, split="test"),
                Series("train", codes, train, points=True, split="train"),
            ],
            X_LABEL,
            f"{sizes.objective}{unit}",
            title=f"{sizes.objective} of an image",
            log_x=True,
        ),
        Panel(
            [_series(sizes, "", short, 0)],
            X_LABEL,
            f"worse than a code of {sizes.code(sizes.best)} by{unit}",
            title="The same test images, paired",
            log_x=True,
            levels=[(sizes.allowed, "may be lost")],
            marks=[(float(sizes.code(sizes.chosen)), "enough")],
        ),
        Panel(
            [_series(sizes, "used", used, 2), Series("all", codes, codes, colour=4, dashed=True)],
            X_LABEL,
            counted,
            title="Dimensions in use",
            log_x=True,
            log_y=min(number.value or 0 for number in used) > 0,
        ),
    ]
    if sizes.probes:
        told = {p: [sizes.told(run, p).mean() for run in sizes.by_size] for p in sizes.probes}
        panels.append(
            Panel(
                [
                    _series(sizes, PROBES[probe], numbers, colour, 100)
                    for colour, (probe, numbers) in zip((3, 5), told.items(), strict=True)
                ],
                X_LABEL,
                "test images told, %",
                title="Classes told from codes",
                log_x=True,
            )
        )
    said = "; ".join(
        f"{code}: {show(average)}, worse by {show(worse)}, {number.value or 0:.3g} used"
        for code, average, worse, number in zip(codes, averages, short, used, strict=True)
    )
    return setting.chart(
        "curves",
        curves(*panels, columns=2),
        f"Against the size of the code, on a logarithmic axis: the mean {sizes.objective} of test "
        "and training images, by how much a test image is worse than with the best code, how many "
        "dimensions are used, and, where there are labels, how well codes tell classes. Bands are "
        "95 % intervals.",
        f"{sizes.objective} on test images, difference to the best and used dimensions by size of "
        f"the code: {said}.",
    )


def _pictures(sizes: Sizes, setting: Setting) -> Figure:
    first = sizes.seeds.first
    classes = first.classes
    rows: list[list[NDArray[np.generic]]] = [list(first.original)]
    rows += [list(first.run[run].pictures) for run in sizes.by_size]
    named = [f"code of {sizes.code(run)}" for run in sizes.by_size]
    names = []
    if classes is not None and (classes >= 0).all():
        names = [setting.class_names[c] for c in classes]
    return setting.grid(
        "reconstructions",
        grid(
            rows,
            row_labels=["original", *named],
            column_labels=names,
        ),
        "The same test images through codes of each size (decoded means, seed "
        f"{sizes.seeds.seed}).",
        f"{len(rows[0])} test images in the first row; below, their reconstructions from a "
        f"{', a '.join(named)}.",
    )
