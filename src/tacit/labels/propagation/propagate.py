"""Labels spread over a graph of all images, of many trials at once."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from tacit.labels.draws import Labelled
from tacit.labels.propagation.graph import NEIGHBOURS, nearest_rows, neighbour_weights
from tacit.labels.propagation.laplacian import STEPS, System, conjugate_gradients
from tacit.labels.propagation.volumes import priced, whole_sizes

Kind = Literal["laplace", "poisson", "poisson-mbo"]
KINDS: tuple[Kind, ...] = ("laplace", "poisson", "poisson-mbo")
Scores = NDArray[np.float32]

ROUNDS = 20  # of Poisson MBO, Calder 2020; each has `STEPS` of heat
_AT_ONCE = 2**20  # numbers of one matrix of columns: 4 MiB stay in a core's share of the cache


def propagate(
    graph: sparse.csr_array,
    labelled: Sequence[Labelled],
    n_classes: int,
    *,
    method: Kind,
    shares: NDArray[np.floating[Any]] | None = None,
    slack: float = 0.0,
) -> Scores:
    """A score of every image for every class in every trial, (T, n, C); the largest wins.

    With W the weights, D their sums by row and L = D - W:

    - ``laplace``: L u = 0 at images without a label, u the label's unit vector where there is one
      (Zhu, Ghahramani and Lafferty 2003).
    - ``poisson``: L u = Σ_j δ_j (y_j - ȳ) over the labelled images j, Σ_i D_ii u_i = 0 (Calder,
      Cook, Thorpe and Slepčev 2020).
    - ``poisson-mbo``: from Poisson's labels on, 20 times: 40 steps of heat,
      u ← u - dt (L u - Σ_j δ_j (y_j - ȳ)) with dt = 1 / max D, then each image to one class, so
      that class c gets its share of the images (the same source). The scores are those before the
      last choice, with the price of each class added that makes the shares come true.

    Columns of the trials are worked on in groups that stay in the cache: a product of W with ten
    columns costs a fifth, per column, of one with two hundred.

    Args:
        graph: symmetric weights, (n, n), of one piece: `neighbour_graph`.
        labelled: the trials. A class of which a trial has no label gets no image.
        n_classes: C.
        method: one of the three.
        shares: for ``poisson-mbo`` each class's share of all n images, (C,), or of every trial,
            (T, C); None takes them to be equal.
        slack: for ``poisson-mbo`` by what part of itself each class's share may be smaller or
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
    given = _shares(shares, len(labelled), n_classes, method)
    if not 0 <= slack <= 1 or (slack and method != "poisson-mbo"):
        raise ValueError(
            f"slack is {slack} for {method!r}; 0 to 1 is possible, and only for 'poisson-mbo'"
        )
    weights = sparse.csr_array(graph).astype(np.float32)
    scores = np.empty((len(labelled), n, n_classes), np.float32)
    group = max(1, _AT_ONCE // (n * n_classes))
    system = System(weights)
    labelled = [Labelled(system.place[np.asarray(trial.index)], trial.y) for trial in labelled]
    for start in range(0, len(labelled), group):
        trials = _Trials(labelled[start : start + group], n, n_classes)
        if method == "laplace":
            u = _laplace(system, trials)
        elif method == "poisson":
            u = _poisson(system, trials)
        else:
            u = _poisson_mbo(system, trials, given[start : start + group], slack)
        found = u.view(n, -1, n_classes).permute(1, 0, 2).numpy()
        scores[start : start + group, system.order] = found
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
    shares: NDArray[np.floating[Any]] | None, n_trials: int, n_classes: int, method: Kind
) -> NDArray[np.float64]:
    """Those of every trial, (T, C)."""
    if shares is None:
        return np.full((n_trials, n_classes), 1 / n_classes)
    if method != "poisson-mbo":
        raise ValueError(f"class shares are given to {method!r}; 'poisson-mbo' alone uses them")
    given = np.asarray(shares, dtype=np.float64)
    fits = given.shape in ((n_classes,), (n_trials, n_classes))
    if not fits or not (given >= 0).all() or (np.abs(given.sum(axis=-1) - 1) > 1e-3).any():
        raise ValueError(
            f"shares {np.asarray(shares)!s:.80}; one for each of {n_classes} classes is needed, "
            "none below 0, 1 in all"
        )
    given = given / given.sum(axis=-1, keepdims=True)
    return np.broadcast_to(given, (n_trials, n_classes))


class _Trials:
    """Labels of several trials, and where they stand in a matrix of (n, trials · classes)."""

    def __init__(self, labelled: Sequence[Labelled], n: int, n_classes: int) -> None:
        self.shape = (n, len(labelled), n_classes)
        rows = [torch.from_numpy(np.asarray(trial.index, np.int64)) for trial in labelled]
        self.rows = torch.cat(rows)
        self.trial = torch.repeat_interleave(torch.tensor([len(row) for row in rows]))
        onehot = [
            torch.eye(n_classes, dtype=torch.float32)[torch.from_numpy(np.asarray(t.y))]
            for t in labelled
        ]
        self.onehot = torch.cat(onehot)
        self.sources = torch.cat([rows - rows.mean(dim=0) for rows in onehot])
        self.present = np.stack([rows.sum(dim=0).numpy() > 0 for rows in onehot])

    def put(self, u: Tensor, values: Tensor | float) -> Tensor:
        """Write rows of classes at each trial's labelled images, in place."""
        u.view(self.shape)[self.rows, self.trial] = torch.as_tensor(values)
        return u

    def zeros(self) -> Tensor:
        return torch.zeros(self.shape[0], self.shape[1] * self.shape[2], dtype=torch.float32)


def _laplace(system: System, trials: _Trials) -> Tensor:
    known = trials.put(trials.zeros(), trials.onehot)

    def multiply(p: Tensor) -> Tensor:
        return trials.put(system.laplacian @ p, 0.0)

    def precondition(residual: Tensor) -> Tensor:
        return trials.put(system.precondition(residual), 0.0)

    return known + conjugate_gradients(multiply, -multiply(known), precondition)


def _poisson(system: System, trials: _Trials) -> Tensor:
    source = trials.put(trials.zeros(), trials.sources)

    def multiply(p: Tensor) -> Tensor:
        # Columns of L add up to nothing. What rounding leaves of that is a constant that no
        # direction removes, and that grows where clusters hang together by few edges.
        product = system.laplacian @ p
        return product.sub_(product.mean(dim=0))

    u = conjugate_gradients(multiply, source, system.precondition)
    return u - (system.degrees * u).sum(dim=0) / system.degrees.sum()


def _poisson_mbo(
    system: System, trials: _Trials, shares: NDArray[np.float64], slack: float
) -> Tensor:
    n, n_trials, n_classes = trials.shape
    bounds = [
        _bounds(np.where(present, own, 0.0), slack, n)
        for present, own in zip(trials.present, shares, strict=True)
    ]
    prices = [torch.zeros(n_classes, dtype=torch.float32)] * n_trials
    u = _poisson(system, trials).view(trials.shape)
    labels = u.argmax(dim=2)
    source = trials.put(trials.zeros(), system.step * trials.sources)
    fed = trials.zeros()  # what the labels add in 40 steps, the same in every round
    for _ in range(STEPS):
        fed = torch.addmm(source, system.heat, fed)
    fed = fed.view(trials.shape)
    going = torch.arange(n_trials)  # trials whose labels still change; the rest stay as they are
    for _ in range(ROUNDS):
        onehot = torch.nn.functional.one_hot(labels[:, going], n_classes).float()
        heated = system.heated(onehot.reshape(n, -1)).view(onehot.shape) + fed[:, going]
        for column, trial in enumerate(going.tolist()):
            least, most = bounds[trial]
            prices[trial] = priced(heated[:, column], least, most, prices[trial])
            u[:, trial] = heated[:, column] + prices[trial]
        found = u[:, going].argmax(dim=2)
        changed = (found != labels[:, going]).any(dim=0)
        labels[:, going] = found
        going = going[changed]
        if not len(going):
            break
    # A class that is out of the question has a price of minus infinity, which cannot be averaged.
    lowest = u[u.isfinite()].min() - 1
    return u.reshape(n, -1).clamp(min=lowest)


def _bounds(
    shares: NDArray[np.float64], slack: float, n: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Least and most images of each class: its share of n, less and more by `slack` of it."""
    sizes = whole_sizes(shares, n)
    return np.floor((1 - slack) * sizes).astype(int), np.ceil((1 + slack) * sizes).astype(int)
