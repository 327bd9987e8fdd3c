"""Grids of images as PNG: pixels as they are, enlarged by whole numbers, with names at the edges.

The plate behind them is dark, whatever the page: images are looked at on the same ground, and
names stay readable, in light and in dark.
"""

import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

from tacit.figures import style

PLATE = (30, 34, 40)
FRAME = (62, 69, 79)
TEXT = (226, 230, 236)
DENSITY = 2
"""Pixels of the PNG per CSS pixel of the page."""

MARGIN, GAP, FONT = 12 * DENSITY, 4 * DENSITY, 12 * DENSITY
TILE, WIDEST = 48 * DENSITY, 760 * DENSITY


def grid(
    rows: Sequence[Sequence[ArrayLike | None]] | NDArray[np.generic],
    *,
    row_labels: Sequence[str] = (),
    column_labels: Sequence[str] = (),
    notes: Sequence[Sequence[str]] = (),
    scale: int | None = None,
) -> bytes:
    """Images in rows and columns, as the bytes of a PNG.

    Args:
        rows: images (C, H, W) or (H, W), C of 1 or 3, all of one size; uint8, or floating point
            in [0, 1] (what lies outside is clipped, NaN is refused). None leaves a place empty.
        row_labels, column_labels: names at the left and at the top, one each.
        notes: a short text below each image (its value, its class), in the shape of `rows`.
        scale: by how much pixels are enlarged; by default so that images are about 48 CSS pixels
            high and the grid at most 760 wide.

    Raises:
        ValueError: images of different sizes, no image at all, or names that do not match.
    """
    tiles = [[None if image is None else pixels(image) for image in row] for row in rows]
    sizes = {tile.shape[:2] for row in tiles for tile in row if tile is not None}
    if len(sizes) != 1:
        raise ValueError(f"a grid has images of one size; these have {sorted(sizes) or 'none'}")
    columns = max(len(row) for row in tiles)
    for name, labels, wanted in (
        ("row_labels", row_labels, len(tiles)),
        ("column_labels", column_labels, columns),
        ("notes", notes, len(tiles)),
    ):
        if labels and len(labels) != wanted:
            raise ValueError(f"{name} are {len(labels)} for {wanted}")
    for number, (row, words) in enumerate(zip(tiles, notes, strict=False)):
        if len(words) != len(row):
            raise ValueError(f"notes of row {number} are {len(words)} for {len(row)}")
    left = [style.plain(label, 28) for label in row_labels]
    head = [style.plain(label, 20) for label in column_labels]
    foot = [[style.plain(note, 16) for note in row] for row in notes]

    ((height, width),) = sizes
    edge = max(map(width_of, left), default=0) + (2 * GAP if left else 0)
    longest = max((width_of(text) for line in (head, *foot) for text in line), default=0)
    if scale is None:
        room = (WIDEST - 2 * MARGIN - edge) // columns - GAP
        scale = max(1, min(round(TILE / height), room // width))
    step_x = max(width * scale, longest + GAP) + GAP
    step_y = height * scale + GAP + (FONT + GAP if foot else 0)
    top = MARGIN + (FONT + GAP if head else 0)
    start = MARGIN + edge
    plate = Image.new(
        "RGB", (start + step_x * columns - GAP + MARGIN, top + step_y * len(tiles) - GAP + MARGIN)
    )
    plate.paste(PLATE, (0, 0, *plate.size))
    pen = ImageDraw.Draw(plate)
    for column, label in enumerate(head):
        middle = start + step_x * column + (step_x - GAP) // 2
        pen.text((middle, top - GAP), label, TEXT, font(), anchor="ms")
    for number, row in enumerate(tiles):
        y = top + step_y * number
        if left:
            pen.text((start - 2 * GAP, y + height * scale // 2), left[number], TEXT, font(), "rm")
        for column, tile in enumerate(row):
            if tile is None:
                continue
            x = start + step_x * column + (step_x - GAP - width * scale) // 2
            large = Image.fromarray(tile.repeat(scale, 0).repeat(scale, 1))
            pen.rectangle((x - 1, y - 1, x + large.width, y + large.height), outline=FRAME)
            plate.paste(large, (x, y))
            if foot:
                below = (x + large.width // 2, y + large.height + GAP // 2)
                pen.text(below, foot[number][column], TEXT, font(), anchor="ma")
    buffer = io.BytesIO()
    plate.save(buffer, "PNG")  # `optimize` takes three times as long for a file 3 % smaller
    return buffer.getvalue()


def pixels(image: ArrayLike) -> NDArray[np.uint8]:
    """One image as uint8 (H, W, 3), from (C, H, W) or (H, W), uint8 or floating point."""
    array = np.asarray(image)
    array = array[None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[0] not in (1, 3):
        raise ValueError(f"an image is of shape {array.shape}; it is (C, H, W) with C of 1 or 3")
    if array.dtype != np.uint8:
        if not np.issubdtype(array.dtype, np.floating):
            raise TypeError(f"an image is {array.dtype}; it is uint8 or floating point in [0, 1]")
        if np.isnan(array).any():
            raise ValueError(f"an image holds {int(np.isnan(array).sum())} NaN pixels")
        array = np.rint(np.clip(array, 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(array, (3, *array.shape[1:])).transpose(1, 2, 0))


@cache
def font() -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib and is the same on every machine."""
    path = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    return ImageFont.truetype(str(path), FONT, layout_engine=ImageFont.Layout.BASIC)


def width_of(text: str) -> int:
    """How wide `text` is drawn, in pixels of the PNG."""
    return round(font().getlength(text))
