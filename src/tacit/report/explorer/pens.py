"""How to draw an image like the ones that were learned from."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tacit.images.dataset import Images

LOOKED_AT = 200
PLAIN = 0.6
"""Where more of the border than this is of one colour, images are drawings on a plain ground."""


def pen_of(images: Images) -> dict[str, Any]:
    """Ground, pen and frame of a drawing among these images.

    Returns:
        ground: the median of the border's pixels, by channel, in [0, 1].
        width: of a stroke, as a share of the image's side. A stroke of width w and length L
            covers w L and has an outline of 2 L, so that w is 2 area / outline.
        frame: where all images lie on the same plain ground, the longer side of what is drawn as
            a share of the image's, and its centre of mass, (y, x), as shares; else None.
    """
    rows = np.linspace(0, len(images) - 1, min(len(images), LOOKED_AT)).astype(int)
    x = images.scaled(rows)
    edge = np.ones(x.shape[2:], bool)
    edge[1:-1, 1:-1] = False
    border = x[:, :, edge]
    ground = np.median(border, axis=(0, 2))
    drawn = np.abs(x - ground[:, None, None]).max(axis=1)
    plain = float((drawn[:, edge] < 0.02).mean()) > PLAIN
    if not plain or not drawn.any():
        return {"ground": _short(ground), "width": 0.1, "frame": None}
    side = max(drawn.shape[1:])
    outline = sum(np.abs(np.diff(drawn, axis=axis, prepend=0, append=0)).sum() for axis in (1, 2))
    # Over all directions of an edge, steps along rows and columns are 4/π as long as the edge.
    width = 2 * drawn.sum() / (outline * np.pi / 4) / side
    return {"ground": _short(ground), "width": round(float(width), 4), "frame": _frame(drawn)}


def _frame(drawn: NDArray[np.float32]) -> dict[str, Any]:
    """The usual extent and centre of mass of what is drawn, in shares of the sides."""
    height, breadth = drawn.shape[1:]
    there = drawn > 0.1 * drawn.max()
    extents, centres = [], []
    for mask, image in zip(there, drawn, strict=True):
        if not mask.any():
            continue
        ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        extents.append(max((np.ptp(ys) + 1) / height, (np.ptp(xs) + 1) / breadth))
        places = np.indices(image.shape) + 0.5
        centres.append((places * image).sum(axis=(1, 2)) / image.sum() / (height, breadth))
    return {"extent": round(float(np.median(extents)), 4), "centre": _short(np.mean(centres, 0))}


def _short(values: NDArray[np.floating[Any]]) -> list[float]:
    return [round(float(value), 4) for value in values]
