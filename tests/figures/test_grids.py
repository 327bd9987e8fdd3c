"""Grids of images: the pixels that were given, enlarged, and nothing else."""

import io

import numpy as np
import pytest
from PIL import Image

from tacit.figures.grids import DENSITY, PLATE, THUMBNAIL, grid, pixels, thumbnail

random = np.random.default_rng(0)
GREY = random.integers(0, 256, (3, 4, 1, 8, 6), dtype=np.uint8)


def opened(png: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(png))
    assert image.mode == "RGB"
    return np.asarray(image)


def found(plate: np.ndarray, tile: np.ndarray) -> list[tuple[int, int]]:
    """Where `tile` (H, W, 3) lies on the plate."""
    height, width = tile.shape[:2]
    windows = np.lib.stride_tricks.sliding_window_view(plate, (height, width), (0, 1))
    starts = np.argwhere((windows[..., 0, 0] == tile[0, 0]).all(-1))
    return [
        (y, x) for y, x in starts.tolist() if (plate[y : y + height, x : x + width] == tile).all()
    ]


def test_every_image_lies_in_its_row_and_column():
    plate = opened(grid(GREY, row_labels="abc", column_labels="wxyz", scale=3))
    places = np.zeros((3, 4, 2))
    for row in range(3):
        for column in range(4):
            (place,) = found(plate, pixels(GREY[row, column]).repeat(3, 0).repeat(3, 1))
            places[row, column] = place
    assert (np.diff(places[..., 0], axis=0) > 0).all()
    assert (np.diff(places[..., 1], axis=1) > 0).all()
    assert (places[..., 0] == places[:, :1, 0]).all()
    assert (places[..., 1] == places[:1, :, 1]).all()


def test_colour_and_floating_point():
    image = random.random((3, 5, 5)).astype(np.float32)
    (tile,) = found(opened(grid([[image]], scale=1)), np.rint(image * 255).transpose(1, 2, 0))
    assert tile
    assert (pixels(np.array([[[-0.5, 1.5]]]))[0, :, 0] == [0, 255]).all()


def test_same_again():
    def draw() -> bytes:
        return grid(GREY, row_labels=["é", "\x00", "猫"], notes=[["1", "2", "3", "4"]] * 3)

    assert draw() == draw()


def test_an_empty_place_shows_the_plate():
    image = np.full((1, 4, 4), 255, np.uint8)
    full, holed = (opened(grid([[image, second]], scale=8)) for second in (image, None))
    assert full.shape == holed.shape
    half = full.shape[1] // 2
    assert (full[:, :half] == holed[:, :half]).all()
    assert (holed[:, half + 8 :] == PLATE).all()


def test_names_and_notes_are_drawn():
    bare = opened(grid(GREY, scale=4))
    for names in (
        {"row_labels": ["a", "b", "c"]},
        {"column_labels": ["a", "b", "c", "d"]},
        {"notes": [["1", "2", "3", "4"]] * 3},
    ):
        named = opened(grid(GREY, scale=4, **names))
        assert named.size > bare.size
        assert (named > 200).all(-1).sum() > (bare > 200).all(-1).sum()


@pytest.mark.parametrize("size", [8, 28, 64, 256])
@pytest.mark.parametrize("columns", [1, 5, 10, 20])
def test_the_page_has_room_for_it(size, columns):
    png = grid(np.zeros((2, columns, 1, size, size), np.uint8), row_labels=["original", "epoch 30"])
    width = opened(png).shape[1] / 2
    enlarged_at_all = size * columns / 2 < 600
    assert width <= 760 or not enlarged_at_all


@pytest.mark.parametrize(
    ("draw", "error", "rule"),
    [
        (lambda: grid([[None]]), ValueError, "one size; these have none"),
        (
            lambda: grid([[np.zeros((1, 2, 2)), np.zeros((1, 3, 2))]]),
            ValueError,
            r"one size; these have \[\(2, 2\), \(3, 2\)\]",
        ),
        (lambda: grid([[np.zeros((4, 2, 2))]]), ValueError, r"\(4, 2, 2\); it is \(C, H, W\)"),
        (lambda: grid([[np.zeros((1, 2, 2), int)]]), TypeError, "int64; it is uint8 or floating"),
        (lambda: grid([[np.full((1, 2, 2), np.nan)]]), ValueError, "4 NaN pixels"),
        (lambda: grid(GREY, row_labels=["a"]), ValueError, "row_labels are 1 for 3"),
        (lambda: grid(GREY, column_labels=["a"]), ValueError, "column_labels are 1 for 4"),
        (lambda: grid(GREY, notes=[["1", "2"]] * 3), ValueError, "notes of row 0 are 2 for 4"),
    ],
)
def test_what_is_no_grid_is_named(draw, error, rule):
    with pytest.raises(error, match=rule):
        draw()


def test_a_thumbnail_holds_whole_images_of_the_first_and_the_last_row() -> None:
    rows = [[np.full((8, 8), (10 * r + c) / 100) for c in range(10)] for r in range(7)]
    plate = Image.open(io.BytesIO(grid(rows, row_labels=[f"epoch {r}" for r in range(7)])))
    small = thumbnail(plate)
    assert small.width <= THUMBNAIL[0] * DENSITY
    assert small.height <= THUMBNAIL[1] * DENSITY
    shown = {int(v) for v in np.unique(np.asarray(small)[..., 0])} - {PLATE[0]}
    values = {round(255 * (10 * r + c) / 100): (r, c) for r in range(7) for c in range(10)}
    found = {values[v] for v in shown if v in values}
    assert shown - set(values) == set(), "nothing but whole images and the plate"
    taken = sorted({r for r, _ in found})
    assert (taken[0], taken[-1], len(taken)) == (0, 6, 3)
    assert {c for _, c in found} == set(range(len(found) // 3))


def test_a_picture_from_elsewhere_is_made_smaller_whole() -> None:
    small = thumbnail(Image.new("RGB", (1800, 600)))
    assert small.size == (600, 200)
