"""The first images to label, where nothing is known yet: what stands for the most of the others."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans

from tacit.streams import stream_seed

FIRST = 10
"""So many are labelled before the answers themselves say what to ask next.

On 10,000 images of MNIST, 20 labels of which the first ten came so and the others by
`tacit.labels.acquisition` make Poisson learning 96.5 % right, 20 at random 81.1 %
(`python -m benchmarks.labelling`).
"""


def covering(codes: NDArray[np.float32], *, seed: int = 0) -> Iterator[int]:
    """Rows of images that cover the set, the medoids of ten clusters first, then of twenty, …

    The clusters are those of k-means, the largest first; each is stood for by the image nearest to
    its centre. Every image comes at last, none twice.

    Args:
        codes: (N, D). seed: of where the clusters begin.
    """
    seen: set[int] = set()
    k = min(FIRST, len(codes))
    while k < len(codes) and k <= 40 * FIRST:
        means = MiniBatchKMeans(
            k, batch_size=4096, n_init=3, random_state=stream_seed(seed, "first", k) % 2**32
        ).fit(codes)
        distance = np.square(codes - means.cluster_centers_[means.labels_]).sum(axis=1)
        order = np.lexsort((distance, means.labels_))
        found, where = np.unique(means.labels_[order], return_index=True)
        medoids = order[where]
        sizes = np.bincount(means.labels_, minlength=k)[found]
        for row in medoids[np.argsort(-sizes, kind="stable")].tolist():
            if row not in seen:
                seen.add(row)
                yield row
        k *= 2
    yield from (row for row in range(len(codes)) if row not in seen)
