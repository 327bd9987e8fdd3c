"""What the numbers of an array mean as pixels: one rule for arrays from memory and from files."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tacit.errors import ImagesError

LEVELS = 255
_DARKEST_SIXTEEN_BITS = 1 << 12
_AT_ONCE = 2**24
_ROUNDING = 1e-3
_FEW_LEVELS = 64
"""14 bits stored in 16 use as many of 256 levels; a picture of such contrast is hardly seen."""


@dataclass(frozen=True)
class Range:
    """Black is 0 and white is `white`.

    Attributes:
        white: 1, 255 or 65,535.
        kind: of the conversion to 8 bits, for people; "" where there is none.
    """

    white: int
    kind: str

    def to_bytes(self, x: NDArray[Any]) -> NDArray[np.uint8]:
        """Values as uint8, rounded to the nearest of 256 levels; bytes stay where they are."""
        if x.dtype == np.uint8:
            return x
        if x.dtype.kind == "b":
            return x.astype(np.uint8) * np.uint8(LEVELS)
        if x.dtype.kind == "f":
            return np.rint(x.astype(np.float64) * LEVELS).astype(np.uint8)
        if self.white == LEVELS:
            return x.astype(np.uint8)
        return scaled_to_bytes(x, self.white)

    def to_unit(self, x: NDArray[Any]) -> NDArray[Any]:
        """Values as they can be computed with: uint8, or float32 or float64 in [0, 1]."""
        if x.dtype.kind == "f":
            exact = x.dtype.itemsize > np.dtype(np.float32).itemsize
            return x.astype(np.float64 if exact else np.float32, copy=False)
        if x.dtype.kind == "b" or self.white == LEVELS:
            return self.to_bytes(x)
        return (x / np.float64(self.white)).astype(np.float32)  # 24 bits hold 16


def scaled_to_bytes(x: NDArray[Any], white: int) -> NDArray[np.uint8]:
    """Whole numbers from 0 to `white` as the nearest of 256 levels."""
    return ((x.astype(np.uint32) * LEVELS + white // 2) // white).astype(np.uint8)


def as_array(x: Any, source: str) -> NDArray[Any]:
    """What a user brings as an array: a tensor of any device, lists, or an array already.

    Raises:
        ImagesError: values are masked, or rows have different shapes.
    """
    if hasattr(x, "detach"):
        x = x.detach().cpu()
    if isinstance(x, np.ma.MaskedArray) and (n := int(np.ma.getmaskarray(x).sum())):
        raise ImagesError(f"{source}: {n:,} values are masked; fill them, or leave such rows out")
    try:
        return np.asanyarray(x)
    except ValueError:
        shapes = list(dict.fromkeys(str(np.shape(row)) for row in x))
        raise ImagesError(
            f"{source}: rows of different shapes, such as {' and '.join(shapes[:2])}; images are "
            "made alike first"
        ) from None


def range_of(x: NDArray[Any], source: str) -> Range:
    """How the values of an array are to be read, by their type and range.

    Booleans are black and white; uint8 goes to 255, and so do wider whole numbers where none is
    larger; uint16 with larger values goes to 65,535; floating-point values lie in [0, 1].

    Args:
        x: pixels, of any shape. source: what they are, for messages.

    Raises:
        ImagesError: the type or the range has no such meaning; the message says what to do.

    >>> range_of(np.array([0, 255]), "X").white, range_of(np.array([0, 65535], "u2"), "X").white
    (255, 65535)
    """
    dtype = x.dtype
    kind = f"{dtype.name} values to 8 bits"
    if dtype == np.uint8:
        return Range(LEVELS, "")
    if dtype.kind == "b":
        return Range(1, kind)
    if dtype.kind not in "iuf":
        raise ImagesError(
            f"{source}: pixels of type {dtype} are no numbers with a known range; give uint8 (0 to "
            "255), uint16 (0 to 65,535), bool, or floating-point values in [0, 1]"
            + (" (np.asarray(x, dtype=float) where all are numbers)" if dtype.kind == "O" else "")
        )
    if x.size == 0:
        return Range(1 if dtype.kind == "f" else LEVELS, kind)
    low, high = extremes(x)
    sixteen = dtype.name == "uint16"  # in either order of bytes
    if dtype.kind == "f":
        if math.isnan(low) or math.isnan(high):
            raise ImagesError(
                f"{source}: floating-point pixels hold NaN; leave such images out, or fill them"
            )
        if not (low >= 0 and high <= 1):
            raise ImagesError(
                f"{source}: floating-point pixels lie between {low:.9g} and {high:.9g}; they must "
                f"be numbers in [0, 1]{way_into_unit(low, high)}"
            )
        return Range(1, kind)
    if low < 0 or (high > LEVELS and not sixteen):
        raise ImagesError(
            f"{source}: pixels of type {dtype} lie between {low:,} and {high:,}; whole numbers are "
            "0 to 255, or uint16 from 0 to 65,535; other ranges are given as floating-point "
            "numbers in [0, 1]: (x - black) / (white - black)"
        )
    if sixteen and 0 < high < _DARKEST_SIXTEEN_BITS:
        bits = int(high).bit_length()
        raise ImagesError(
            f"{source}: pixels of type uint16 lie between {low:,} and {high:,}, and would be "
            "nearly black: 16 bits go to 65,535. "
            + (
                "Values of 8 bits are given as x.astype(np.uint8)"
                if bits <= 8
                else f"Values of {max(bits, 10)} bits are given as floating-point numbers, "
                f"x / {2 ** max(bits, 10) - 1:,}"
            )
        )
    return Range(65_535 if sixteen else LEVELS, kind)


def way_into_unit(low: float, high: float) -> str:
    """What brings floating-point values into [0, 1]."""
    if math.isinf(low) or math.isinf(high):
        return "; infinity is none"
    if low >= -_ROUNDING and high <= 1 + _ROUNDING:
        return " (what rounding left over is taken off by np.clip(x, 0, 1))"
    if low >= 0:
        white = next((w for w in (LEVELS, 4095, 65_535) if 16 < high <= w), None)
        return f" (divide by the largest possible value{f', as x / {white}' if white else ''})"
    if low >= -1 and high <= 1:
        return " (values from -1 to 1 become so by (x + 1) / 2)"
    return ": (x - black) / (white - black); standardised values have lost what black and white are"


def extremes(x: NDArray[Any]) -> tuple[Any, Any]:
    """The smallest and the largest value, a portion at a time; NaN where one is."""
    rows = max(1, _AT_ONCE // max(1, math.prod(x.shape[1:])))
    parts = [x[start : start + rows] for start in range(0, len(x), rows)]
    return (
        np.min([part.min() for part in parts]).item(),
        np.max([part.max() for part in parts]).item(),
    )


def few_levels(pixels: Iterable[NDArray[np.uint8]]) -> str:
    """What to say of images that use a small part of the 256 grey levels; "" where they do not.

    Args:
        pixels: the images, some at a time; no more are read than it takes to see that all is well.
    """
    low, high = LEVELS, 0
    for part in pixels:
        if part.size:
            low, high = min(low, int(part.min())), max(high, int(part.max()))
        if high - low >= _FEW_LEVELS:
            return ""
    if low >= high:
        return ""
    return (
        f"Few of the 256 grey levels are used: all pixels lie between {low} and {high}. Where "
        "files hold a smaller range than their type, such as 12 bits in 16, or 0 and 1 in bytes, "
        "bring it to the whole range first: black is 0, and white 255 (or 65,535, or 1.0)."
    )


def unit_pixels(x: NDArray[Any], source: str) -> NDArray[Any]:
    """An array of pixels as uint8, or as float32 or float64 in [0, 1]; see `range_of`.

    Raises:
        ImagesError: as `range_of`.
    """
    return range_of(x, source).to_unit(x)
