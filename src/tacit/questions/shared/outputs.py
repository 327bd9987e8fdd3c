"""What models give for images: losses, class scores, reconstructions; and which are shown."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tacit.images.dataset import UNLABELLED, Images
from tacit.measures.distances import Floats
from tacit.models.models import VAE, Autoencoder, Classifier
from tacit.training.evaluation import evaluate, sample_of
from tacit.training.many import of_images
from tacit.training.objectives import Batch
from tacit.training.objectives.base import codes_in
from tacit.training.run_folder import SavedRun

IMAGES_COMPARED = 10_000
"""At most so many images of each split are compared between train and test."""

SHOWN = 10
"""At most so many images stand beside each other in a grid."""


@dataclass(frozen=True)
class Shown:
    """Images of a table that are shown: their places in it, and pixels."""

    rows: NDArray[np.int64]
    pixels: NDArray[np.uint8]


def labelled(images: Images) -> NDArray[np.int64]:
    """The rows of the images whose class is known; none without labels."""
    if images.labels is None:
        return np.empty(0, np.int64)
    return np.flatnonzero(images.labels != UNLABELLED)


def comparable(run: SavedRun, images: Images, split: str) -> NDArray[np.int64]:
    """The rows of the images on which a run's loss is compared: the same for every run.

    All of them or `IMAGES_COMPARED`; for a classifier, of those with a label.
    """
    return compared(images, split, with_label=run.config.learn == "classifier")


def compared(images: Images, split: str, *, with_label: bool) -> NDArray[np.int64]:
    """The rows of all images, or of those with a label; `IMAGES_COMPARED` of them at most."""
    rows = labelled(images) if with_label else np.arange(len(images))
    return rows[sample_of(len(rows), split, size=IMAGES_COMPARED)]


def terms(run: SavedRun, images: Images, index: NDArray[np.int64]) -> dict[str, Floats]:
    """The per-image terms of a run's own objective under its final model, (n,) each."""
    found = evaluate(run.model(), run.objective, images, index)
    return {name: values.double().numpy() for name, values in found.items()}


def class_scores(model: Classifier, images: Images, index: NDArray[np.int64]) -> Floats:
    """The logits of the images at `index`, (n, n_classes)."""

    def scores(batch: Batch) -> Tensor:
        return model.head(codes_in(model.encoder, batch))

    return of_images(scores, images, index).double().numpy()


def reconstructions(
    model: VAE | Autoencoder, images: Images, index: NDArray[np.int64]
) -> NDArray[np.float32]:
    """E[x | z] at each image's code (a VAE's posterior mean), (n, C, H, W) in [0, 1].

    A per-image posterior is looked up by `index`, so `images` are those that it learned from.
    """

    def decoded(batch: Batch) -> Tensor:
        if isinstance(model, VAE):
            return model.decode(model.posterior(batch.x, batch.index).mean)
        return model.decode(codes_in(model.encoder, batch))

    return of_images(decoded, images, index).numpy()


def one_per_class(images: Images, count: int = SHOWN) -> NDArray[np.int64]:
    """The first image of each class, in the classes' order; without labels the first images."""
    known = labelled(images)
    if images.labels is None or not len(known):
        return np.arange(min(count, len(images)))
    _, first = np.unique(images.labels[known], return_index=True)
    return known[first][:count]
