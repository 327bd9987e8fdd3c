"""What models give for images: losses, class scores, reconstructions; and which are shown."""

import numpy as np
import torch
from numpy.typing import NDArray

from tacit.images.dataset import UNLABELLED, Images
from tacit.measures.distances import Floats
from tacit.models.models import VAE, Autoencoder, Classifier
from tacit.training.batches import batch_of
from tacit.training.evaluation import evaluate, sample_of
from tacit.training.run_folder import SavedRun

BATCH = 500
IMAGES_COMPARED = 10_000
"""At most so many images of each split are compared between train and test."""

SHOWN = 10
"""At most so many images stand beside each other in a grid."""


def labelled(images: Images) -> NDArray[np.int64]:
    """The rows of the images whose class is known; none without labels."""
    if images.labels is None:
        return np.empty(0, np.int64)
    return np.flatnonzero(images.labels != UNLABELLED)


def comparable(run: SavedRun, images: Images, split: str) -> NDArray[np.int64]:
    """The rows of the images on which a run's loss is compared: the same for every run.

    All of them or `IMAGES_COMPARED`; for a classifier, of those with a label.
    """
    rows = labelled(images) if run.config.learn == "classifier" else np.arange(len(images))
    return rows[sample_of(len(rows), split, size=IMAGES_COMPARED)]


def terms(run: SavedRun, images: Images, index: NDArray[np.int64]) -> dict[str, Floats]:
    """The per-image terms of a run's own objective under its final model, (n,) each."""
    found = evaluate(run.model(), run.objective, images, index)
    return {name: values.double().numpy() for name, values in found.items()}


@torch.no_grad()
def class_scores(model: Classifier, images: Images, index: NDArray[np.int64]) -> Floats:
    """The logits of the images at `index`, (n, n_classes)."""
    parts = [
        model(batch_of(images, index[first : first + BATCH], torch.device("cpu")).x)
        for first in range(0, len(index), BATCH)
    ]
    return torch.cat(parts).double().numpy()


@torch.no_grad()
def reconstructions(
    model: VAE | Autoencoder, images: Images, index: NDArray[np.int64]
) -> NDArray[np.float32]:
    """E[x | z] at each image's code (a VAE's posterior mean), (n, C, H, W) in [0, 1].

    A per-image posterior is looked up by `index`, so `images` are those that it learned from.
    """
    parts = []
    for first in range(0, len(index), BATCH):
        batch = batch_of(images, index[first : first + BATCH], torch.device("cpu"))
        if isinstance(model, VAE):
            codes = model.posterior(batch.x, batch.index).mean
        else:
            codes = model.encode(batch.x)
        parts.append(model.decode(codes).numpy())
    return np.concatenate(parts)


def one_per_class(images: Images, count: int = SHOWN) -> NDArray[np.int64]:
    """The first image of each class, in the classes' order; without labels the first images."""
    known = labelled(images)
    if images.labels is None or not len(known):
        return np.arange(min(count, len(images)))
    _, first = np.unique(images.labels[known], return_index=True)
    return known[first][:count]
