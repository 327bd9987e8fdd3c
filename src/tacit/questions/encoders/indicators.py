"""What codes show without a label: along how many directions they vary, whether views stay near."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from tacit.encoders.source import is_source, parse
from tacit.images.dataset import Images
from tacit.labels.networks import codes_of
from tacit.labels.representations import pixels, principal_components, untrained
from tacit.models.parts import part_of
from tacit.questions.base import Codes, Runs
from tacit.questions.encoders.viewed import called, looked_at
from tacit.questions.shared.pairs import BUILT_IN
from tacit.streams import torch_stream
from tacit.training.collapse import effective_rank
from tacit.training.views import Views

NEIGHBOURS = 10


@dataclass(frozen=True)
class OfCodes:
    """What is measured of one representation, on test images, by one seed.

    Attributes:
        width: dimensions of a code.
        effective_rank: of the codes (`tacit.training.collapse.effective_rank`).
        size: bytes of the weights of the run's encoder; None where there is no such.
        kept: of each image the share of its nearest neighbours that its view has too, (n,); None
            of features that were given, as there are none of views.
    """

    width: int
    effective_rank: float
    size: int | None = None
    kept: NDArray[np.float64] | None = None


def indicators_of(codes: str, views: Views, runs: Runs) -> OfCodes:
    """Of codes that need no run, of a run, or of an encoder from elsewhere."""
    index = looked_at(len(runs.test))
    if is_source(codes):
        own = runs.features(codes)[1][index]
        kept = None
        if can_be_viewed(codes):
            kept = neighbours_kept(own, runs.features(called(codes, views))[1])
        return OfCodes(own.shape[1], effective_rank(torch.from_numpy(own)), kept=kept)
    images = Images(runs.test.pixels[index])
    seen = views(torch.from_numpy(images.scaled()), torch_stream(runs.seed, "views of test images"))
    levels = (255 * seen).round().to(torch.uint8).numpy()
    both = Images(np.concatenate([images.pixels, levels]))
    own, of_views = np.split(_encoded(codes, both, runs), 2)
    kept = neighbours_kept(own, of_views)
    return OfCodes(own.shape[1], effective_rank(torch.from_numpy(own)), _size(codes, runs), kept)


def can_be_viewed(source: str) -> bool:
    """Whether an encoder from elsewhere can read other pictures: features that are given cannot."""
    return parse(source).kind != "features"


def neighbours_kept(codes: Codes, of_views: Codes) -> NDArray[np.float64]:
    """The share of each image's `NEIGHBOURS` nearest others that its view has too, (n,).

    Neighbours are images as they are, the image itself apart, for the image and for its view. Codes
    that do not change under views have 1; where views say nothing it is little more than
    `NEIGHBOURS` / (n - 1).

    Args:
        codes, of_views: of the same images and of a view of each, (n, D).
    """
    n = len(codes)
    k = min(NEIGHBOURS, n - 2)
    if k < 1:
        return np.ones(n)
    near = NearestNeighbors(n_neighbors=k + 1, algorithm="brute").fit(codes)
    both = np.zeros((2, n, n), bool)
    for side, each in enumerate((codes, of_views)):
        found = near.kneighbors(each, return_distance=False)
        for i, row in enumerate(found):
            both[side, i, row[row != i][:k]] = True
    return np.asarray(both.all(axis=0).sum(axis=1) / k, np.float64)


def _encoded(codes: str, images: Images, runs: Runs) -> Codes:
    nothing = images.take(np.arange(0))
    if codes == "pixels":
        return pixels(nothing, images).new
    if codes == "pca":
        return principal_components(Images(runs.train.pixels), images, runs.seed).new
    if codes == "random":
        return untrained(nothing, images, runs.seed).new
    return codes_of(part_of(runs[codes].model(), "encoder"), images)


def _size(codes: str, runs: Runs) -> int | None:
    if codes in BUILT_IN:
        return None
    encoder = part_of(runs[codes].model(), "encoder")
    return sum(p.numel() * p.element_size() for p in encoder.parameters())
