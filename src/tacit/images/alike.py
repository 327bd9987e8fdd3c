"""Making images alike: one size, one number of channels."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tacit.errors import ImagesError
from tacit.images.dataset import Images

MODES = {"gray": "L", "rgb": "RGB"}
MAX_SIDE = 1024


def check_wishes(size: int | None, channels: str | None) -> None:
    """Check the user's `size` and `channels`.

    Raises:
        ImagesError: one is out of range.
    """
    if size is not None and not 1 <= size <= MAX_SIDE:
        raise ImagesError(f"`size` is {size}; the side of an image is 1 to {MAX_SIDE} pixels")
    if channels is not None and channels not in MODES:
        raise ImagesError(f"`channels` is {channels!r}; the choices are {' and '.join(MODES)}")


def square(image: Image.Image, size: int) -> Image.Image:
    """The largest centred square of an image, resized to `size` × `size` (bicubic, antialiased).

    Cutting keeps what is shown as it is; padding would add borders that a model has to learn and
    that count as pixels in log p(x).
    """
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    cut = image.crop((left, top, left + side, top + side))
    return cut.resize((size, size), Image.Resampling.BICUBIC)


def channels_first(image: Image.Image) -> NDArray[np.uint8]:
    """The pixels of a grey or RGB image, (C, H, W)."""
    pixels = np.asarray(image)
    return pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, 2, 0)


def made_alike(
    images: Images, size: int | None, channels: str | None, conversions: dict[str, int]
) -> Images:
    """`images` at another size and with other channels; themselves where nothing changes.

    Args:
        images: of any shape.
        size: the side of the square images wanted, or None to leave them.
        channels: "gray" (ITU-R 601 luma) or "rgb", or None to leave them.
        conversions: what was done is counted here.
    """
    n_channels, height, width = images.shape
    resize = size is not None and (height, width) != (size, size)
    convert = channels is not None and n_channels != len(MODES[channels])
    if not (resize or convert):
        return images
    rows = []
    for row in chain.from_iterable(images.portions()):
        image = Image.fromarray(row[0] if n_channels == 1 else np.moveaxis(row, 0, 2))
        if convert and channels is not None:
            image = image.convert(MODES[channels])
        if resize and size is not None:
            image = square(image, size)
        rows.append(channels_first(image))
    if resize:
        count(conversions, f"resized to {size}×{size}", len(images))
    if resize and height != width:
        count(conversions, "cut to the centred square", len(images))
    if convert:
        count(conversions, f"converted to {channels}", len(images))
    return replace(images, pixels=np.stack(rows))


def conversions_said(conversions: Mapping[str, int]) -> list[str]:
    """What was done to how many images, for people.

    >>> conversions_said({"palette expanded": 1, "converted to gray": 2})
    ['2 images: converted to gray.', '1 image: palette expanded.']
    """
    return [
        f"{n:,} image{'' if n == 1 else 's'}: {kind}." for kind, n in sorted(conversions.items())
    ]


def left_out_said(skipped: Sequence[tuple[str, str]]) -> list[str]:
    """Which images were left out, by name and reason, for people; nothing where none was."""
    if not skipped:
        return []
    listed = "; ".join(f"{name} ({reason})" for name, reason in skipped)
    return [f"Left out because they cannot be read: {len(skipped):,} ({listed})."]


def count(conversions: dict[str, int], kind: str, n: int) -> None:
    """Add `n` images to those that a kind of conversion was applied to."""
    conversions[kind] = conversions.get(kind, 0) + n
