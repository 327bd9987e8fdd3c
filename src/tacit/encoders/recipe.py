"""How an encoder wants its pictures: size, crop, interpolation, mean and sd."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tacit.errors import EncoderError

Fit = Literal["cut", "squash", "pad"]
FITS: tuple[Fit, ...] = ("cut", "squash", "pad")
INTERPOLATIONS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
MAX_SIDE = 4096
LAYOUTS = ("nchw", "nhwc")


@dataclass(frozen=True)
class Recipe:
    """From a picture to what the encoder reads, in this order.

    Attributes:
        size: height and width of what is read.
        channels: 3, or 1 for grey.
        crop: the part of the resized picture's sides that is read, over 0 to 1: it is resized to
            size / crop first.
        fit: of a picture that is no square: "cut" resizes its shorter side and takes the middle,
            "squash" resizes both sides, "pad" resizes the longer one and fills up with the mean.
        interpolation: of resizing; always antialiased.
        mean, sd: of each channel, on pixels in [0, 1]: what is read is (pixel - mean) / sd.
        layout: "nchw" or "nhwc".
        raw: pixels go in as bytes, 0 to 255, without `mean` and `sd`.
    """

    size: tuple[int, int]
    channels: int = 3
    crop: float = 1.0
    fit: Fit = "cut"
    interpolation: str = "bicubic"
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    sd: tuple[float, ...] = (0.5, 0.5, 0.5)
    layout: str = "nchw"
    raw: bool = False

    def __str__(self) -> str:
        height, width = self.size
        return (
            f"{height}×{width}, {self.interpolation}, {self.fit} to {100 * self.crop:g} % of the "
            + f"side{'' if self.channels == 3 else ', grey'}"
        )

    def plain(self) -> dict[str, Any]:
        """As plain data; all that features depend on."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @property
    def longest(self) -> int:
        """The side that a picture is resized to."""
        return max(math.floor(side / self.crop) for side in self.size)

    def apply(self, picture: Image.Image) -> NDArray[Any]:
        """What the encoder reads of a picture: float32 (C, H, W) or (H, W, C), bytes where raw."""
        picture = picture.convert("RGB" if self.channels == 3 else "L")
        pixels = np.asarray(self._fitted(picture)).reshape(*self.size, self.channels)
        if not self.raw:
            scaled = pixels.astype(np.float32) / np.float32(255)
            pixels = (scaled - np.array(self.mean, np.float32)) / np.array(self.sd, np.float32)
        return np.moveaxis(pixels, 2, 0) if self.layout == "nchw" else pixels

    def _fitted(self, picture: Image.Image) -> Image.Image:
        how = INTERPOLATIONS[self.interpolation]
        height, width = self.size
        tall, wide = math.floor(height / self.crop), math.floor(width / self.crop)
        if self.fit == "squash":
            resized = picture.resize((wide, tall), how)
        else:
            # One factor for both sides: "cut" covers the size wanted, "pad" lies within it.
            by_height = (picture.width * tall >= wide * picture.height) == (self.fit == "cut")
            sides = (
                (max(tall * picture.width // picture.height, 1), tall)
                if by_height
                else (wide, max(wide * picture.height // picture.width, 1))
            )
            resized = picture if sides == picture.size else picture.resize(sides, how)
        left, top = _half(resized.width - width), _half(resized.height - height)
        if left >= 0 and top >= 0 and resized.size != (width, height):
            return resized.crop((left, top, left + width, top + height))
        if resized.size == (width, height):
            return resized
        mean = tuple(round(255 * value) for value in self.mean)
        ground = Image.new(picture.mode, (width, height), mean if len(mean) == 3 else mean[0])
        ground.paste(resized, (-left, -top))
        return ground


def _half(space: int) -> int:
    return round(space / 2)


def as_said(recipe: Recipe, options: Mapping[str, str], source: str) -> Recipe:
    """The recipe with what a user said in place of the encoder's own.

    Raises:
        EncoderError: a value that cannot be, with the rule.
    """

    def error(key: str, rule: str) -> EncoderError:
        return EncoderError(f"encoder '{source}': {key} is {options[key]!r}; {rule}")

    changed: dict[str, Any] = {}
    if "size" in options:
        words = options["size"].lower().replace("×", "x").split("x")
        sides = [int(word) for word in words if word.isascii() and word.isdigit()]
        if len(sides) != len(words) or len(sides) > 2 or not all(0 < s <= MAX_SIDE for s in sides):
            raise error("size", f"it is a side of 1 to {MAX_SIDE} pixels, or HEIGHTxWIDTH")
        changed["size"] = (sides[0], sides[-1])
    if "crop" in options:
        crop = _number(options["crop"])
        if crop is None or not 0 < crop <= 1:
            raise error("crop", "it is the part of the side that is read, over 0 to 1")
        changed["crop"] = crop
    if "fit" in options:
        if options["fit"] not in FITS:
            raise error("fit", f"choices: {', '.join(FITS)}")
        changed["fit"] = options["fit"]
    if "interpolation" in options:
        if options["interpolation"] not in INTERPOLATIONS:
            raise error("interpolation", f"choices: {', '.join(INTERPOLATIONS)}")
        changed["interpolation"] = options["interpolation"]
    if "layout" in options:
        if options["layout"] not in LAYOUTS:
            raise error("layout", f"choices: {', '.join(LAYOUTS)}")
        changed["layout"] = options["layout"]
    for key in ("mean", "sd"):
        if key in options:
            values = [_number(word) for word in options[key].split("/")]
            numbers = [value for value in values if value is not None]
            if len(numbers) != len(values) or len(numbers) not in (1, recipe.channels):
                raise error(
                    key,
                    f"it is one number, or {recipe.channels} with / between them, of pixels in "
                    "[0, 1]",
                )
            if key == "sd" and min(numbers) <= 0:
                raise error(key, "it is above 0")
            changed[key] = tuple(numbers if len(numbers) > 1 else numbers * recipe.channels)
    return replace(recipe, **changed)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
