"""Images on a plane, so that near ones have near codes: what the map shows, and of which."""

import hashlib
from collections.abc import Collection, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from tacit.images.cache import kept_array
from tacit.labels.propagation.graph import nearest_rows, neighbour_weights
from tacit.streams import numpy_stream, stream_seed

PLACED = 3000
"""So many images find their places together by t-SNE; the others go where the nearest of these
are. t-SNE of 3,000 takes about ten seconds of one core, of 60,000 some ten minutes."""

MAPPED = 20_000
"""Of more images the map shows so many, drawn by lot, and those that are labelled (the last so
many) or listed. What is sent for 20,000 takes 0.6 MB, and it is sent anew after each answer."""

_VERSION = 1


def on_a_plane(codes: NDArray[np.float32], *, seed: int = 0) -> NDArray[np.float32]:
    """Places in the unit square, (N, 2), kept in the cache.

    t-SNE (van der Maaten and Hinton 2008) of at most `PLACED` images, from their principal
    components on; each other image lies at the mean of its three nearest ones among these, weighted
    as in `neighbour_graph`, and a little aside so that no two hide each other. With fewer than ten
    images, two principal components.
    """
    return kept_array("planes", _key(codes, seed), partial(_placed, codes, seed))


def mapped(
    n: int, labelled: Sequence[int], listed: Collection[int], *, seed: int = 0
) -> NDArray[np.int64]:
    """The rows of the images that the map shows, in their order: all, or as `MAPPED` says."""
    lot = numpy_stream(seed, "mapped").permutation(n)[:MAPPED]
    return np.union1d(lot, np.array([*labelled[-MAPPED:], *listed], np.int64))


def _placed(codes: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    n = len(codes)
    random = stream_seed(seed, "plane") % 2**32
    if n < 10 or codes.shape[1] < 2:
        flat = PCA(min(2, *codes.shape), random_state=random).fit_transform(codes)
        places = np.zeros((n, 2))
        places[:, : flat.shape[1]] = flat
    else:
        rng = numpy_stream(seed, "placed")
        some = np.sort(rng.permutation(n)[:PLACED])
        few = codes[some]
        if few.shape[1] > 50 and len(few) > 50:
            few = PCA(50, random_state=random).fit_transform(few)
        perplexity = min(30.0, (len(some) - 1) / 3)
        found = TSNE(
            2, perplexity=perplexity, init="pca", max_iter=500, random_state=random
        ).fit_transform(few)
        places = np.empty((n, 2))
        places[some] = found
        rest = np.setdiff1d(np.arange(n), some)
        if len(rest):
            index, distances = nearest_rows(codes[rest], 3, codes[some])
            weights = neighbour_weights(distances)
            weights /= weights.sum(axis=1, keepdims=True)
            aside = rng.normal(0, 0.004 * np.ptp(found), (len(rest), 2))
            places[rest] = (weights[:, :, None] * found[index]).sum(axis=1) + aside
    low, high = places.min(axis=0), places.max(axis=0)
    return ((places - low) / np.where(high > low, high - low, 1)).astype(np.float32)


def _key(codes: NDArray[np.float32], seed: int) -> str:
    head = repr((codes.shape, seed, _VERSION)).encode()
    return hashlib.sha256(head + np.ascontiguousarray(codes).tobytes()).hexdigest()[:32]
