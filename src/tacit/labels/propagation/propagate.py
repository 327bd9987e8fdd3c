"""Labels spread over a graph of all images, of many trials at once."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from tacit.labels.draws import Labelled
from tacit.labels.propagation.graph import NEIGHBOURS, nearest_rows, neighbour_weights
from tacit.labels.propagation.laplace import LAPLACE
from tacit.labels.propagation.laplacian import System
from tacit.labels.propagation.mbo import POISSON_MBO
from tacit.labels.propagation.poisson import POISSON
from tacit.labels.propagation.spreading import Spreading, Trials

KINDS = {kind.name: kind for kind in (LAPLACE, POISSON, POISSON_MBO)}
"""All kinds of propagation, by name."""

Scores = NDArray[np.float32]

_AT_ONCE = 2**20  # numbers of one matrix of columns: 4 MiB stay in a core's share of the cache


def propagate(
    graph: sparse.csr_array,
    labelled: Sequence[Labelled],
    n_classes: int,
    *,
    method: str,
    shares: NDArray[np.floating[Any]] | None = None,
    slack: float = 0.0,
) -> Scores:
    """A score of every image for every class in every trial, (T, n, C); the largest wins.

    With W the weights, D their sums by row and L = D - W:

    - ``laplace``: L u = 0 at images without a label (`tacit.labels.propagation.laplace`).
    - ``poisson``: L u = Σ_j δ_j (y_j - ȳ) over the labelled images (`….poisson`).
    - ``poisson-mbo``: Poisson's, then heat in turn with a choice that keeps class shares (`….mbo`).

    Columns of the trials are worked on in groups that stay in the cache: a product of W with ten
    columns costs a fifth, per column, of one with two hundred.

    Args:
        graph: symmetric weights, (n, n), of one piece: `neighbour_graph`.
        labelled: the trials. A class of which a trial has no label gets no image.
        n_classes: C.
        method: a name of `KINDS`.
        shares: where the method takes them, each class's share of all n images, (C,), or of every
            trial, (T, C); None takes them to be equal.
        slack: where it takes shares, by what part of itself each class's share may be smaller or
            larger, 0 to 1. MNIST's classes have 9.0 to 11.3 % of the images: taken to be exactly
            equal, one image in thirty is put into a wrong class by force; with 0.1 the error is
            nearly that of known shares.

    Raises:
        ValueError: a trial has labels of fewer than two classes, or rows or labels out of range;
            the graph is not square or falls apart; shares are given to another method, or are no
            shares. The message names the trial.
    """
    n = _one_piece(graph)
    for number, trial in enumerate(labelled):
        _check(trial, number, n, n_classes)
    if method not in KINDS:
        raise ValueError(f"method {method!r}; {', '.join(KINDS)} are known")
    kind = KINDS[method]
    given = _shares(shares, len(labelled), n_classes, kind)
    if not 0 <= slack <= 1 or (slack and not kind.takes_shares):
        raise ValueError(
            f"slack is {slack} for {method!r}; 0 to 1 is possible, and only for {_able()}"
        )
    weights = sparse.csr_array(graph).astype(np.float32)
    scores = np.empty((len(labelled), n, n_classes), np.float32)
    group = max(1, _AT_ONCE // (n * n_classes))
    system = System(weights)
    labelled = [Labelled(system.place[np.asarray(trial.index)], trial.y) for trial in labelled]
    for start in range(0, len(labelled), group):
        some = slice(start, start + group)
        trials = Trials(labelled[some], n, n_classes, given[some], slack)
        u = kind.solve(system, trials)
        found = u.view(n, -1, n_classes).permute(1, 0, 2).numpy()
        scores[some, system.order] = found
    return scores


def extend(codes: ArrayLike, scores: Scores, new_codes: ArrayLike, k: int = NEIGHBOURS) -> Scores:
    """Scores of images outside the graph, (T, m, C): the mean of their nearest ones inside.

    Each of the k nearest images of the graph counts with exp(-4 d² / d_k²), d_k the distance to
    the k-th, as in `neighbour_graph`. The new images change nothing for one another.

    Args:
        codes: of the images of the graph, (n, d).
        scores: theirs, (T, n, C).
        new_codes: (m, d).
        k: how many neighbours.

    Raises:
        ValueError: codes and scores are of different numbers of images, and as for `nearest_rows`.
    """
    scores = np.asarray(scores, dtype=np.float32)
    if scores.ndim != 3 or scores.shape[1] != len(np.asarray(codes)):
        raise ValueError(
            f"scores of shape {scores.shape} for {len(np.asarray(codes)):,} codes; scores are "
            "(T, n, C), one row a code"
        )
    index, distances = nearest_rows(new_codes, k, codes)
    weights = neighbour_weights(distances)
    weights /= weights.sum(axis=1, keepdims=True)
    m, k = index.shape
    ends = (weights.astype(np.float32).ravel(), index.ravel(), np.arange(0, m * k + 1, k))
    mean = sparse.csr_array(ends, shape=(m, scores.shape[1]))
    return np.stack([mean @ trial for trial in scores]).astype(np.float32)


def _one_piece(graph: sparse.csr_array) -> int:
    if graph.ndim != 2 or graph.shape[0] != graph.shape[1]:
        raise ValueError(f"the graph has shape {graph.shape}; weights between images are square")
    n_parts, _ = connected_components(graph, directed=False)
    if n_parts > 1:
        raise ValueError(
            f"the graph falls into {n_parts:,} parts, and labels of one tell nothing of another; "
            "`neighbour_graph` joins them"
        )
    return int(graph.shape[0])


def _check(trial: Labelled, number: int, n: int, n_classes: int) -> None:
    index, y = np.asarray(trial.index), np.asarray(trial.y)
    if index.shape != y.shape or len(np.unique(index)) < len(index):
        raise ValueError(f"trial {number}: rows are to be named once, and each has one label")
    for values, end, what in ((index, n, "row"), (y, n_classes, "label")):
        wrong = values[(values < 0) | (values >= end)]
        if len(wrong):
            raise ValueError(f"trial {number}: {what} {wrong[0]} is not among 0 to {end - 1}")
    if len(found := np.unique(y)) < 2:
        raise ValueError(
            f"trial {number}: labels of {len(found)} class; two or more can be told apart"
        )


def _shares(
    shares: NDArray[np.floating[Any]] | None, n_trials: int, n_classes: int, kind: Spreading
) -> NDArray[np.float64]:
    """Those of every trial, (T, C)."""
    if shares is None:
        return np.full((n_trials, n_classes), 1 / n_classes)
    if not kind.takes_shares:
        raise ValueError(f"class shares are given to {kind.name!r}; {_able()} alone uses them")
    given = np.asarray(shares, dtype=np.float64)
    fits = given.shape in ((n_classes,), (n_trials, n_classes))
    if not fits or not (given >= 0).all() or (np.abs(given.sum(axis=-1) - 1) > 1e-3).any():
        raise ValueError(
            f"shares {np.asarray(shares)!s:.80}; one for each of {n_classes} classes is needed, "
            "none below 0, 1 in all"
        )
    given = given / given.sum(axis=-1, keepdims=True)
    return np.broadcast_to(given, (n_trials, n_classes))


def _able() -> str:
    return " and ".join(f"'{name}'" for name, kind in KINDS.items() if kind.takes_shares)
