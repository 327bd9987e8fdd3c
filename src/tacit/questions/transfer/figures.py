"""How question `transfer` is drawn: accuracies and their differences, draw by draw."""

import numpy as np

from tacit.figures import charts
from tacit.figures.sink import Figure
from tacit.measures.formatting import show
from tacit.questions.base import Setting
from tacit.questions.shared.curves import Curve, looked_at
from tacit.questions.shared.splits import SPLITS
from tacit.questions.transfer.numbers import Found
from tacit.questions.transfer.question import METHODS


def draw(compared: Found, setting: Setting) -> tuple[Figure, ...]:
    return (
        _accuracy(compared, setting),
        _differences(compared, setting),
        _learning(compared, setting),
    )


def _accuracy(compared: Found, setting: Setting) -> Figure:
    """Test accuracy of every draw and seed, and its mean."""
    means = {m: compared.numbers[f"{m}.test-accuracy"] for m in compared.asked.methods}
    said = "; ".join(f"{METHODS[m]} {show(mean)}" for m, mean in means.items())
    shown = [mean.scaled(100, "%") for mean in means.values()]
    return setting.chart(
        "accuracy",
        charts.draws(
            [METHODS[m] for m in means],
            {"": [compared.points(m).ravel() for m in means]},
            {"": shown},
            x_label="test accuracy, %",
        ),
        f"Test accuracy with {compared.first.labels} labels: every draw of every seed as a dot, "
        f"the mean with its interval ({shown[0].interval}).",
        f"Mean test accuracy: {said}.",
    )


def _learning(compared: Found, setting: Setting) -> Figure:
    """Accuracy on training and test images while each method learned."""
    panels = []
    for method in compared.asked.methods:
        kept = [one.curves[method] for one in compared.seeds]
        lines = [Curve.of(kept, "accuracy", split) for split in SPLITS]
        series, title = [line.series() for line in lines], METHODS[method]
        panels.append(charts.Panel(series, kept[0].axis, "accuracy", title, y_limits=(0.0, 1.02)))
    return setting.curves(
        "learning",
        panels,
        f"Accuracy while each method learned; {lines[0].band_is}." + looked_at(setting.n_test),
        height=250,
    )


def _differences(compared: Found, setting: Setting) -> Figure:
    """Paired differences of accuracy, draw by draw."""
    pairs = {f"{second} − {first}": (second, first) for second, first in compared.pairs}
    means = [compared.numbers[f"{a}-minus-{b}.test-accuracy"] for a, b in pairs.values()]
    values = [(compared.points(a) - compared.points(b)).ravel() for a, b in pairs.values()]
    said = "; ".join(
        f"{name} {show(mean, sign=True)}, above zero in {100 * np.mean(each > 0):.0f} % of the "
        "draws"
        for name, mean, each in zip(pairs, means, values, strict=True)
    )
    return setting.chart(
        "differences",
        charts.draws(
            list(pairs),
            {"": values},
            {"": means},
            x_label="difference of test accuracy, percentage points",
            reference=0.0,
            reference_label="no difference",
        ),
        "Differences of test accuracy between two methods on the same draw and seed, each as a "
        "dot, and their mean with its interval.",
        f"Paired differences of test accuracy: {said}.",
    )
