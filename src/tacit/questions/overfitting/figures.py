"""How question `overfitting` is drawn: losses, gaps, reconstructions at the snapshots."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from tacit.figures.charts import Panel, Series
from tacit.figures.sink import Figure
from tacit.measures.distances import Floats
from tacit.measures.engine import bands
from tacit.questions.base import Setting
from tacit.questions.overfitting.numbers import OVERFITTED, Found, Judged, Pictures
from tacit.questions.shared.curves import Curve, looked_at


def draw(of: Found, setting: Setting) -> tuple[Figure, ...]:
    """Losses, gaps, and the reconstructions of each run that has some."""
    pictured = enumerate((one for one in of.runs if one.of.pictures), 1)
    reconstructions = (_reconstructions(n, one, of.seeds.seed, setting) for n, one in pictured)
    return _losses(of.runs, setting), _gaps(of.runs, setting), *reconstructions


def _losses(runs: Sequence[Judged], setting: Setting) -> Figure:
    """Training and test loss of each run, overfitted ones first, and where it was lowest."""
    runs = sorted(runs, key=lambda one: one.verdict != OVERFITTED)
    panels = [
        Panel(
            [one.train.series(), one.test.series()],
            x_label=one.of.curves.axis,
            y_label=one.of.loss,
            title=one.name,
            marks=[]
            if one.turned.value is None
            else [(one.turned.value / (one.of.curves.per_epoch or 1), "lowest test loss")],
            y_limits=_telling_range(one.train, one.test),
        )
        for one in runs
    ]
    whole = [np.concatenate([one.train.average, one.test.average]).max() for one in runs]
    limits = [panel.y_limits for panel in panels]
    hidden = [y is not None and high > y[1] for high, y in zip(whole, limits, strict=True)]
    cut = " High losses of the beginning are cut off." * any(hidden)
    drawn = {one.test.band_is for one in runs}
    band = drawn.pop() if len(drawn) == 1 else "bands reach over all seeds and draws, or images"
    return setting.curves(
        "losses",
        panels,
        f"Loss per image while learning; {band}.{cut}" + looked_at(setting.n_train, setting.n_test),
        height=250,
    )


def _gaps(runs: Sequence[Judged], setting: Setting) -> Figure:
    """Test minus training loss with its interval, by epoch or update."""
    panels = []
    for one in runs:
        mean, low, high = gap_along(one.train, one.test)
        gap = Series("gap", one.test.x, mean, low, high, colour=2, points=len(mean) < 8)
        label = f"test − training {one.of.loss}"
        axis, levels = one.of.curves.axis, [(0.0, "no gap")]
        panels.append(Panel([gap], axis, label, one.name, levels=levels))
    return setting.curves(
        "gaps",
        panels,
        "The gap between test and training images while learning, with its 95 % interval over all "
        "seeds, draws and images." + looked_at(setting.n_train, setting.n_test),
        height=250,
    )


def gap_along(train: Curve, test: Curve) -> tuple[Floats, Floats, Floats]:
    """Test minus training loss and the ends of its interval at each evaluation, (E,) each.

    Of the images only standard errors are kept: what seeds and draws show and what images show is
    added, so that a band is rather too wide than too narrow.
    """
    gap = test.mean - train.mean
    mean, low, _ = bands(gap, ("seed", "draw"))
    images = stats.norm.ppf(0.975) * np.hypot(test.error, train.error).mean(axis=(0, 1))
    half = np.hypot(np.nan_to_num(mean - low), images)
    return mean, mean - half, mean + half


def _reconstructions(number: int, one: Judged, seed: int, setting: Setting) -> Figure:
    """Training and test images of each class, and what the run made of them at its snapshots."""
    pictures, when = one.of.pictures, [one.of.curves.when(u) for u in one.of.snapshot]
    columns, names = columns_of(pictures, setting)
    rows = []
    for split, label in (("train", "training images"), ("test", "test images")):
        found = pictures[split]
        own = [] if found.own is None else [(f"{when[-1]}, refined", found.shown[-1])]
        shown = found.shown if found.own is None else found.own
        rows += [
            (name, [None if k is None else row[k] for k in columns[split]])
            for name, row in [*zip([label, *when], shown, strict=True), *own]
        ]
    how = (
        "training images by the latents learned with the decoder, in the row 'refined' by new "
        "ones, got like those of the test images"
        if one.of.refined
        else "by each image's code, which of a VAE is the posterior mean"
    )
    return setting.pictures(
        f"reconstructions-{number}",
        rows,
        f"{one.name}: training and test images, one of each class, and their reconstructions while "
        f"it learned ({how}; seed {seed}).",
        columns=names,
    )


def columns_of(
    pictures: Mapping[str, Pictures], setting: Setting
) -> tuple[dict[str, list[int | None]], list[str]]:
    """By split, the place of each column's picture, None where there is none; the columns' names.

    A column is a class, which may have training or test images alone. Without labels, columns have
    no name.
    """
    known = {s: one.classes.tolist() for s, one in pictures.items() if one.classes is not None}
    if len(known) < len(pictures):
        counts = {split: one.shown.shape[1] for split, one in pictures.items()}
        width = max(counts.values())
        return {s: [k if k < n else None for k in range(width)] for s, n in counts.items()}, []
    everything = sorted(set().union(*known.values()))
    places = {
        split: [classes.index(c) if c in classes else None for c in everything]
        for split, classes in known.items()
    }
    return places, [setting.class_names[c] for c in everything]


def _telling_range(train: Curve, test: Curve) -> tuple[float, float] | None:
    """What holds both curves and their bands from the first tenth of the evaluations on."""
    start = min(len(train.x) - 1, max(1, len(train.x) // 10))
    bands = [
        np.stack([np.asarray(s.low), np.asarray(s.high)]) for s in (train.series(), test.series())
    ]
    shown = np.concatenate([band[:, start:].ravel() for band in bands])
    low, high = float(shown.min()), float(shown.max())
    room = 0.06 * (high - low)
    return (low - room, high + room) if room > 0 else None
