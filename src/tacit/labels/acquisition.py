"""Which images' labels would help most: uncertain ones that stand for many others, none twice."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tacit.labels.draws import Labelled

Floats = NDArray[np.float64]


def doubts(probabilities: NDArray[np.floating[Any]]) -> Floats:
    """One less the lead of each image's likeliest class over the next, (N,).

    Args:
        probabilities: of the classes, (N, K), K at least 2.
    """
    ordered = np.sort(np.asarray(probabilities, np.float64), axis=1)
    return np.asarray(1 - (ordered[:, -1] - ordered[:, -2]), np.float64)


def ask_next(
    graph: sparse.csr_array,
    probabilities: NDArray[np.floating[Any]],
    labelled: Labelled,
    n: int,
    *,
    copies: NDArray[np.integer[Any]] | None = None,
) -> tuple[NDArray[np.int64], Floats]:
    """The images to label next, best first, and what each was chosen for, both (n,).

    An image is uncertain by its doubt, u = 1 - (p₁ - p₂), and by 0 where its label is known. What a
    label of image i would tell of image j is taken as S_ij, S = A² with A = ½ (I + D⁻¹ W): two
    steps over the graph, each to a neighbour or nowhere. The image with the largest Σ_j S_ij u_j is
    asked for: uncertain, and near to much else that is. Then what its label will tell is taken off,
    u_j ← u_j (1 - S_ij / S_ii), so that the next one is elsewhere.

    The rule has uncertainty and density as in information-density sampling (Settles and Craven
    2008), and diversity as in the greedy choice of facilities.

    Args:
        graph: `tacit.labels.propagation.graph.neighbour_graph` of all images.
        probabilities: of the classes, (N, K).
        labelled: images that have labels; they are not asked for.
        n: how many; fewer where fewer are left.
        copies: a number for each image, (N,), the same for equal pictures, of which one is asked
            for at most, and none that has a label.

    Returns:
        Rows of the images, and Σ_j S_ij u_j when each was chosen: about how many images' worth of
        uncertainty its label would settle.
    """
    doubt = doubts(probabilities)
    doubt[labelled.index] = 0.0
    weights = sparse.csr_array(graph).astype(np.float64)
    steps = sparse.diags_array(1 / weights.sum(axis=1)) @ weights
    step: Any = sparse.csr_array((sparse.eye_array(len(doubt)) + steps) / 2)
    back: Any = sparse.csr_array(step.T)
    free = np.ones(len(doubt), bool)
    free[labelled.index] = False
    if copies is not None:
        free &= ~np.isin(copies, np.asarray(copies)[labelled.index])
    chosen: list[int] = []
    worth: list[float] = []
    while free.any() and len(chosen) < n:
        # Σ_j S_ij u_j is over what i's label tells: the transpose of where j's steps lead.
        gain = back @ (back @ doubt)
        best = int(np.where(free, gain, -np.inf).argmax())
        chosen.append(best)
        worth.append(float(gain[best]))
        told = np.zeros(len(doubt))
        told[best] = 1.0
        told = step @ (step @ told)  # how far each image's two steps lead to the chosen one
        doubt *= np.clip(1 - told / told[best], 0.0, 1.0)
        doubt[best] = 0.0
        free[best] = False
        if copies is not None:
            free &= np.asarray(copies) != copies[best]
    return np.array(chosen, np.int64), np.array(worth)
