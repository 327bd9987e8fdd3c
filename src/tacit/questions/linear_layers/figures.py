"""How question `linear-layers` is drawn: losses, differences image by image, outputs."""

import numpy as np

from tacit.figures.charts import Panel, paired_differences
from tacit.figures.sink import Figure
from tacit.measures.formatting import show
from tacit.measures.number import Number
from tacit.questions.base import Setting
from tacit.questions.linear_layers.numbers import LAYERS, Found, Numbers
from tacit.questions.shared.drawing import bands_over, over_seeds
from tacit.questions.shared.seeds import Seeds

WHAT = "squared error per image"


def draw(found: Found, setting: Setting) -> tuple[Figure, ...]:
    """The training losses, the differences with their mean, and outputs."""
    seeds, mean = found.seeds, found.numbers["with-minus-without.squared-error"]
    return _curves(seeds, setting), _differences(seeds, mean, setting), _pictures(seeds, setting)


def _curves(seeds: Seeds[Numbers], setting: Setting) -> Figure:
    series = []
    for colour, (layers, label) in enumerate(LAYERS.items()):
        updates, loss = np.stack([one.network[layers].curve for one in seeds], axis=1)
        series.append(over_seeds(label, updates[0], loss, colour))
    panel = Panel(series, x_label="updates", y_label=f"training loss, {WHAT}", log_y=True)
    bands = bands_over(len(seeds))
    caption = f"Loss of the batches by update, averaged over short stretches{bands}."
    return setting.curves("loss", [panel], caption)


def _differences(seeds: Seeds[Numbers], mean: Number, setting: Setting) -> Figure:
    """Error with minus error without, image by image, under the first seed's models."""
    error = seeds.first.test_images.squared_error
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


def _pictures(seeds: Seeds[Numbers], setting: Setting) -> Figure:
    """Test images and what both networks make of them."""
    first = seeds.first
    outputs = [(label, first.network[layers].pictures) for layers, label in LAYERS.items()]
    names = setting.names(first.classes)
    return setting.pictures(
        "outputs",
        [("original", first.original), *outputs],
        f"{'One test image of each class' if names else 'Test images'}, and what both "
        f"autoencoders of seed {seeds.seed} make of them.",
        columns=names,
    )
