"""How question `classifier` is drawn: curves, confusions, the most wrong images."""

import numpy as np

from tacit.figures.charts import Panel, confusion
from tacit.figures.sink import Figure
from tacit.questions.base import Setting
from tacit.questions.classifier.numbers import Found, Numbers
from tacit.questions.shared.curves import Curve, looked_at
from tacit.questions.shared.seeds import Seeds
from tacit.questions.shared.splits import SPLITS

ACROSS = 10


def draw(found: Found, setting: Setting) -> tuple[Figure, ...]:
    return (
        _curves(found, setting),
        _confusion(found, setting),
        _most_wrong(found.seeds, setting),
    )


def _curves(found: Found, setting: Setting) -> Figure:
    """Loss and accuracy on training and test images, by epoch or update."""
    panels, seeds = [], found.seeds
    for name, label in (("loss", "cross-entropy, nats"), ("accuracy", "share of right answers")):
        lines = [Curve.of((one.curves for one in seeds), name, split) for split in SPLITS]
        panels.append(Panel([line.series() for line in lines], seeds.first.curves.axis, label))
    return setting.curves(
        "curves",
        panels,
        f"Loss and accuracy of {found.asked.run} while it learned; {lines[0].band_is}."
        + looked_at(setting.n_train, setting.n_test),
    )


def _confusion(found: Found, setting: Setting) -> Figure:
    """Which classes are taken for which, over all seeds."""
    names, counts = setting.class_names, found.confusion
    wrong = counts - np.diag(np.diag(counts))
    most = [tuple(pair) for pair in np.argwhere(wrong)]
    most = sorted(most, key=lambda pair: (-wrong[pair], pair))[:5]
    mistakes = "; ".join(f"{names[i]} taken for {names[j]}: {wrong[i, j]}" for i, j in most)
    together = f", {len(found.seeds)} seeds together" if len(found.seeds) > 1 else ""
    return setting.chart(
        "confusion",
        confusion(counts, names),
        f"True classes in rows, answers in columns: counts of test images{together}.",
        f"Confusion matrix: {np.trace(counts):,} of {counts.sum():,} answers are right. "
        f"Most frequent mistakes: {mistakes or 'none'}.",
    )


def _most_wrong(seeds: Seeds[Numbers], setting: Setting) -> Figure:
    """The test images of largest cross-entropy under one seed's model."""
    answers, worst = seeds.first.test_images, seeds.first.worst.rows
    names = setting.class_names
    notes = [
        f"{names[answers.label[i]][:4]}→{names[answers.answered[i]][:4]} "
        f"{100 * answers.confidence[i]:.0f} %"
        for i in worst
    ]
    starts, pictures = range(0, len(worst), ACROSS), [*seeds.first.worst.pixels]
    short = -len(worst) % ACROSS
    filled, said = [*pictures, *[None] * short], [*notes, *[""] * short]
    return setting.pictures(
        "most-wrong",
        [("", filled[s : s + ACROSS]) for s in starts],
        f"The {len(worst)} test images of largest cross-entropy, worst first (seed {seeds.seed}): "
        "true class → answer, and how sure the classifier was. "
        f"{np.sum(answers.right[worst] == 0)} of them are mistakes.",
        notes=[said[s : s + ACROSS] for s in starts],
        told=f"true class → answer with its probability: {', '.join(notes)}",
    )
