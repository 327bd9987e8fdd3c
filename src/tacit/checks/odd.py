"""Pictures that are unlike the others: empty, dark, bright, flat, blurred, far from all others."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tacit.checks.pieces import pieces
from tacit.labels.propagation.graph import nearest_rows

Floats = NDArray[np.float64]

FAR = 5.0
"""Robust standard deviations from the median beyond which a picture is odd. Of normal values less
than one in a million lies there; real values have longer tails.
"""

NEIGHBOUR = 5
_NORMAL = 1.4826  # of a normal distribution the standard deviation by the median deviation


@dataclass(frozen=True)
class Odd:
    """Pictures that are unlike the others, the surest kind first.

    Attributes:
        row: of each, (m,). kind: in what it is odd. value: what was measured.
        deviations: from the median, in robust standard deviations; infinite where it is empty.
        sure: whether it needs no comparison: nothing is on it.
    """

    row: NDArray[np.int64]
    kind: tuple[str, ...]
    value: Floats
    deviations: Floats
    sure: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.row)


def statistics(portions: Iterable[NDArray[np.uint8]]) -> dict[str, Floats]:
    """Of each picture its brightness, contrast and sharpness, and its range of values, (N,) each.

    Brightness and contrast are mean and standard deviation of grey in [0, 1]; sharpness is the
    logarithm of the standard deviation of the Laplacian, by the contrast (NaN without any).

    Args:
        portions: pixels, uint8, (n, C, H, W) each.
    """
    found: dict[str, list[NDArray[Any]]] = {}
    for portion in pieces(portions):
        grey = portion.mean(axis=1, dtype=np.float32) / 255
        flat = grey.reshape(len(grey), -1)
        inner = grey[:, 1:-1, 1:-1]
        around = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
        edges = (around - 4 * inner).reshape(len(grey), -1).std(axis=1)
        contrast = flat.std(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            sharpness = np.log(np.where(contrast > 0, edges / contrast, np.nan))
        values = (flat.mean(axis=1), contrast, sharpness, flat.max(axis=1) - flat.min(axis=1))
        for name, part in zip(
            ("brightness", "contrast", "sharpness", "range"), values, strict=True
        ):
            found.setdefault(name, []).append(part.astype(np.float64))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def distance_to_others(codes: NDArray[np.floating[Any]]) -> Floats:
    """Log distance of each code to its `NEIGHBOUR`-th nearest, (N,); -inf among so many copies."""
    with np.errstate(divide="ignore"):
        return np.log(nearest_rows(codes, NEIGHBOUR)[1][:, -1])


def deviations(values: Floats) -> Floats:
    """How far each value is from the median, in the robust spread of its own side, (N,).

    The spread is 1.4826 times the median deviation of the values on that side, so that a skewed
    statistic has two; where it is zero, or a value is not finite, nothing is told: 0.
    """
    finite = np.isfinite(values)
    if not finite.any():
        return np.zeros(len(values))
    apart = np.where(finite, values - np.median(values[finite]), 0.0)
    found = np.zeros(len(values))
    for side in (apart < 0, apart > 0):
        if side.any() and (spread := _NORMAL * float(np.median(np.abs(apart[side])))) > 0:
            found[side] = apart[side] / spread
    return found


def odd(
    measured: Mapping[str, Floats],
    distance: Floats,
    log_prob: tuple[Floats, Floats] | None = None,
) -> Odd:
    """The pictures that are unlike the others.

    A picture whose values span two levels of 255 or less is empty: that is sure. Others are
    suspected where a statistic lies `FAR` robust standard deviations from its median on the side
    that its kind names.

    Args:
        measured: of `statistics`.
        distance: of `distance_to_others`.
        log_prob: log p(x) under a model and its standard error, (N,) each; an image is unlikely
            only where it is so with two standard errors added.
    """
    empty = measured["range"] <= 2.5 / 255
    kinds: list[tuple[str, Floats, Floats]] = [
        ("dark", measured["brightness"], -deviations(measured["brightness"])),
        ("bright", measured["brightness"], deviations(measured["brightness"])),
        ("flat", measured["contrast"], -deviations(measured["contrast"])),
        ("blurred", measured["sharpness"], -deviations(measured["sharpness"])),
        ("far from all others", distance, deviations(distance)),
    ]
    if log_prob is not None:
        value, error = log_prob
        unlikely = -deviations(value)
        spread = np.abs(value - np.median(value)) / np.where(unlikely == 0, np.inf, abs(unlikely))
        with np.errstate(divide="ignore", invalid="ignore"):
            less = np.where(spread > 0, 2 * error / spread, 0.0)
        kinds.append(("unlikely under the model", value, unlikely - less))
    found = [(int(row), "empty", 0.0, np.inf) for row in np.flatnonzero(empty)]
    for kind, values, far in kinds:
        rows = np.flatnonzero((far > FAR) & ~empty)
        found += [
            (int(row), kind, float(values[row]), float(far[row]))
            for row in rows[np.argsort(-far[rows], kind="stable")]
        ]
    return Odd(
        np.array([one[0] for one in found], np.int64),
        tuple(one[1] for one in found),
        np.array([one[2] for one in found]),
        np.array([one[3] for one in found]),
        np.array([one[1] == "empty" for one in found], bool),
    )
