"""Class shares that are not known: taken as equal at first, then as the graph has them.

Poisson MBO gives each class exactly its share of the images. Where shares are taken as equal and
are not, it takes images from the frequent classes to fill the rare ones: as many errors as the
shares are wrong by. Labels that may then move along the graph's edges go back to their like, and
say better shares.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tacit.labels.draws import Labelled
from tacit.labels.propagation.propagate import propagate

Classes = NDArray[np.int64]

ROUNDS = 2
STEPS, CHOICES = 10, 12
"""So many means over an image's neighbours; then each image takes its largest class; so often.

In 60 steps classes of MNIST run into one another: on the graph of a VAE's codes 15 % are wrong
after two rounds, in place of 2.7.
"""


def settle(graph: sparse.csr_array, classes: Classes, labelled: Labelled) -> Classes:
    """Each image to the class that prevails around it, no class being given a share, (n,).

    Args:
        graph: symmetric weights, (n, n).
        classes: of each image, (n,).
        labelled: images whose class is known and stays.
    """
    n_classes = max(int(classes.max()), int(labelled.y.max())) + 1
    weights = sparse.csr_array(graph).astype(np.float32)
    degrees = np.asarray(weights.sum(axis=1), dtype=np.float32)[:, None]
    classes = classes.copy()
    for _ in range(CHOICES):
        shares = np.eye(n_classes, dtype=np.float32)[classes]
        for _ in range(STEPS):
            shares = np.asarray(weights @ shares, np.float32) / degrees
        classes = shares.argmax(axis=1)
        classes[labelled.index] = labelled.y
    return classes


def propagate_with_estimated_shares(
    graph: sparse.csr_array, labelled: Labelled, n_classes: int, *, rounds: int = ROUNDS
) -> list[Classes]:
    """Poisson MBO from equal shares on, the shares estimated again after each round.

    Returns each round's classes, (n,): the first are those of equal shares, the last the answer.

    Args:
        graph: `neighbour_graph` of the pool.
        labelled: the trial.
        n_classes: how many classes there are.
        rounds: at least 1.

    Raises:
        ValueError: if `rounds` is below 1, and as for `propagate`.
    """
    if rounds < 1:
        raise ValueError(f"`rounds` is {rounds}; it is at least 1")
    shares: NDArray[np.float64] | None = None
    found: list[Classes] = []
    for _ in range(rounds):
        if found:
            shares = _settled_shares(graph, found[-1], labelled, n_classes)
        (scores,) = propagate(graph, [labelled], n_classes, method="poisson-mbo", shares=shares)
        found.append(scores.argmax(axis=1))
    return found


def estimated_shares(
    graph: sparse.csr_array, trials: Sequence[Labelled], n_classes: int, *, slack: float = 0.0
) -> NDArray[np.float64]:
    """Each trial's shares of the classes, (T, C), as the graph has them after one round.

    Args:
        graph: `neighbour_graph` of the pool.
        trials: their labels. n_classes: C.
        slack: of the equal shares of that round.
    """
    scores = propagate(graph, trials, n_classes, method="poisson-mbo", slack=slack)
    return np.stack(
        [
            _settled_shares(graph, found.argmax(axis=1), trial, n_classes)
            for found, trial in zip(scores, trials, strict=True)
        ]
    )


def _settled_shares(
    graph: sparse.csr_array, classes: Classes, labelled: Labelled, n_classes: int
) -> NDArray[np.float64]:
    settled = settle(graph, classes, labelled)
    return np.bincount(settled, minlength=n_classes) / len(settled)
