"""Objective, use and classes against the size of the code, and reconstructions by size."""

from functools import partial

from tacit.figures.charts import Panel, Series
from tacit.figures.sink import Figure
from tacit.measures.number import Number
from tacit.questions.base import Setting
from tacit.questions.code_size.numbers import PROBES, Found
from tacit.questions.shared.drawing import with_intervals


def draw(sizes: Found, setting: Setting) -> tuple[Figure, ...]:
    """The curves over sizes, and the same test images by each."""
    return _curves(sizes, setting), _pictures(sizes, setting)


def _curves(sizes: Found, setting: Setting) -> Figure:
    codes = [sizes.code(run) for run in sizes.by_size]
    unit = f", {sizes.unit}" if sizes.unit else ""
    averages = [sizes.average(run) for run in sizes.by_size]
    used = [sizes.used(run) for run in sizes.by_size]
    train = [sizes.train(run) for run in sizes.by_size]
    nothing = Number(0.0, unit=sizes.unit)  # the best, against itself
    short = [sizes.numbers.get(f"{run}.shortfall", nothing) for run in sizes.by_size]
    counted = "active units" if sizes.is_vae else "directions with 99 % of the variance"
    panel = partial(Panel, x_label="size of the code", log_x=True)
    panels = [
        panel(
            [
                with_intervals("test", codes, averages, split="test"),
                Series("train", codes, train, points=True, split="train"),
            ],
            y_label=f"{sizes.objective}{unit}",
            title=f"{sizes.objective} of an image",
        ),
        panel(
            [with_intervals("", codes, short, 0)],
            y_label=f"worse than a code of {sizes.code(sizes.best)} by{unit}",
            title="The same test images, paired",
            levels=[(sizes.allowed, "may be lost")],
            marks=[(float(sizes.code(sizes.chosen)), "enough")],
        ),
        panel(
            [
                with_intervals("used", codes, used, 2),
                Series("all", codes, codes, colour=4, dashed=True),
            ],
            y_label=counted,
            title="Dimensions in use",
            log_y=min(number.value or 0 for number in used) > 0,
        ),
    ]
    if sizes.probes:
        told = {
            probe: [sizes.told(run, probe).mean().scaled(100, "%") for run in sizes.by_size]
            for probe in sizes.probes
        }
        panels.append(
            panel(
                [
                    with_intervals(PROBES[probe], codes, numbers, colour)
                    for colour, (probe, numbers) in zip((3, 5), told.items(), strict=True)
                ],
                y_label="test images told, %",
                title="Classes told from codes",
            )
        )
    return setting.curves(
        "curves",
        panels,
        f"Against the size of the code, on a logarithmic axis: the mean {sizes.objective} of test "
        "and training images, by how much a test image is worse than with the best code, how many "
        "dimensions are used, and, where there are labels, how well codes tell classes. Bands are "
        "95 % intervals.",
        columns=2,
    )


def _pictures(sizes: Found, setting: Setting) -> Figure:
    first = sizes.first
    through = [(f"code of {sizes.code(run)}", first.run[run].pictures) for run in sizes.by_size]
    return setting.pictures(
        "reconstructions",
        [("original", first.original), *through],
        "The same test images through codes of each size (decoded means, seed "
        f"{sizes.seeds.seed}).",
        columns=setting.names(first.classes),
    )
