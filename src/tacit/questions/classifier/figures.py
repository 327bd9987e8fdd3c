"""How question `classifier` is drawn: curves, confusions, the most wrong images."""

from collections.abc import Mapping

import numpy as np

from tacit.figures.charts import Panel, confusion, curves
from tacit.figures.grids import grid
from tacit.figures.sink import Figure
from tacit.measures.classes import confusion_matrix
from tacit.questions.base import Measurement, Setting
from tacit.questions.shared.curves import axis_of, band_is, curve_of

TABLE = "table/test-images"
ACROSS = 10


def draw_curves(run: str, measured: Mapping[int, Measurement], setting: Setting) -> Figure:
    """Loss and accuracy on training and test images, by epoch or update."""
    panels, ends = [], []
    axis = axis_of(measured, "curve")
    for name, label in (("loss", "cross-entropy, nats"), ("accuracy", "share of right answers")):
        lines = [curve_of(measured, "curve", split, name) for split in ("train", "test")]
        series = [line.series(0, dashed=line.label == "test") for line in lines]
        panels.append(Panel(series, x_label=axis, y_label=label))
        ends += [f"{label} {line.average[-1]:.4g} on {line.label}" for line in lines]
    band = band_is(len(measured), lines[0].mean.shape[1])
    return setting.figures.chart(
        f"{setting.question}-curves",
        curves(*panels),
        f"Loss and accuracy of {run} while it learned, test dashed; {band}.",
        f"Loss and accuracy by {axis} on training and test images; at the end: {'; '.join(ends)}.",
    )


def draw_confusion(measured: Mapping[int, Measurement], setting: Setting) -> Figure:
    """Which classes are taken for which, over all seeds."""
    names = setting.class_names
    counts = np.zeros((len(names), len(names)), np.int64)
    for found in measured.values():
        truth, answered = found.arrays[f"{TABLE}/label"], found.arrays[f"{TABLE}/answered"]
        counts += confusion_matrix(truth, answered, len(names))
    wrong = counts - np.diag(np.diag(counts))
    most = [tuple(pair) for pair in np.argwhere(wrong)]
    most = sorted(most, key=lambda pair: (-wrong[pair], pair))[:5]
    mistakes = "; ".join(f"{names[i]} taken for {names[j]}: {wrong[i, j]}" for i, j in most)
    together = f", {len(measured)} seeds together" if len(measured) > 1 else ""
    return setting.figures.chart(
        f"{setting.question}-confusion",
        confusion(counts, names),
        f"True classes in rows, answers in columns: counts of test images{together}.",
        f"Confusion matrix: {np.trace(counts):,} of {counts.sum():,} answers are right. "
        f"Most frequent mistakes: {mistakes or 'none'}.",
    )


def draw_most_wrong(seed: int, found: Measurement, setting: Setting) -> Figure:
    """The test images of largest cross-entropy under one seed's model."""
    truth, answered, sure = (
        found.arrays[f"{TABLE}/{name}"] for name in ("label", "answered", "confidence")
    )
    names, worst = setting.class_names, found.arrays["worst"]
    notes = [f"{names[truth[i]][:4]}→{names[answered[i]][:4]} {100 * sure[i]:.0f} %" for i in worst]
    pictures = [*found.arrays["worst.pixels"]]
    rows = range(0, len(worst), ACROSS)
    filled = [*notes, *[""] * (-len(worst) % ACROSS)]
    mistakes = int(np.sum(truth[worst] != answered[worst]))
    return setting.figures.grid(
        f"{setting.question}-most-wrong",
        grid(
            [[*pictures[s : s + ACROSS], *[None] * ACROSS][:ACROSS] for s in rows],
            notes=[filled[s : s + ACROSS] for s in rows],
        ),
        f"The {len(worst)} test images of largest cross-entropy, worst first (seed {seed}): true "
        f"class → answer, and how sure the classifier was. {mistakes} of them are mistakes.",
        f"The most wrong test images, true class → answer with its probability: "
        f"{', '.join(notes)}.",
    )
