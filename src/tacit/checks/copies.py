"""Copies of one picture that are not equal to the byte: re-encoded, resized, brighter, cropped."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from tacit.checks.pieces import pieces
from tacit.images.dataset import Images
from tacit.images.splits import content_hashes
from tacit.labels.propagation.graph import nearest_rows
from tacit.labels.representations import fitted_components
from tacit.streams import numpy_stream

Floats = NDArray[np.float32]
Halves = NDArray[np.float16]

SIDE = 32
"""Pictures are compared at this size, or at their own where that is smaller."""

BLUR = 1 / 20
"""Of the sides: the width of the Gaussian that smooths them."""

CANDIDATES = 8
"""As many of the nearest pictures are looked at closely; their median says how alike are others."""

SHARE = 0.8
"""Of so many pictures that not all pairs are looked at, the share of the nearest ones to be found.

Copies lie in one cell, or side by side; the others only say how alike pictures are."""

SHIFTS = tuple(product((-1, 0, 1), repeat=2))
_AT_ONCE = 1024
_LEARNED_FROM = 10_000  # pictures from which principal components are found

SUSPECTED, SURE = (0.05, 0.25), (0.02, 0.1)
"""Thresholds of `left_over`: absolute, and relative to what is usual nearby."""


@dataclass(frozen=True)
class Pairs:
    """Pairs of pictures that are probably copies of one, the surest first.

    Attributes:
        first, second: their rows, first < second.
        left_over: the share of one picture's variance that the other does not explain; 0 of equal
            ones.
        relative: the same, by what is usual among the nearest others of both.
        sure: whether below the stricter thresholds.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    left_over: NDArray[np.float64]
    relative: NDArray[np.float64]
    sure: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.first)

    def groups(self, n: int) -> NDArray[np.int64]:
        """A number for each of `n` images, the same for all copies of one picture, (n,)."""
        ones = np.ones(len(self), np.int8)
        graph = csr_array((ones, (self.first, self.second)), shape=(n, n))
        return connected_components(graph, directed=False)[1].astype(np.int64)


def near_copies(images: Images, codes: NDArray[np.floating[Any]] | None = None) -> Pairs:
    """Pairs of pictures of which one was probably made from the other.

    Pictures are made grey and small (`SIDE`), smoothed a little, and freed of smooth light
    (`small`); each is compared with its nearest ones, by principal components of these and, where
    given, by codes. Of two pictures shifted by up to a pixel against each other, with the best gain
    and offset, 1 - r² of the variance is left over. They are copies where little is left over, and
    little against what is left over between either of them and its other neighbours (their
    median): handwritten ones are alike without being copies.

    Pictures that are equal to the byte are copies in any case; such of one value only are compared
    in no other way. More than half as many near copies of one picture as `CANDIDATES` hide each
    other from the relative threshold, unless they are equal.

    Args:
        images: made alike.
        codes: of the same images, (N, D), by any encoder.
    """
    keys = list(content_hashes(images))
    equal = _equal(keys)
    # One of equal pictures stands for all, so that the others do not hide what is near it.
    ones = np.array(sorted({key: row for row, key in reversed(list(enumerate(keys)))}.values()))
    views, contrast = small(images.take(ones))
    textured = contrast > 1e-3
    ones, views = ones[textured], views[textured]
    parts = [(equal[:, 0], equal[:, 1], np.zeros(len(equal)), np.zeros(len(equal)))]
    if len(ones) > 2:
        near = _nearest(views.reshape(len(views), -1))
        first, second, left, where = _compared(views, near)
        usual = np.median(left[where], axis=1)
        found = [(first, second, left)]
        if codes is not None:
            found.append(_compared(views, _nearest(np.asarray(codes)[ones]))[:3])
        for first, second, left in found:
            relative = left / np.maximum(np.minimum(usual[first], usual[second]), 1e-12)
            parts.append((ones[first], ones[second], left, relative))
    first, second, left, relative = map(np.concatenate, zip(*parts, strict=True))
    kept = (left <= SUSPECTED[0]) & (relative <= SUSPECTED[1])
    order = np.flatnonzero(kept)[np.lexsort((first[kept], relative[kept]))]
    pairs = np.stack([first[order], second[order]], axis=1)
    _, once = np.unique(pairs, axis=0, return_index=True)  # candidates by codes come again
    order = order[np.sort(once)]
    sure = (left[order] <= SURE[0]) & (relative[order] <= SURE[1])
    return Pairs(first[order], second[order], left[order], relative[order], sure)


def _equal(keys: list[bytes]) -> NDArray[np.int64]:
    """Each picture that is equal to an earlier one, with the first such, (m, 2)."""
    first: dict[bytes, int] = {}
    pairs = [(first.setdefault(key, row), row) for row, key in enumerate(keys)]
    return np.array([pair for pair in pairs if pair[0] != pair[1]], np.int64).reshape(-1, 2)


def small(images: Images) -> tuple[Halves, Floats]:
    """Grey pictures of at most `SIDE`, smoothed, less the light that falls on them, of length 1.

    Of each is taken away the polynomial of degree 2 in the place that is nearest to it: of two
    smooth surfaces lit from the same side, all but the light may differ.

    Returns:
        The pictures, (N, h, w), and the standard deviation of what was left of each, where grey is
        in [0, 1], (N,).
    """
    _, height, width = images.shape
    size = (min(SIDE, height), min(SIDE, width))
    light = _smooth_light(size)
    views = np.empty((len(images), *size), np.float16)
    contrast = np.empty(len(images), np.float32)
    start = 0
    for piece in pieces(images.portions()):
        rows = slice(start, start + len(piece))
        start += len(piece)
        flat = _smoothed(piece, size).reshape(len(piece), -1)
        flat -= flat @ light.T @ light
        contrast[rows] = flat.std(axis=1)
        length = np.sqrt((flat**2).sum(axis=1, keepdims=True))
        views[rows] = (flat / np.maximum(length, 1e-12)).reshape(-1, *size)
    return views, contrast


def _smooth_light(size: tuple[int, int]) -> Floats:
    """Orthonormal polynomials of degree 0 to 2 in two coordinates, (6 or fewer, h w)."""
    down, right = np.meshgrid(*(np.linspace(-1, 1, side) for side in size), indexing="ij")
    powers = [down**i * right**j for i in range(3) for j in range(3 - i)]
    columns = np.stack(powers).reshape(len(powers), -1).T
    left, scale, _ = np.linalg.svd(columns, full_matrices=False)
    return np.ascontiguousarray(left[:, scale > 1e-6 * scale[0]].T, np.float32)


def _smoothed(portion: NDArray[np.uint8], size: tuple[int, int]) -> Floats:
    grey = portion.astype(np.float32).mean(axis=1) / 255
    if grey.shape[1:] != size:
        area = Image.Resampling.BOX
        resized = (Image.fromarray(one).resize(size[::-1], area) for one in grey)
        grey = np.stack([np.asarray(one) for one in resized])
    return gaussian_filter(grey, (0, size[0] * BLUR, size[1] * BLUR)).astype(np.float32)


def _nearest(codes: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    points = np.asarray(codes)
    if points.shape[1] > 64:
        some = np.sort(numpy_stream(0, "copies").permutation(len(points))[:_LEARNED_FROM])
        pca, _ = fitted_components(points[some].astype(np.float32), 0)
        starts = range(0, len(points), _AT_ONCE)
        parts = (points[start : start + _AT_ONCE].astype(np.float32) for start in starts)
        points = np.concatenate([pca.transform(part) for part in parts])
    return nearest_rows(points, CANDIDATES, share=SHARE)[0]


def _compared(
    views: Halves, near: NDArray[np.int64]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Every picture with its nearest ones: rows, rows, what is left over between them; and of each
    picture where among these its pairs are, (n, k)."""
    n, k = near.shape
    rows = np.repeat(np.arange(n), k)
    others = near.ravel()
    first, second = np.minimum(rows, others), np.maximum(rows, others)
    pairs, where = np.unique(first * n + second, return_inverse=True)
    first, second = pairs // n, pairs % n
    left = np.concatenate([np.empty(0), *_left_over(views, first, second)])
    return first, second, left, where.reshape(n, k)


def _left_over(
    views: Halves, first: NDArray[np.int64], second: NDArray[np.int64]
) -> Iterator[NDArray[np.float64]]:
    """1 - r² at the best shift, of some pairs at a time."""
    for start in range(0, len(first), _AT_ONCE):
        a = views[first[start : start + _AT_ONCE]].astype(np.float32)
        b = views[second[start : start + _AT_ONCE]].astype(np.float32)
        best = np.zeros(len(a))
        for down, right in SHIFTS:
            one, other = _overlap(a, down, right), _overlap(b, -down, -right)
            r = _correlation(one, other)
            best = np.maximum(best, r)
        yield np.maximum(1 - best**2, 0)


def _overlap(views: Floats, down: int, right: int) -> Floats:
    _, height, width = views.shape
    return views[:, max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)]


def _correlation(a: Floats, b: Floats) -> NDArray[np.float64]:
    a = a - a.mean(axis=(1, 2), keepdims=True)
    b = b - b.mean(axis=(1, 2), keepdims=True)
    both = np.einsum("nij,nij->n", a, b).astype(np.float64)
    own = np.einsum("nij,nij->n", a, a).astype(np.float64)
    other = np.einsum("nij,nij->n", b, b).astype(np.float64)
    return both / np.sqrt(np.maximum(own * other, 1e-20))
