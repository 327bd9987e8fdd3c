"""Objective, use and classes against the size of the code, and reconstructions by size."""

import numpy as np

from tacit.figures.charts import Panel, Series, curves
from tacit.figures.grids import grid
from tacit.figures.sink import Figure
from tacit.measures.formatting import show
from tacit.measures.number import Number
from tacit.questions.base import Setting
from tacit.questions.code_size.numbers import WAYS, Sizes
from tacit.questions.finding import Table


def draw(sizes: Sizes, setting: Setting) -> tuple[Figure, ...]:
    """The curves over sizes, and the same test images by each."""
    return _curves(sizes, setting), _pictures(sizes, setting)


def _series(
    sizes: Sizes, label: str, numbers: list[Number], colour: int, scale: float = 1
) -> Series:
    """Numbers by size with their intervals; a number without one has a band of no width."""

    def ends(number: Number) -> tuple[float, float, float]:
        value = np.nan if number.value is None else number.value
        return (
            value,
            value if number.low is None else number.low,
            value if number.high is None else number.high,
        )

    value, low, high = scale * np.array([ends(number) for number in numbers]).T
    codes = [sizes.code(run) for run in sizes.by_size]
    return Series(label, codes, value, low, high, colour=colour, points=True)


def _curves(sizes: Sizes, setting: Setting) -> Figure:
    codes = [sizes.code(run) for run in sizes.by_size]
    unit = f", {sizes.unit}" if sizes.unit else ""
    averages = [sizes.average(run) for run in sizes.by_size]
    used = [sizes.used(run) for run in sizes.by_size]
    train = Series(
        "training", codes, [sizes.train(run) for run in sizes.by_size], colour=1, points=True
    )
    nothing = Number(0.0, unit=sizes.unit)  # the best, against itself
    short = [
        nothing if run == sizes.best else sizes.shortfall(run, sizes.best, sizes.reporting)
        for run in sizes.by_size
    ]
    x_label = "size of the code"
    counted = "active units" if sizes.is_vae else "directions with 99 % of the variance"
    panels = [
        Panel(
            [_series(sizes, "test", averages, 0), train],
            x_label,
            f"{sizes.objective}{unit}",
            title=f"{sizes.objective} of an image",
            log_x=True,
        ),
        Panel(
            [_series(sizes, "", short, 0)],
            x_label,
            f"worse than a code of {sizes.code(sizes.best)} by{unit}",
            title="The same test images, paired",
            log_x=True,
            levels=[(sizes.allowed, "may be lost")],
            marks=[(float(sizes.code(sizes.chosen)), "enough")],
        ),
        Panel(
            [_series(sizes, "used", used, 2), Series("all", codes, codes, colour=4, dashed=True)],
            x_label,
            counted,
            title="Dimensions in use",
            log_x=True,
            log_y=min(number.value or 0 for number in used) > 0,
        ),
    ]
    if sizes.ways:
        told = {way: [sizes.accuracy(run, way) for run in sizes.by_size] for way in sizes.ways}
        panels.append(
            Panel(
                [
                    _series(sizes, WAYS[way], numbers, colour, 100)
                    for colour, (way, numbers) in zip((3, 5), told.items(), strict=True)
                ],
                x_label,
                "test images told, %",
                title="Classes told from codes",
                log_x=True,
            )
        )
    said = "; ".join(
        f"{code}: {show(average)}, worse by {show(worse)}, {number.value or 0:.3g} used"
        for code, average, worse, number in zip(codes, averages, short, used, strict=True)
    )
    return setting.figures.chart(
        f"{setting.question}-curves",
        curves(*panels, columns=2),
        f"Against the size of the code, on a logarithmic axis: the mean {sizes.objective} of test "
        "and training images, by how much a test image is worse than with the best code, how many "
        "dimensions are used, and, where there are labels, how well codes tell classes. "
        "Bands are 95 % intervals"
        f"{'' if len(sizes.measured) > 1 else ' over images, given these models'}.",
        f"{sizes.objective} on test images, difference to the best and used dimensions by size of "
        f"the code: {said}.",
    )


def _pictures(sizes: Sizes, setting: Setting) -> Figure:
    first = sizes.first
    classes = np.asarray(first.arrays.get("pictures.class", ()), np.int64)
    rows = [first.arrays["pictures.original"]]
    rows += [first.arrays[f"pictures.{run}"] for run in sizes.by_size]
    named = [f"code of {sizes.code(run)}" for run in sizes.by_size]
    known = bool(len(classes)) and bool((classes >= 0).all())
    return setting.figures.grid(
        f"{setting.question}-reconstructions",
        grid(
            [list(row) for row in rows],
            row_labels=["original", *named],
            column_labels=[setting.class_names[c] for c in classes] if known else (),
        ),
        "The same test images through codes of each size (decoded means, seed "
        f"{min(sizes.measured)}).",
        f"{len(rows[0])} test images in the first row; below, their reconstructions from a "
        f"{', a '.join(named)}.",
    )


def table(sizes: Sizes) -> Table:
    """Everything by size."""
    ways = tuple(WAYS[way] for way in sizes.ways)
    kl = ("KL",) if sizes.is_vae else ()
    columns = ("code", "run", "weights", "test", "shortfall", "training, mean", *kl, "used", *ways)

    def row(run: str) -> tuple[str | float | int | Number | None, ...]:
        return (
            sizes.code(run),
            run,
            int(sizes.first.values[f"{run}/weights"]),
            sizes.average(run),
            None if run == sizes.best else sizes.shortfall(run, sizes.best, sizes.reporting),
            sizes.train(run),
            *((sizes.average(run, "kl"),) if sizes.is_vae else ()),
            round(sizes.used(run).value or 0),
            *(sizes.accuracy(run, way) for way in sizes.ways),
        )

    unit = "nats per image" if sizes.is_vae else "per image, summed over pixels in [0, 1]"
    return Table(
        f"{sizes.objective}, {unit}; shortfall against the code of {sizes.code(sizes.best)}",
        columns,
        tuple(map(row, sizes.by_size)),
    )
