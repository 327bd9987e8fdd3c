"""Pictures for the browser: as they were before anything made them alike, and small."""

import io

import numpy as np
from PIL import Image

from tacit.images.dataset import Images
from tacit.images.originals import Originals

LARGEST = 2048
"""A larger side is made this long."""

SMALL = 112
"""The longest side of a thumbnail."""

_LOSSLESS = 512 * 512
"""Pixels up to which a picture is sent without loss."""

Sent = tuple[bytes, str]


def original(originals: Originals, i: int) -> Sent:
    """Picture `i` and its media type.

    Raises:
        ImagesError: it cannot be read any more, or is not what it was.
    """
    image = originals.picture(i, LARGEST // 2)
    if max(image.size) > LARGEST:
        image.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    return _encoded(image, "PNG" if image.width * image.height <= _LOSSLESS else "JPEG")


def small(images: Images, i: int) -> Sent:
    """Image `i` as it was made alike, no side above `SMALL`."""
    pixels = np.asarray(images.pixels[i])
    image = Image.fromarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, 2))
    if max(image.size) > SMALL:
        image.thumbnail((SMALL, SMALL), Image.Resampling.BOX)
    return _encoded(image, "PNG" if max(image.size) <= 64 else "JPEG")


def _encoded(image: Image.Image, form: str) -> Sent:
    data = io.BytesIO()
    if form == "PNG":
        image.save(data, "PNG", compress_level=1)
    else:
        image.save(data, "JPEG", quality=90)
    return data.getvalue(), f"image/{form.lower()}"
