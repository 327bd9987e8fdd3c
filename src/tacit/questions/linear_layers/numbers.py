"""What question `linear-layers` measures, and its numbers over all seeds and images."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tacit.measures.distances import Floats
from tacit.measures.engine import Measured, ratio
from tacit.measures.number import Number
from tacit.models.models import Autoencoder
from tacit.questions.base import OverSeeds, Runs
from tacit.questions.linear_layers.question import LinearLayers
from tacit.questions.shared.outputs import comparable, one_per_class, reconstructions, terms
from tacit.questions.shared.seeds import means
from tacit.questions.typed import InTable
from tacit.training.run_folder import SavedRun

POINTS_DRAWN = 200
LAYERS = {"with": "with the layer", "without": "without the layer"}


@dataclass(frozen=True)
class Sides:
    """Of the network with the layer, and of that without, (n,) each."""

    with_: Floats
    without: Floats


@dataclass(frozen=True)
class OfImages:
    index: NDArray[np.int64]
    label: NDArray[np.int64] | None
    squared_error: Sides


@dataclass(frozen=True)
class Network:
    """One of the two.

    Attributes:
        train: mean squared error of training images. code: its size.
        curve: updates and mean losses of stretches of updates, (2, P).
        pictures: reconstructions, (n, C, H, W).
    """

    train: float
    weights: int
    code: int
    curve: Floats
    pictures: NDArray[np.float32]


@dataclass(frozen=True)
class Numbers:
    """What is measured on one seed; networks by `LAYERS`."""

    network: dict[str, Network]
    original: NDArray[np.uint8]
    classes: NDArray[np.int64] | None
    test_images: InTable[OfImages]


def measure(runs: Runs, asked: LinearLayers) -> Numbers:
    saved = {layers: runs[run] for layers, run in asked.by_layers.items()}
    rows, shown = comparable(saved["with"], runs.test, "test"), one_per_class(runs.test)
    networks, errors = {}, {}
    for layers, run in saved.items():
        model, learned = run.model_as(Autoencoder), runs.images_of(run)
        errors[layers] = terms(run, runs.test, rows)["loss"]
        networks[layers] = Network(
            train=float(terms(run, learned, comparable(run, learned, "train"))["loss"].mean()),
            weights=sum(p.numel() for p in model.parameters()),
            code=run.config.latent_dim,
            curve=_thinned(run),
            pictures=reconstructions(model, runs.test, shown),
        )
    return Numbers(
        networks,
        runs.test.pixels[shown],
        runs.test.labels_of(shown),
        OfImages(rows, runs.test.labels_of(rows), Sides(errors["with"], errors["without"])),
    )


def _thinned(run: SavedRun) -> Floats:
    """Updates and mean losses of at most `POINTS_DRAWN` stretches of updates, (2, P)."""
    loss, every = np.array(run.history.loss), run.schedule.record_every
    stretches = np.array_split(np.arange(len(loss)), min(POINTS_DRAWN, len(loss)))
    return np.array([[every * (rows.mean() + 1), loss[rows].mean()] for rows in stretches]).T


class Found(OverSeeds[Numbers, LinearLayers]):
    """Both networks over all seeds."""

    @cached_property
    def numbers(self) -> dict[str, Number]:
        seeds = self.seeds
        with_ = seeds.measured(lambda one: one.test_images.squared_error.with_)
        without = seeds.measured(lambda one: one.test_images.squared_error.without)
        found: dict[str, Measured | Number] = {
            "with-minus-without.squared-error": with_ - without,
            "difference-share": ratio(with_ - without, without, "share"),
            "with.squared-error": with_,
            "without.squared-error": without,
        }
        for layers in LAYERS:
            falls = [_still_falling(one.network[layers].curve[1]) for one in seeds]
            found[f"{layers}.still-falling"] = Measured(np.array(falls), ("seed",), "share")
        return means(found)


def _still_falling(loss: Floats) -> float:
    """By what share the loss fell from the last tenth but one of the updates to the last."""
    tenth = max(1, len(loss) // 10)
    before, last = loss[-2 * tenth : -tenth], loss[-tenth:]
    return 1 - float(last.mean() / before.mean()) if len(before) else 0.0
