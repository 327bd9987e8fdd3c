"""How many made copies are found among images, and how many pairs are named that are none.

    python -m benchmarks.near_copies digits
    python -m benchmarks.near_copies mnist --data-dir DIR --n 10000
    python -m benchmarks.near_copies mnist --data-dir DIR --turned
    python -m benchmarks.near_copies FOLDER --size 96

Of 100 images a copy of each kind is added, alone of its kind. Pairs of images of the source itself
that are named are listed: they are wrong, or are copies that the source has.
"""

import argparse
import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tacit.checks.copies import near_copies
from tacit.images.dataset import Images
from tacit.images.sources import open_images
from tacit.streams import numpy_stream

Picture = Image.Image


def jpeg(picture: Picture) -> Picture:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=60)
    return Image.open(buffer)


def smaller(picture: Picture) -> Picture:
    half = (max(4, picture.width * 3 // 4), max(4, picture.height * 3 // 4))
    return picture.resize(half, Image.Resampling.BICUBIC)


def brighter(picture: Picture) -> Picture:
    return picture.point(
        [min(255, round(20 + 0.9 * value)) for value in range(256)] * len(picture.getbands())
    )


def cropped(picture: Picture) -> Picture:
    return picture.crop((1, 1, picture.width, picture.height))


def cropped_more(picture: Picture) -> Picture:
    width, height = picture.size
    return picture.crop((round(0.05 * width), round(0.05 * height), width, height))


KINDS: dict[str, Callable[[Picture], Picture]] = {
    "JPEG, quality 60": jpeg,
    "3/4 of the size": smaller,
    "brighter": brighter,
    "cropped by a pixel": cropped,
    "cropped by 5 %": cropped_more,
}


def copied(pixels: NDArray[np.uint8], change: Callable[[Picture], Picture]) -> NDArray[np.uint8]:
    """Images, (n, C, H, W), changed and brought back to their size."""
    found = []
    for one in pixels:
        picture = Image.fromarray(one[0] if len(one) == 1 else np.moveaxis(one, 0, 2))
        made = change(picture).resize(picture.size, Image.Resampling.BICUBIC)
        array = np.asarray(made)
        found.append(array[None] if array.ndim == 2 else np.moveaxis(array, 2, 0))
    return np.stack(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("--data-dir")
    parser.add_argument("--n", type=int)
    parser.add_argument("--size", type=int)
    parser.add_argument(
        "--turned", action="store_true", help="beside each image itself upside down"
    )
    asked = parser.parse_args()
    opened = open_images(
        asked.source, data_dir=asked.data_dir, train_size=asked.n, size=asked.size,
        channels=None if asked.size is None else "rgb",
    )  # fmt: skip
    pixels = np.asarray(opened.train.pixels[:])
    if asked.turned:
        pixels = np.concatenate([pixels, pixels[:, :, ::-1]])
    n = len(pixels)
    chosen = numpy_stream(0, "copied").choice(n, min(100, n // 5), replace=False)
    for name, change in KINDS.items():
        whole = np.concatenate([pixels, copied(pixels[chosen], change)])
        pairs = near_copies(Images(whole))
        made = {(int(row), n + place) for place, row in enumerate(chosen)}
        for words, which in (("sure", pairs.sure), ("or suspected", np.ones(len(pairs), bool))):
            listed = set(
                zip(pairs.first[which].tolist(), pairs.second[which].tolist(), strict=True)
            )
            others = {pair for pair in listed - made if pair[1] < n}
            mixed = {pair for pair in listed - made if pair[1] >= n}
            print(
                f"| {name} | {words} | {len(listed & made)} of {len(made)} | "
                f"{len(others)} own pairs of {n:,} images | {len(mixed)} of copies with others |",
                flush=True,
            )
    own = near_copies(Images(pixels))
    for i in range(min(12, len(own))):
        print(
            own.first[i],
            own.second[i],
            f"{own.left_over[i]:.4f} {own.relative[i]:.3f}",
            own.sure[i],
        )


if __name__ == "__main__":
    main()
