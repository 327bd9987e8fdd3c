"""A graph that joins each image to the images with the nearest codes."""

import logging
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from tacit.labels.propagation import approximate

Codes = NDArray[np.float32]

NEIGHBOURS = 10
PAIRS = 80_000**2
"""Beyond so many, all pairs are not looked at where `tacit[scale]` is installed.

At 128 dimensions they take 21 s on a core, the approximate search 6: before, little is won."""

_SECONDS_A_PAIR = 2.5e-11  # and dimension, on a core with AVX2
_GROUP = 64  # distances whose smallest is looked at first
_SLACK = 4  # more candidates than neighbours, since float32 may misplace the last of them
_AT_ONCE = 2**24  # distances in memory at a time, 64 MiB
_POINTS_AT_ONCE = 2**12  # whose candidates' codes are in memory, some 64 MiB in float64


def as_codes(values: ArrayLike, name: str = "codes") -> Codes:
    """`values` as float32 codes, (n, d); flattened from images (n, …).

    Raises:
        ValueError: there are none, or some are not finite; the first such row is named.
    """
    codes = np.asarray(values, dtype=np.float32)
    if codes.ndim < 2 or codes.size == 0:
        raise ValueError(f"`{name}` has shape {codes.shape}; codes are (n, d), one row an image")
    codes = np.ascontiguousarray(codes.reshape(len(codes), -1))
    finite = np.isfinite(codes).all(axis=1)
    if not finite.all():
        raise ValueError(
            f"`{name}`, row {int(finite.argmin())}: {codes[finite.argmin()]!s:.60} is not finite; "
            "distances need numbers"
        )
    return codes


def nearest_rows(
    points: ArrayLike,
    k: int,
    among: ArrayLike | None = None,
    *,
    share: float = approximate.AIM,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The `k` nearest rows of each point and their Euclidean distances, both (m, k), ascending.

    Up to `PAIRS`, all pairs are looked at, in blocks, by one float32 matrix product each; the
    distances of the few that remain are then computed from differences in float64, so that equal
    rows are at no distance. Where several rows are as near as the last one (to about seven
    digits), any may stand for them. Beyond, candidates come from an approximate search, at least
    `share` of the true ones, and their distances are exact; its recall on a sample is
    logged. Without faiss all pairs are looked at, and how long that takes is logged.

    Args:
        points: (m, d).
        k: how many; all rows where there are fewer.
        among: (n, d), the rows to choose from; without it `points`, no point its own neighbour.
        share: of the true ones, to be found where not all pairs are looked at.

    Raises:
        ValueError: codes are empty or not finite, two sides differ in d, there is no row to choose
            from, or `k` is below 1.
    """
    x = as_codes(points)
    y = x if among is None else as_codes(among, "among")
    if x.shape[1] != y.shape[1]:
        raise ValueError(
            f"points have {x.shape[1]} dimensions and `among` {y.shape[1]}; they must be the same"
        )
    own = among is None
    k = min(_at_least_one(k), len(y) - own)
    if k < 1:
        raise ValueError("one code has no neighbour; two codes or more have")
    if len(x) * len(y) <= PAIRS:
        return _search(x, y, k, own, None)
    if approximate.is_installed():
        return _approximate(x, y, k, own, share)
    minutes = _SECONDS_A_PAIR * len(x) * len(y) * (y.shape[1] + 10) / 60
    logging.getLogger(__name__).warning(
        "neighbours among %s codes by looking at all pairs: about %s min on one core; "
        "pip install 'tacit[scale]' for an approximate search",
        f"{len(y):,}",
        f"{minutes:,.0f}",
    )
    return _search(x, y, k, own, None)


def neighbour_graph(codes: ArrayLike, k: int = NEIGHBOURS) -> sparse.csr_array:
    """Symmetric weights between images with near codes, (n, n), float32, no image to itself.

    Image i gives its k nearest images j the weight exp(-4 d_ij² / d_ik²), d_ik the distance to the
    k-th; an edge weighs the mean of what its two ends give. Where more than k images are equal and
    d_ik is zero, they give each other 1. Parts of the graph without an edge between them are
    joined by their shortest edges, with the weight of a k-th neighbour, exp(-4), so that labels
    reach every image.

    Source: the graph of Calder, Cook, Thorpe and Slepčev 2020, but for the joined parts.

    Args:
        codes: (n, d).
        k: how many neighbours; all other images where there are fewer.

    Raises:
        ValueError: as for `nearest_rows`.
    """
    codes = as_codes(codes)
    index, distances = nearest_rows(codes, k)
    weights = neighbour_weights(distances)
    n, k = index.shape
    rows = np.repeat(np.arange(n), k)
    given = sparse.csr_array((weights.ravel() / 2, (rows, index.ravel())), shape=(n, n))
    return _joined(sparse.csr_array(given + given.T).astype(np.float32), codes)


def neighbour_weights(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """exp(-4 d² / d_k²) of each point's ascending distances, (m, k); 1 where all are zero."""
    last = distances[:, -1:]
    return np.exp(-4 * (distances / np.where(last > 0, last, 1.0)) ** 2)


def _at_least_one(k: int) -> int:
    if k < 1:
        raise ValueError(f"`k` is {k}; at least one neighbour is needed")
    return k


def _joined(graph: sparse.csr_array, codes: Codes) -> sparse.csr_array:
    """The graph with an edge from each part to the part nearest to it, until it is one."""
    n_parts, part = connected_components(graph, directed=False)
    while n_parts > 1:
        # The largest part need not look around: every other looks at it as well.
        outside = _thinned(np.flatnonzero(part != np.bincount(part).argmax()), part)
        index, distances = _search(codes[outside], codes, 1, False, (part[outside], part))
        order = np.lexsort((outside, distances[:, 0], part[outside]))
        _, first = np.unique(part[outside][order], return_index=True)
        ends = outside[order[first]], index[order[first], 0]
        edges = sparse.coo_array((np.full(len(first), np.exp(-4.0)), ends), shape=graph.shape)
        # Two parts may have chosen the same edge; it weighs what one edge does.
        added = sparse.csr_array(edges + edges.T)
        added.data = np.minimum(added.data, np.exp(-4.0))
        graph = sparse.csr_array(graph + added).astype(np.float32)
        n_parts, part = connected_components(graph, directed=False)
    return graph


def _thinned(rows: NDArray[np.int64], part: NDArray[Any]) -> NDArray[np.int64]:
    """As many rows as may look at all others within `PAIRS`, evenly of each part, one at least."""
    if len(rows) * len(part) <= PAIRS:
        return rows
    rows = rows[np.argsort(part[rows], kind="stable")]
    _, first, sizes = np.unique(part[rows], return_index=True, return_counts=True)
    place = np.arange(len(rows)) - np.repeat(first, sizes)
    each = max(1, PAIRS // len(part) // len(sizes))
    steps = np.repeat(-(-sizes // each), sizes)
    return rows[place % steps == 0]


def _approximate(
    x: Codes, y: Codes, k: int, own: bool, share: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """`nearest_rows` by an inverted file; all pairs where that is no quicker."""
    centre, scale = _centre_and_scale(x, y)
    cells = approximate.Cells((y - centre) / scale)
    n_candidates = min(k + _SLACK, len(y)) + own
    chosen_by, told_of = approximate.samples(len(x))
    true = _true(x, y, k, own, chosen_by)
    looked_into = cells.enough((x[chosen_by] - centre) / scale, true, n_candidates, share)
    say = logging.getLogger(__name__).info
    if not looked_into:
        say(
            "neighbours among %s codes: of all pairs, no quicker search finds enough", f"{len(y):,}"
        )
        return _search(x, y, k, own, None)
    index = np.empty((len(x), k), np.int64)
    distances = np.empty((len(x), k))
    for start in range(0, len(x), _POINTS_AT_ONCE):
        rows = np.arange(start, min(start + _POINTS_AT_ONCE, len(x)))
        candidates = cells.nearest((x[rows] - centre) / scale, n_candidates, looked_into)
        if own:
            candidates[candidates == rows[:, None]] = -1
        index[rows], distances[rows] = _nearest_of(candidates, x[rows], y, k)
    # Where the cells held too few rows, all are looked at.
    short = np.flatnonzero(np.isinf(distances[:, -1]))
    if len(short):
        index[short], distances[short] = _search(x[short], y, k, own, None, short)
    say(
        "neighbours among %s codes: approximate, %.1f %% of the true ones (of a sample) found in "
        "%d of %s cells",
        f"{len(y):,}",
        100 * approximate.recall(index[told_of], _true(x, y, k, own, told_of)),
        looked_into,
        f"{cells.n_cells:,}",
    )
    return index, distances


def _true(x: Codes, y: Codes, k: int, own: bool, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return _search(x[rows], y, k, own, None, rows)[0]


def _nearest_of(
    candidate: NDArray[np.int64], points: Codes, among: Codes, k: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The `k` nearest of each point's candidates, (m, c), of which -1 is none, in float64."""
    difference = among[candidate].astype(np.float64) - points[:, None]
    exact = np.sqrt(np.square(difference).sum(axis=2))
    exact[candidate < 0] = np.inf
    best = np.lexsort((candidate, exact), axis=1)[:, :k]
    return np.take_along_axis(candidate, best, axis=1), np.take_along_axis(exact, best, axis=1)


def _search(
    x: Codes,
    y: Codes,
    k: int,
    own: bool,
    parts: tuple[NDArray[Any], NDArray[Any]] | None,
    places: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """`nearest_rows`, all pairs looked at.

    With `parts` of x and y, rows of a point's own part are left out. `places` are where points
    stand among y, for `own`; by default x is y.
    """
    places = np.arange(len(x)) if places is None else places
    n, d = y.shape
    n_groups = -(-n // _GROUP)
    centre, scale = _centre_and_scale(x, y)
    a = torch.from_numpy((x - centre) / scale)
    b = torch.from_numpy((y - centre) / scale)
    # ‖y‖² - 2 x·y orders the rows as ‖x - y‖² does, and is one product; rows that fill up the last
    # group are infinitely far.
    right = torch.zeros(d + 1, n_groups * _GROUP, dtype=torch.float32)
    right[:d, :n] = b.T
    right[d, :n] = b.square().sum(dim=1)
    right[d, n:] = torch.inf
    left = torch.cat([-2 * a, torch.ones(len(a), 1, dtype=a.dtype)], dim=1)
    n_candidates = min(k + _SLACK, n)
    block = max(1, min(256, _AT_ONCE // right.shape[1]))
    # One block's memory for all of them: fresh pages would cost as much as the product.
    products = torch.empty(block, right.shape[1], dtype=right.dtype)
    index = np.empty((len(x), k), np.int64)
    distances = np.empty((len(x), k))
    for start in range(0, len(x), block):
        rows = slice(start, min(start + block, len(x)))
        far = torch.mm(left[rows], right, out=products[: rows.stop - start])
        if own:
            far[torch.arange(len(far)), torch.from_numpy(places[rows])] = torch.inf
        if parts is not None:
            same = torch.from_numpy(parts[0][rows, None] == parts[1][None])
            far[:, :n].masked_fill_(same, torch.inf)
        candidates = _smallest(far.view(len(far), n_groups, _GROUP), n_candidates)
        left_out = ~torch.isfinite(far.gather(1, candidates)).numpy()
        candidate = np.where(left_out, -1, candidates.numpy())
        index[rows], distances[rows] = _nearest_of(candidate, x[rows], y, k)
    return index, distances


def _centre_and_scale(x: Codes, y: Codes) -> tuple[Codes, np.float32]:
    """What brings codes of any size, however far from zero, to between -1 and 1."""
    centre = y.mean(axis=0, dtype=np.float64).astype(np.float32)
    high, low = np.maximum(x.max(axis=0), y.max(axis=0)), np.minimum(x.min(axis=0), y.min(axis=0))
    scale = float(np.maximum(high - centre, centre - low).max()) or 1.0
    return centre, np.float32(scale)


def _smallest(far: torch.Tensor, k: int) -> torch.Tensor:
    """Positions of the k smallest values of each row, (m, groups, size).

    They lie in the k groups with the smallest minima. To find these costs one pass over the values,
    which the k smallest of tens of thousands otherwise exceed many times.
    """
    m, n_groups, size = far.shape
    groups = far.amin(dim=2).topk(min(k, n_groups), dim=1, largest=False).indices
    chosen = far.gather(1, groups[:, :, None].expand(-1, -1, size)).view(m, -1)
    within = chosen.topk(k, dim=1, largest=False).indices
    return groups.gather(1, within // size) * size + within % size
