"""Figures and tables of the inference gap."""

from tacit.figures.charts import histogram
from tacit.figures.sink import Figure
from tacit.measures.formatting import show
from tacit.questions.base import Setting
from tacit.questions.finding import Table
from tacit.questions.inference_gap.numbers import PARTS, Found
from tacit.questions.shared.splits import OVER, SPLITS

ROWS = (
    ("log_prob", "log p(x)"),
    ("refined_elbo", "ELBO of the refined posterior"),
    ("own_elbo", "ELBO of the model's own posterior"),
    ("approximation", "approximation gap"),
    ("amortisation", "amortisation gap"),
)


def draw(gaps: Found, setting: Setting) -> tuple[Figure, ...]:
    by_class = (_by_class(gaps, setting),) if gaps.classes else ()
    return (*by_class, _over_images(gaps, setting))


def tables(gaps: Found, setting: Setting) -> tuple[Table, ...]:
    """By split, and by class."""
    splits = Table(
        caption="Means over images in nats: log p(x)"
        + ("" if gaps.first.exact else ", a lower bound,")
        + " and what the two bounds lose.",
        columns=("", *(OVER[split] for split in SPLITS)),
        rows=tuple(
            (title, *(gaps.of(s, column).mean() if gaps.has(s, column) else "none" for s in SPLITS))
            for column, title in ROWS
        ),
    )
    if not gaps.classes:
        return (splits,)
    there = [(split, part) for split in SPLITS for part in PARTS if gaps.has(split, part)]
    columns = [gaps.by_class(split, part) for split, part in there]
    return (
        splits,
        Table(
            caption="Both gaps by class, in nats.",
            columns=("class", *(f"{part}, {OVER[split]}" for split, part in there)),
            rows=tuple(
                (setting.class_names[c], *(column[k] for column in columns))
                for k, c in enumerate(gaps.classes)
            ),
        ),
    )


def _by_class(gaps: Found, setting: Setting) -> Figure:
    names = [setting.class_names[c] for c in gaps.classes]
    means = {part: dict(zip(names, gaps.by_class(gaps.split, part), strict=True)) for part in PARTS}
    caption = f"Mean gaps of each class on {OVER[gaps.split]}, with 95 % intervals."
    return setting.intervals("classes", means, caption, x_label="gap, nats")


def _over_images(gaps: Found, setting: Setting) -> Figure:
    found = {part: gaps.of(gaps.split, part) for part in PARTS}
    values = {part: gaps.by_image(gaps.split, part) for part in PARTS}
    said = ", ".join(f"{part} {show(gap.mean())}" for part, gap in found.items())
    return setting.chart(
        "images",
        histogram(values, x_label="gap, nats"),
        f"Both gaps of single {OVER[gaps.split]}. Values below zero are noise of the estimates, or "
        "images on which the optimisation fell short.",
        f"mean gaps in nats: {said}",
    )
