"""How question `linear-layers` is drawn: losses, differences image by image, outputs."""

import numpy as np
from numpy.typing import NDArray

from tacit.figures.charts import Panel, Series, curves, paired_differences
from tacit.figures.grids import grid
from tacit.figures.sink import Figure
from tacit.measures.formatting import show, significant
from tacit.measures.number import Number
from tacit.questions.base import Setting
from tacit.questions.linear_layers.numbers import LAYERS, Numbers
from tacit.questions.shared.seeds import Seeds

WHAT = "squared error per image"


def draw_curves(seeds: Seeds[Numbers], setting: Setting) -> Figure:
    """The training loss of both networks by update."""
    series = []
    for colour, (layers, label) in enumerate(LAYERS.items()):
        lines = np.stack([one.network[layers].curve for one in seeds])
        loss = lines[:, 1]
        ends = loss.min(axis=0), loss.max(axis=0)
        series.append(Series(label, lines[0, 0], loss.mean(axis=0), *ends, colour=colour))
    at_the_end = "; ".join(f"{s.label} {significant(float(np.asarray(s.y)[-1]))}" for s in series)
    bands = f"; bands reach over {len(seeds)} seeds" if len(seeds) > 1 else ""
    return setting.chart(
        "loss",
        curves(Panel(series, x_label="updates", y_label=f"training loss, {WHAT}", log_y=True)),
        f"Loss of the batches by update, averaged over short stretches{bands}.",
        f"Training loss by update, on a logarithmic axis; at the end: {at_the_end}.",
    )


def draw_differences(seeds: Seeds[Numbers], mean: Number, setting: Setting) -> Figure:
    """Error with minus error without, image by image, under the first seed's models."""
    error = seeds.first.table.test_images.squared_error
    differences = error.with_ - error.without
    return setting.chart(
        "differences",
        paired_differences(
            differences,
            x_label=f"with − without, {WHAT}",
            number=mean,
            below="better with it",
            above="worse with it",
        ),
        f"The same test images under both models of seed {seeds.seed}; above the bars the mean "
        f"difference with its interval ({mean.interval}).",
        f"Differences of squared error image by image: {100 * np.mean(differences > 0):.0f} % of "
        f"the test images are reconstructed worse with the layer; mean {show(mean)}.",
    )


def draw_pictures(seeds: Seeds[Numbers], setting: Setting) -> Figure:
    """Test images and what both networks make of them."""
    first = seeds.first
    outputs = [list(first.network[layers].pictures) for layers in LAYERS]
    rows: list[list[NDArray[np.generic]]] = [list(first.original), *outputs]
    names = [] if first.classes is None else [setting.class_names[c] for c in first.classes]
    return setting.grid(
        "outputs",
        grid(
            rows,
            row_labels=["original", *LAYERS.values()],
            column_labels=names,
        ),
        f"{'One test image of each class' if names else 'Test images'}, and what both "
        f"autoencoders of seed {seeds.seed} make of them.",
        f"{len(rows[0])} test images in the first row; below, their reconstructions with and "
        "without the middle linear layer.",
    )
