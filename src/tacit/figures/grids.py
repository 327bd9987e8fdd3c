"""Grids of images as PNG: pixels as they are, enlarged by whole numbers, with names at the edges.

The plate behind them is dark, whatever the page: images are looked at on the same ground, and
names stay readable, in light and in dark.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

from tacit.figures import style
from tacit.images.own import mark

PLATE = (30, 34, 40)
FRAME = (62, 69, 79)
TEXT = (226, 230, 236)
DENSITY = 2
"""Pixels of the PNG per CSS pixel of the page."""

MARGIN, GAP, FONT = 12 * DENSITY, 4 * DENSITY, 12 * DENSITY
TILE, WIDEST = 48 * DENSITY, 760 * DENSITY

TILES = "tacit-tiles"
"""What a PNG calls the places of its images."""

THUMBNAIL = (300, 132)
"""CSS pixels that a small grid fits into."""


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
    corners = Tiles(
        [
            start + step_x * column + (step_x - GAP - width * scale) // 2
            for column in range(columns)
        ],
        [top + step_y * row for row in range(len(tiles))],
        width * scale,
        height * scale,
    )
    for number, (y, row) in enumerate(zip(corners.y, tiles, strict=True)):
        if left:
            pen.text((start - 2 * GAP, y + height * scale // 2), left[number], TEXT, font(), "rm")
        for column, tile in enumerate(row):
            if tile is None:
                continue
            x = corners.x[column]
            large = Image.fromarray(tile.repeat(scale, 0).repeat(scale, 1))
            pen.rectangle((x - 1, y - 1, x + large.width, y + large.height), outline=FRAME)
            plate.paste(large, (x, y))
            if foot:
                below = (x + large.width // 2, y + large.height + GAP // 2)
                pen.text(below, foot[number][column], TEXT, font(), anchor="ma")
    return png(plate, corners)


@dataclass(frozen=True)
class Tiles:
    """Where the images of a grid lie on its plate, in pixels of the PNG.

    Attributes:
        x, y: the left edges of columns and the upper edges of rows.
        width, height: of an image.
    """

    x: list[int]
    y: list[int]
    width: int
    height: int


def png(plate: Image.Image, tiles: Tiles | None = None) -> bytes:
    """The bytes of a PNG, which knows where its images lie."""
    known = mark()
    if tiles is not None:
        known.add_text(TILES, json.dumps(asdict(tiles)))
    buffer = io.BytesIO()
    # `optimize` takes three times as long for a file 3 % smaller.
    plate.save(buffer, "PNG", pnginfo=known)
    return buffer.getvalue()


def thumbnail(plate: Image.Image) -> Image.Image:
    """A small grid of some of the images of a grid, without names: whole images, row by row.

    As many columns as fit, from the left; of more rows than fit the first, the last and some
    between. A single row that is too long goes on below. A plate that does not know its images is
    made smaller as it is.
    """
    width, height = (side * DENSITY for side in THUMBNAIL)
    try:
        tiles = Tiles(**json.loads(plate.info[TILES]))
    except (KeyError, TypeError, ValueError):
        whole = plate.convert("RGB")
        whole.thumbnail((width, height))
        return whole
    least = 34 * DENSITY
    most = max(1, (height - GAP) // (least + GAP))
    n_rows, n_columns = len(tiles.y), len(tiles.x)
    wide = round(least * tiles.width / tiles.height)
    across = max(1, min(n_columns, (width - GAP) // (wide + GAP)))
    if n_rows == 1:
        across = -(-n_columns // min(most, -(-n_columns // across)))  # lines of one length
        across = min(across, max(1, (width - GAP) // (wide + GAP)))
        lines = [range(i, min(i + across, n_columns)) for i in range(0, n_columns, across)][:most]
        places = [[(tiles.x[column], tiles.y[0]) for column in line] for line in lines]
    else:
        chosen = np.unique(np.linspace(0, n_rows - 1, min(most, n_rows)).round().astype(int))
        places = [[(tiles.x[column], tiles.y[row]) for column in range(across)] for row in chosen]
    # As large as the place allows, both ways.
    high = min(
        (height - GAP) // len(places) - GAP,
        int(((width - GAP) // across - GAP) * tiles.height / tiles.width),
    )
    high, wide = max(1, high), max(1, round(high * tiles.width / tiles.height))
    small = Image.new("RGB", (GAP + across * (wide + GAP), GAP + len(places) * (high + GAP)), PLATE)
    smooth = Image.Resampling.LANCZOS if high < tiles.height else Image.Resampling.NEAREST
    for row, line in enumerate(places):
        for column, (x, y) in enumerate(line):
            image = plate.crop((x, y, x + tiles.width, y + tiles.height)).convert("RGB")
            corner = (GAP + column * (wide + GAP), GAP + row * (high + GAP))
            small.paste(image.resize((wide, high), smooth), corner)
    return small


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
