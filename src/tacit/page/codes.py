"""What images are to the page: codes by an encoder from elsewhere, or learned here in a minute."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import adaptive_avg_pool2d

from tacit.files import data_sha256
from tacit.images.cache import kept_array
from tacit.images.dataset import Images
from tacit.labels.clusters import cluster_sizes, learn_clusters, side_by_side
from tacit.labels.networks import codes_of
from tacit.labels.representations import principal_components

Codes = NDArray[np.float32]
Say = Callable[[str], None]

SIDE = 32
"""Images are made so small for codes that are learned here: what takes longer is for `--encoder`
and `tacit learn`."""

LEAST = 200
"""With fewer images there are too few clusters to learn: their principal components it is."""

_VERSION = 1  # of what the codes below are


def codes_for_labelling(images: Images, *, seed: int = 0, say: Say = lambda text: None) -> Codes:
    """Codes that no label made, (N, D), kept in the cache by what the images hold.

    Principal components of the pixels are clustered, and networks learn to find the cluster of an
    image again after it was moved (`tacit.labels.clusters`). On MNIST, Poisson learning from fifty
    random labels is 83.5 % right on the components and 91.7 % on these codes (10,000 images).

    Args:
        images: all of them, of one shape.
        say: told what is being done, where that takes time.
    """
    key = data_sha256({"of": images.sha256, "seed": seed, "version": _VERSION})[:32]
    return kept_array("codes", key, partial(_learned, images, seed, say))


def _learned(images: Images, seed: int, say: Say) -> Codes:
    small = _small(images)
    codes = principal_components(small, Images(small.pixels[:0]), seed).pool
    if len(images) < LEAST:
        return codes
    parts = []
    for size in cluster_sizes(len(images)):
        say(f"Learning to tell {size} clusters of {len(images):,} images apart …")
        encoder = learn_clusters(small, codes, n_clusters=size, seed=seed)
        parts.append(codes_of(encoder, small))
    return side_by_side(parts)


def _small(images: Images) -> Images:
    """The images with no side above `SIDE`, averaged over areas."""
    height, width = images.shape[1:]
    if max(height, width) <= SIDE:
        return images if images.labels is None else Images(images.pixels, source=images.source)
    scale = SIDE / max(height, width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    made = np.empty((len(images), images.shape[0], *size), np.uint8)
    for start in range(0, len(images), 256):
        rows = np.arange(start, min(start + 256, len(images)))
        shrunk = adaptive_avg_pool2d(torch.from_numpy(images.scaled(rows)), size)
        made[rows] = np.rint(255 * shrunk.numpy())
    return Images(made, source=images.source)
