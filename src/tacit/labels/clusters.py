"""An encoder that no label made: it learns which cluster of codes an image is in.

Codes of a model that only reconstructs tell apart what looks different, a shifted digit from one
that is not. A classifier that finds an image's cluster again after the image was moved cannot use
such differences, so that images of a class come closer together in its code. On MNIST and a VAE's
codes, Poisson MBO with known shares errs in 2.3 % of the training images on the graph of those
codes, in 1.6 % on that of 300 clusters, in 1.5 % with 1,000. Caron et al. 2018 repeat this on the
new codes; clusters of the new codes gave worse ones here (2.0 %).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans

from tacit.labels.networks import Recipe, train_on_targets
from tacit.models.config import PoolNetwork
from tacit.models.networks import Encoder
from tacit.streams import stream_seed
from tacit.training.examples import Examples
from tacit.training.state import Checkpointer
from tacit.training.views import Affine

MOST_CLUSTERS = 1000
IMAGES_PER_CLUSTER = 20
SIZES = (300, 1000)
"""Numbers of clusters whose encoders are taken together; fewer where there are few images."""

ON_CLUSTERS = Recipe(
    network=PoolNetwork(channels=(16, 32)),
    latent_dim=64,
    epochs=3,
    updates=400,
    batch_size=256,
    rate=0.01,
    betas=(0.7, 0.9),
    affine=Affine(),
)
"""How the encoder is trained."""


def cluster_sizes(n_images: int) -> list[int]:
    """`SIZES`, as far as every cluster has about `IMAGES_PER_CLUSTER` images, two at least.

    >>> cluster_sizes(60_000), cluster_sizes(1_437)
    ([300, 1000], [71])
    """
    most = max(2, n_images // IMAGES_PER_CLUSTER)
    return sorted({min(size, most) for size in SIZES})


def clusters_of(
    codes: NDArray[np.floating[Any]], n_clusters: int | None = None, *, seed: int
) -> NDArray[np.int64]:
    """The k-means cluster of each code, (N,).

    Args:
        codes: (N, D).
        n_clusters: how many; None for one for every `IMAGES_PER_CLUSTER` images, at most
            `MOST_CLUSTERS`.
        seed: of where they begin.

    Raises:
        ValueError: if there are fewer than two clusters, or fewer images than clusters.
    """
    n = len(codes)
    if n_clusters is None:
        n_clusters = max(2, min(MOST_CLUSTERS, n // IMAGES_PER_CLUSTER))
    if not 2 <= n_clusters <= n:
        raise ValueError(f"`n_clusters` is {n_clusters}; with {n} images it is from 2 to {n}")
    means = MiniBatchKMeans(
        n_clusters,
        batch_size=4096,
        n_init=1,
        max_iter=30,
        random_state=stream_seed(seed, "clusters") % 2**32,
    )
    return means.fit_predict(np.asarray(codes, np.float32)).astype(np.int64)


def learn_clusters(
    images: Examples,
    codes: NDArray[np.floating[Any]],
    *,
    n_clusters: int | None = None,
    recipe: Recipe = ON_CLUSTERS,
    seed: int,
    checkpointer: Checkpointer | None = None,
) -> Encoder:
    """An encoder trained, with images moved, to tell the clusters of `codes` apart.

    Args:
        images: of their labels none is read.
        codes: of the same images, (N, D), such as a VAE's means.
        n_clusters: see `clusters_of`.
        recipe, seed, checkpointer: see `tacit.labels.networks.train_network`.

    Raises:
        ValueError: where there is not one code for each image, and as for `clusters_of`.
    """
    if len(codes) != len(images):
        raise ValueError(f"there are {len(codes)} codes for {len(images)} images; each has one")
    cluster = clusters_of(codes, n_clusters, seed=seed)
    targets = np.eye(cluster.max() + 1, dtype=np.float32)[cluster]
    model = train_on_targets(images, targets, recipe=recipe, seed=seed, checkpointer=checkpointer)
    assert isinstance(model.encoder, Encoder)
    return model.encoder


def side_by_side(
    codes: Sequence[NDArray[np.floating[Any]]], like: Sequence[NDArray[np.floating[Any]]] = ()
) -> NDArray[np.float32]:
    """Several codes of each image as one, (N, sum of D), so that none outweighs the others.

    Each is centred and divided by its spread over all dimensions; by the means and spreads of
    `like`, where given: the same codes of the images that the graph is made of.
    """
    parts = [
        (part - of.mean(axis=0)) / of.std() for part, of in zip(codes, like or codes, strict=True)
    ]
    return np.concatenate(parts, axis=1, dtype=np.float32)
