"""How question `overfitting` is drawn: losses, gaps, reconstructions at the snapshots."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tacit.figures.charts import Panel, Series, curves
from tacit.figures.grids import grid
from tacit.figures.sink import Figure
from tacit.measures.distances import Floats
from tacit.measures.formatting import show
from tacit.measures.intervals import crossed
from tacit.measures.number import columns
from tacit.questions.base import Measurement, Setting
from tacit.questions.overfitting.numbers import Judged
from tacit.questions.shared.curves import Curve, band_is, updates_per_epoch


def draw_losses(runs: Sequence[Judged], setting: Setting) -> Figure:
    """Training and test loss of each run, and where the test loss was lowest."""
    panels, said = [], []
    for one in runs:
        marks = []
        if one.turned.value is not None:
            marks = [(one.turned.value * one.test.x[0] / one.test.update[0], "lowest test loss")]
        panels.append(
            Panel(
                [one.train.series(0), one.test.series(1, dashed=True)],
                x_label=one.axis,
                y_label=one.loss,
                title=one.run,
                marks=marks,
                y_limits=_telling_range(one.train, one.test),
            )
        )
        said.append(
            f"{one.run}: {one.loss} {one.train.average[-1]:.4g} on training and "
            f"{one.test.average[-1]:.4g} on test images"
        )
    bands = {band_is(*one.test.mean.shape[:2]) for one in runs}
    band = bands.pop() if len(bands) == 1 else "bands reach over all seeds and draws, or images"
    return setting.figures.chart(
        f"{setting.question}-losses",
        curves(*panels, height=250),
        f"Loss per image while learning; {band}. High losses of the beginning are cut off.",
        f"Training and test loss of each run. At the end, {'; '.join(said)}.",
    )


def draw_gaps(runs: Sequence[Judged], setting: Setting) -> Figure:
    """Test minus training loss with its interval, by epoch or update."""
    panels = []
    for one in runs:
        mean, low, high = gap_along(one.train, one.test)
        panels.append(
            Panel(
                [Series("gap", one.test.x, mean, low, high, colour=2, points=len(mean) < 8)],
                x_label=one.axis,
                y_label=f"test − training {one.loss}",
                title=one.run,
                levels=[(0.0, "no gap")],
            )
        )
    return setting.figures.chart(
        f"{setting.question}-gaps",
        curves(*panels, height=250),
        "The gap between test and training images while learning, with its 95 % interval: over "
        "images where there is one model, else over draws or seeds.",
        "Gap between test and training loss of each run; at the end "
        + "; ".join(f"{one.run} {show(one.gap)}" for one in runs)
        + ".",
    )


def gap_along(train: Curve, test: Curve) -> tuple[Floats, Floats, Floats]:
    """Test minus training loss and the ends of its interval at each evaluation, (E,) each."""
    gap = test.mean - train.mean
    if gap.shape[0] * gap.shape[1] > 1:
        found = [crossed(gap[:, :, e]) for e in range(gap.shape[2])]
        mean, low, high = columns(found)
        return mean, low, high
    half = stats.norm.ppf(0.975) * np.hypot(test.error, train.error)
    return gap[0, 0], (gap - half)[0, 0], (gap + half)[0, 0]


def draw_reconstructions(
    run: str, number: int, refined: bool, measured: Mapping[int, Measurement], setting: Setting
) -> Figure:
    """Training and test images of each class, and what the run made of them at its snapshots."""
    seed, found = next(iter(measured.items()))
    prefix = f"run.{run}"
    per_epoch = updates_per_epoch(measured, prefix)
    snapshots = found.arrays[f"{prefix}/snapshot"]
    when = [f"epoch {u / per_epoch:.3g}" if per_epoch else f"update {u:,}" for u in snapshots]
    parts = [("training images", "own" if refined else "train"), ("test images", "test")]
    rows: list[list[NDArray[np.generic] | None]] = []
    labels = []
    columns, names = _columns(found, prefix, setting)
    for label, part in parts:
        shown = [found.arrays[f"{prefix}/pictures.{part}"]]
        labels += [label, *when]
        if part == "own":
            shown.append(found.arrays[f"{prefix}/pictures.train"][-1:])
            labels.append(f"{when[-1]}, refined")
        for row in np.concatenate(shown):
            places = columns["test" if part == "test" else "train"]
            rows.append([row[k] if k is not None else None for k in places])
    n_train, n_test = (sum(k is not None for k in columns[split]) for split in ("train", "test"))
    how = (
        "training images by the latents learned with the decoder, in the row 'refined' by new "
        "ones, got like those of the test images"
        if refined
        else "by each image's code, which of a VAE is the posterior mean"
    )
    return setting.figures.grid(
        f"{setting.question}-reconstructions-{number}",
        grid(rows, row_labels=labels, column_labels=names),
        f"{run}: training and test images, one of each class, and their reconstructions while it "
        f"learned ({how}; seed {seed}).",
        f"{n_train} training and {n_test} test images with their reconstructions by {run} at "
        f"{', '.join(when)}.",
    )


def _columns(
    found: Measurement, prefix: str, setting: Setting
) -> tuple[dict[str, list[int | None]], list[str]]:
    """By split, the place of each column's picture, None where there is none; the columns' names.

    A column is a class, which may have training or test images alone. Without labels, columns have
    no name.
    """
    counts = {s: found.arrays[f"{prefix}/pictures.{s}"].shape[1] for s in ("train", "test")}
    classes = {split: found.arrays.get(f"{prefix}/pictured.{split}") for split in counts}
    if any(pictured is None for pictured in classes.values()):
        width = max(counts.values())
        return {s: [k if k < n else None for k in range(width)] for s, n in counts.items()}, []
    known = {split: list(np.asarray(pictured)) for split, pictured in classes.items()}
    everything = sorted({int(c) for pictured in known.values() for c in pictured})
    places = {
        split: [pictured.index(c) if c in pictured else None for c in everything]
        for split, pictured in known.items()
    }
    return places, [setting.class_names[c] for c in everything]


def _telling_range(train: Curve, test: Curve) -> tuple[float, float] | None:
    """From the lowest loss to what it was after the first tenth of the evaluations."""
    start = min(len(train.x) - 1, max(1, len(train.x) // 10))
    shown = np.concatenate([c.mean[:, :, start:].ravel() for c in (train, test)])
    low, high = float(shown.min()), float(shown.max())
    room = 0.06 * (high - low)
    return (low - room, high + room) if room > 0 else None
