"""One image file to bytes of grey or RGB; every conversion is explicit and named."""

import io
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from tacit.errors import ImagesError
from tacit.images.alike import MODES, channels_first, square
from tacit.images.parallel import AtOnce
from tacit.images.values import LEVELS, scaled_to_bytes, way_into_unit

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "PPM")
NO_IMAGE = "no PNG, JPEG, BMP, TIFF, WebP, GIF or PPM image, or a kind of one that is not read"
MAX_PIXELS = 64_000_000
"""Of one image, and of all that are decoded at once: some take 16 bytes a pixel on the way."""

MAX_PIXELS_KEPT = 2048 * 2048
"""Of an image that no smaller size is wished for."""

MAX_BYTES = 512 << 20
_ORIENTATION, _TURNS, _TURNS_SIDEWAYS = 274, range(2, 9), range(5, 9)
_BITS_PER_SAMPLE, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339
_WHITE_IS_ZERO, _SIGNED = 0, 2
_PNG_BIT_DEPTH, _PNG_SECOND_CHUNK = 24, 33
_ROWS = 256
_DECODING = AtOnce(MAX_PIXELS)
_GREY = ("1", "L", "LA", "La")
_COLOUR = ("RGB", "RGBA", "RGBa", "P", "PA", "CMYK", "YCbCr")


def why_unreadable(error: Exception) -> str:
    """Why an image file could not be read, whatever a decoder or the system raised of it."""
    if isinstance(error, ImagesError):
        return str(error)
    if isinstance(error, UnidentifiedImageError):
        return NO_IMAGE
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = str(error).strip().splitlines() or [type(error).__name__]
    return f"it is damaged or cut short ({text[0]})"


def open_header(data: bytes) -> Image.Image:
    """An image whose size and mode are known and whose pixels are not decoded yet.

    Raises:
        ImagesError: it would have more than `MAX_PIXELS`.
        Exception: whatever Pillow raises on what is no image of these formats.
    """
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError:
        raise ImagesError(_too_many("more than twice as many")) from None
    n_pixels = image.width * image.height
    if n_pixels > MAX_PIXELS:
        raise ImagesError(_too_many(f"{n_pixels:,}"))
    return image


def _too_many(n_pixels: str) -> str:
    return f"decoded, it would have {n_pixels} pixels; the limit is {MAX_PIXELS:,}"


def decode(
    data: bytes, *, size: int | None, channels: str | None
) -> tuple[NDArray[np.uint8], list[str]]:
    """The pixels of an image file, uint8 (C, H, W), and the kinds of conversion applied.

    In this order: the first of several frames; turned as EXIF says; 12 or 16 bits, as the file
    says, scaled to 8, never clipped; white made 255 where the file says that 0 is white; palettes
    expanded, to grey where all of their colours are; transparency laid on white; other colour
    models to RGB; made grey (ITU-R 601 luma) or RGB, and square, where asked.

    Raises:
        ImagesError: too many pixels, or pixels whose range is not known.
        Exception: whatever Pillow raises on a damaged file.
    """
    image = open_header(data)
    if size is None and image.width * image.height > MAX_PIXELS_KEPT:
        raise ImagesError(
            f"it has {image.width:,}×{image.height:,} pixels; images of more than "
            f"{MAX_PIXELS_KEPT:,} are read where they are made smaller, with size (--size)"
        )
    if size is not None:
        # JPEG is decoded at 1/2, 1/4 or 1/8 where that is at least twice the size wanted.
        image.draft(None, (2 * size, 2 * size))
    with _DECODING.working_on(image.width * image.height):
        return _pixels(image, data, size, channels)


def picture(data: bytes, side: int) -> Image.Image:
    """An image file as a grey or RGB picture of any size, converted and turned as `decode` does.

    A JPEG is decoded at 1/2, 1/4 or 1/8 where both its sides are then at least 2 × `side`.

    Raises:
        ImagesError, Exception: as `decode`.
    """
    image = open_header(data)
    image.draft(None, (2 * side, 2 * side))
    with _DECODING.working_on(image.width * image.height):
        kinds = list[str]()
        samples = _samples(image, data)
        return _grey_or_rgb(_turned(image, kinds), kinds, samples)


def image_pixels(image: Image.Image) -> tuple[NDArray[np.uint8], list[str]]:
    """The pixels of an image that someone opened, (C, H, W), and the conversions, as `decode`.

    Raises:
        ImagesError: pixels whose range is not known.
    """
    kinds = list[str]()
    samples = _Samples(16 if image.mode == "I" or image.mode.startswith("I;16") else 8, False)
    return channels_first(_grey_or_rgb(_turned(image, kinds), kinds, samples)), kinds


def _pixels(
    image: Image.Image, data: bytes, size: int | None, channels: str | None
) -> tuple[NDArray[np.uint8], list[str]]:
    kinds = list[str]()
    if getattr(image, "is_animated", False):
        kinds.append("only the first of several frames taken")
    samples = _samples(image, data)
    image = _grey_or_rgb(_turned(image, kinds), kinds, samples)
    if channels is not None and image.mode != MODES[channels]:
        kinds.append(f"converted to {channels}")
        image = image.convert(MODES[channels])
    if size is not None and image.size != (size, size):
        kinds.append(f"resized to {size}×{size}")
        if image.width != image.height:
            kinds.append("cut to the centred square")
        image = square(image, size)
    return channels_first(image), kinds


def _turned(image: Image.Image, kinds: list[str]) -> Image.Image:
    """The image decoded, and turned as its EXIF orientation says."""
    by_pillow = isinstance(image, TiffImagePlugin.TiffImageFile) and (
        image.tag_v2.get(_ORIENTATION, 1) in _TURNS
    )
    image.load()  # turns TIFF itself
    try:
        by_exif = image.getexif().get(_ORIENTATION, 1) in _TURNS
    except Exception:  # whatever damaged metadata raise: the pixels are whole, and shown unturned
        kinds.append("damaged EXIF passed over")
        return image
    if by_pillow or by_exif:
        kinds.append("turned as EXIF says")
    return ImageOps.exif_transpose(image) if by_exif else image


class _Samples(NamedTuple):
    """What the header of a file says of its samples: how many bits, and whether 0 is white.

    `significant`: how many of the bits hold something, where a PNG says so; all, or 0, otherwise.
    """

    bits: int
    white_is_zero: bool
    significant: int = 0


def _samples(image: Image.Image, data: bytes) -> _Samples:
    """What is known of the samples before they are decoded; Pillow passes some of it over.

    Raises:
        ImagesError: they are signed.
    """
    if image.format == "PNG":
        return _Samples(data[_PNG_BIT_DEPTH], False, _significant_bits(data))
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return _Samples(16 if image.mode == "I" else 8, False)
    tags = image.tag_v2
    if _SIGNED in tags.get(_SAMPLE_FORMAT, ()):
        raise ImagesError(
            "its samples are signed, and what is black and white is not known; save as unsigned 8 "
            "or 16 bits"
        )
    bits = max(tags.get(_BITS_PER_SAMPLE, (1,)))
    return _Samples(bits, tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO)


def _significant_bits(data: bytes) -> int:
    """What the chunk sBIT of a PNG says of its first channel; 0 where there is none."""
    at = _PNG_SECOND_CHUNK
    while (kind := data[at + 4 : at + 8]) not in (b"IDAT", b"PLTE", b"IEND", b""):
        length = int.from_bytes(data[at : at + 4], "big")
        if kind == b"sBIT" and length:
            return data[at + 8]
        at += 12 + length
    return 0


def _bits(values: NDArray[Any], samples: _Samples) -> int:
    """How many bits the largest value has that samples of 12 or 16 bits can have.

    By the PNG specification, samples of fewer bits are scaled to 16 and their number is said in
    sBIT. Some programs say it and do not scale: then no value needs more bits, and some have bits
    set that scaled values of this size would not have.
    """
    said = samples.significant
    if samples.bits == 16 and 8 < said < 16:
        low = (1 << (16 - said)) - 1
        if values.max() < 1 << said and np.any(values & low):
            return said
    return samples.bits


def looks_grey(image: Image.Image) -> bool:
    """Whether an image, decoded or not, comes out as grey."""
    if image.mode in ("P", "PA"):
        return image.palette is not None and _is_grey(*image.palette.getdata())
    return image.mode in (*_GREY, "F", "I") or image.mode.startswith("I;16")


def _is_grey(layout: str, palette: Sequence[int] | bytes) -> bool:
    """Whether all colours of a palette are greys; `layout` is Pillow's name of their order."""
    if layout == "RGB;L":
        n = len(palette) // 3
        return palette[:n] == palette[n : 2 * n] == palette[2 * n : 3 * n]
    step = len(layout) if layout in ("RGB", "RGBA", "RGBX", "BGR", "BGRX") else 0
    return bool(step) and palette[0::step] == palette[1::step] == palette[2::step]


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Width and height of an image once it is turned as EXIF says; its pixels are not decoded."""
    width, height = image.size
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return width, height  # Pillow has turned it already
    try:
        turned = image.getexif().get(_ORIENTATION, 1) in _TURNS_SIDEWAYS
    except Exception:  # damaged metadata: shown unturned, as when it is decoded
        turned = False
    return (height, width) if turned else (width, height)


def _grey_or_rgb(image: Image.Image, kinds: list[str], samples: _Samples) -> Image.Image:
    """The image in mode L or RGB."""
    mode, key, bits = image.mode, image.info.get("transparency"), samples.bits
    whole = mode.startswith("I;16") or (mode == "I" and bits == 16)
    if whole:
        bits = _bits(np.asarray(image), samples)
    if bits > 8 and mode != "F":
        said = ", as the file says," if bits != samples.bits else ""
        kinds.append(f"{bits} bits{said} scaled to 8")
    if samples.white_is_zero:  # samples of up to 8 bits are turned around by Pillow
        kinds.append("0 is white, as the file says")
    if whole:
        if isinstance(key, int):
            kinds.append("transparency laid on white")
        white = (1 << bits) - 1

        def scaled(values: NDArray[Any]) -> NDArray[Any]:
            grey = scaled_to_bytes(values, white)
            grey = LEVELS - grey if samples.white_is_zero else grey
            return np.where(values == key, LEVELS, grey) if isinstance(key, int) else grey

        return _by_rows(np.asarray(image), scaled)
    if mode == "F":
        return _from_floats(image, kinds, samples.white_is_zero)
    if mode not in (*_GREY, *_COLOUR):
        raise ImagesError(f"pixels of mode {mode} have no known range; save as 8 or 16 bits")
    grey = looks_grey(image)
    if mode in ("P", "PA"):
        kinds.append("palette expanded")
    if mode.endswith(("A", "a")) or key is not None:
        kinds.append("transparency laid on white")
        image = image.convert("LA").convert("RGBA") if mode == "La" else image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    elif mode in ("CMYK", "YCbCr", "1"):
        kinds.append("1 bit scaled to 8" if mode == "1" else f"{mode} converted to rgb")
    return image.convert("L" if grey else "RGB")


def _from_floats(image: Image.Image, kinds: list[str], white_is_zero: bool) -> Image.Image:
    values = np.asarray(image)
    if np.isnan(values.min()):
        raise ImagesError("floating-point pixels hold NaN")
    if not (values.min() >= 0 and values.max() <= 1):
        raise ImagesError(
            f"floating-point pixels lie between {values.min():g} and {values.max():g}; they must "
            f"be in [0, 1]{way_into_unit(float(values.min()), float(values.max()))}"
        )
    kinds.append("floating-point values scaled to 8 bits")
    values = 1 - values if white_is_zero else values
    return _by_rows(values, lambda rows: np.rint(rows * np.float64(LEVELS)))


def _by_rows(values: NDArray[Any], scaled: Callable[[NDArray[Any]], NDArray[Any]]) -> Image.Image:
    """A grey image from values (H, W), some rows at a time: the steps between take more memory."""
    grey = np.empty(values.shape, np.uint8)
    for first in range(0, len(values), _ROWS):
        grey[first : first + _ROWS] = scaled(values[first : first + _ROWS])
    return Image.fromarray(grey)
