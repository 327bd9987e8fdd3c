"""Figures of what a VAE generates."""

from collections.abc import Mapping

import numpy as np

from tacit.figures.charts import Panel, Series, curves, intervals
from tacit.figures.grids import grid
from tacit.figures.sink import Figure
from tacit.measures.formatting import show, significant
from tacit.measures.number import Number
from tacit.questions.base import Measurement, Setting
from tacit.questions.shared.codes import epochs_of
from tacit.questions.shared.sample_quality import networks_of, on_features

ROWS = {
    "training-images": "training images",
    "reconstructions": "reconstructions",
    "drawn-codes": "drawn codes, decoded",
    "samples": "samples from N(0, I)",
}


def draw(
    run: str,
    measured: Mapping[int, Measurement],
    numbers: Mapping[str, Number],
    setting: Setting,
) -> tuple[Figure, ...]:
    """Samples by epoch, beside their nearest training images, distances, and codes by dimension."""
    seed, first = next(iter(measured.items()))
    return (
        _by_epoch(run, seed, first, setting),
        _beside_nearest(run, seed, first, setting),
        *_distances(run, measured, numbers, setting),
        _dimensions(run, seed, first, setting),
    )


def _by_epoch(run: str, seed: int, first: Measurement, setting: Setting) -> Figure:
    epochs = epochs_of(first.arrays, "shown")
    rows = [first.arrays[f"shown/epoch/{epoch}"] for epoch in epochs]
    labels = [f"epoch {epoch}" for epoch in epochs]
    if not rows:
        rows, labels = [first.arrays["shown/final"]], ["at the end"]
    return setting.grid(
        "samples",
        grid([list(row) for row in rows], row_labels=labels),
        f"Ten codes drawn from N(0, I), decoded by '{run}' at each of these epochs; a column is "
        f"one code throughout (seed {seed}).",
        f"Decoded means of the same ten draws from N(0, I): {', '.join(labels)}.",
    )


def _beside_nearest(run: str, seed: int, first: Measurement, setting: Setting) -> Figure:
    samples, images = first.arrays["shown/final"], first.arrays["shown/nearest"]
    distances = first.arrays["table/samples/distance"][: len(samples)]
    notes = [[""] * len(samples), [significant(float(d), 3) for d in distances]]
    return setting.grid(
        "nearest",
        grid(
            [list(samples), list(images)],
            row_labels=["sample", "nearest training image"],
            notes=notes,
        ),
        f"Each final sample of '{run}' above the training image nearest to it; below, their "
        "Euclidean distance over pixels in [0, 1].",
        f"Ten samples and their nearest training images, at distances of {', '.join(notes[1])}.",
    )


def _distances(
    run: str,
    measured: Mapping[int, Measurement],
    numbers: Mapping[str, Number],
    setting: Setting,
) -> tuple[Figure, ...]:
    networks = networks_of(measured)
    groups = {on_features(n): [numbers[f"{n}.{row}"] for row in ROWS] for n in networks}
    if all(number.value is None for rows in groups.values() for number in rows):
        return ()
    svg = intervals(
        list(ROWS.values()),
        groups,
        x_label="kernel distance to test images",
        reference=0.0,
        reference_label="alike",
    )
    said = "; ".join(
        f"on {name}: "
        + ", ".join(f"{r} {show(n)}" for r, n in zip(ROWS.values(), rows, strict=True))
        for name, rows in groups.items()
    )
    return (
        setting.chart(
            "distances",
            svg,
            "How far decoded means lie from test images, as many a side. The first row is the "
            "floor of any model, the next two that of this decoder.",
            f"Kernel distances to test images with 95 % intervals, {said}.",
        ),
    )


def _dimensions(run: str, seed: int, first: Measurement, setting: Setting) -> Figure:
    each = np.asarray(first.arrays["codes/kl-per-dimension"], np.float64)
    together = np.asarray(first.arrays["codes/aggregate-kl"], np.float64)
    order = np.argsort(-each)
    place = np.arange(1, len(each) + 1)
    svg = curves(
        Panel(
            [
                Series("one image's code", place, each[order], points=len(each) <= 20),
                Series("all codes together", place, together[order], points=len(each) <= 20),
            ],
            x_label="dimension, by the KL of one image's code",
            y_label="KL from N(0, 1), nats",
        )
    )
    return setting.chart(
        "dimensions",
        svg,
        f"KL from the prior by dimension (seed {seed}): of each image's code, averaged over "
        "images, and of the codes of all images taken together. Where the second is above zero, "
        "N(0, I) draws what no image has, or leaves out what images have.",
        f"KL by dimension: one image's code from {each.min():.3g} to {each.max():.3g} nats, "
        f"{each.sum():.3g} in all; all codes together from {together.min():.3g} to "
        f"{together.max():.3g}.",
    )
