"""Figures of what a VAE generates."""

import numpy as np

from tacit.figures.charts import Panel, Series
from tacit.figures.sink import Figure
from tacit.measures.formatting import significant
from tacit.questions.base import Setting
from tacit.questions.finding import Table
from tacit.questions.generation.numbers import Found, Numbers
from tacit.questions.shared.codes import table_of_codes
from tacit.questions.shared.sample_quality import on_features
from tacit.questions.shared.seeds import Seeds

ROWS = {
    "training-images": "training images",
    "reconstructions": "reconstructions",
    "drawn-codes": "drawn codes, decoded",
    "samples": "samples from N(0, I)",
}


def draw(found: Found, setting: Setting) -> tuple[Figure, ...]:
    """Samples by epoch, beside their nearest training images, distances, and codes by dimension."""
    return (
        _by_epoch(found, setting),
        _beside_nearest(found, setting),
        *_distances(found, setting),
        _dimensions(found.seeds, setting),
    )


def tables(found: Found, setting: Setting) -> tuple[Table, ...]:
    """Codes against N(0, I)."""
    return (table_of_codes({found.asked.run: found.codes}),)


def _by_epoch(found: Found, setting: Setting) -> Figure:
    shown = found.first.shown
    rows = [(f"epoch {epoch}", shown.epoch[epoch]) for epoch in sorted(shown.epoch, key=int)]
    return setting.pictures(
        "samples",
        rows or [("at the end", shown.final)],
        f"Ten codes drawn from N(0, I), decoded by '{found.asked.run}' at each of these epochs; a "
        f"column is one code throughout (seed {found.seeds.seed}).",
    )


def _beside_nearest(found: Found, setting: Setting) -> Figure:
    first = found.first
    samples = first.shown.final
    distances = [significant(float(d), 3) for d in first.samples.distance[: len(samples)]]
    return setting.pictures(
        "nearest",
        [("sample", samples), ("nearest training image", first.shown.nearest)],
        f"Each final sample of '{found.asked.run}' above the training image nearest to it; below, "
        "their Euclidean distance over pixels in [0, 1].",
        notes=[[""] * len(samples), distances],
        told=f"at distances of {', '.join(distances)}",
    )


def _distances(found: Found, setting: Setting) -> tuple[Figure, ...]:
    groups = {
        on_features(network): {
            words: found.numbers[f"{network}.{row}"] for row, words in ROWS.items()
        }
        for network in found.quality.networks
    }
    if all(number.value is None for rows in groups.values() for number in rows.values()):
        return ()
    return (
        setting.intervals(
            "distances",
            groups,
            "How far decoded means lie from test images, as many a side. The first row is the "
            "floor of any model, the next two that of this decoder.",
            x_label="kernel distance to test images",
            reference=(0.0, "alike"),
        ),
    )


def _dimensions(seeds: Seeds[Numbers], setting: Setting) -> Figure:
    table = seeds.first.dimensions
    order, points = np.argsort(-table.kl), len(table.kl) <= 20
    place = np.arange(1, len(order) + 1)
    panel = Panel(
        [
            Series("one image's code", place, table.kl[order], points=points),
            Series("all codes together", place, table.aggregate_kl[order], points=points),
        ],
        x_label="dimension, by the KL of one image's code",
        y_label="KL from N(0, 1), nats",
    )
    return setting.curves(
        "dimensions",
        [panel],
        f"KL from the prior by dimension (seed {seeds.seed}): of each image's code, averaged over "
        "images, and of the codes of all images taken together. Where the second is above zero, "
        "N(0, I) draws what no image has, or leaves out what images have.",
    )
