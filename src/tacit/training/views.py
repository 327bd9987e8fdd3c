"""Views of an image as data: cut out, mirrored, turned, moved, bent, coloured, blurred.

A view is what a person would still call the same picture. Every image of a batch gets amounts of
its own, all from one generator, which the loop names by seed and update. What moves pixels (crop,
mirror, quarter turn, affine) is one matrix for each image and one sampling, so that nothing is
smoothed twice; what changes colours is one matrix more.
"""

import math
from functools import partial
from typing import Annotated, Any, Literal, get_args

import torch
from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from torch import Tensor
from torch.nn import functional as F

from tacit.models.config import Table
from tacit.models.noise import drawn


def _ascending(ends: tuple[float, float]) -> tuple[float, float]:
    low, high = ends
    if low > high:
        raise ValueError(f"from {low:g} to {high:g}; the smaller comes first")
    return ends


Share = Annotated[float, Field(ge=0, le=0.9)]
Shares = Annotated[tuple[Share, Share], AfterValidator(_ascending)]
Part = Annotated[float, Field(gt=0, le=1)]
Ratio = Annotated[float, Field(gt=0, le=10)]
Probability = Annotated[float, Field(ge=0, le=1)]

LUMA = (0.299, 0.587, 0.114)
"""The weights of red, green and blue in brightness (ITU-R BT.601)."""

YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))
"""From red, green and blue to brightness and two colours, which a hue turns (NTSC 1953)."""


def _uniform(n: int, generator: torch.Generator, low: float, high: float) -> Tensor:
    u = drawn(torch.rand, (n,), generator, dtype=torch.float32, device=generator.device)
    return low + (high - low) * u


def _happens(n: int, generator: torch.Generator, probability: float) -> Tensor:
    return _uniform(n, generator, 0, 1) < probability


def _sampled(x: Tensor, theta: Tensor, moved: Tensor | None = None) -> Tensor:
    """x at the places of `theta`, (B, 2, 3), in half sides; outside it is as the nearest edge.

    moved: what is added to every place, (B, H, W, 2), in half sides.
    """
    grid = F.affine_grid(theta.to(x.dtype), list(x.shape), align_corners=False)
    if moved is not None:
        grid = grid + moved.to(x.dtype)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _composed(outer: Tensor, inner: Tensor) -> Tensor:
    """First `inner`, then `outer`, both (B, 2, 3): places to places."""
    linear = outer[:, :, :2] @ inner[:, :, :2]
    shift = outer[:, :, :2] @ inner[:, :, 2:] + outer[:, :, 2:]
    return torch.cat([linear, shift], dim=2)


class Affine(Table):
    """How far images may move; each image's amounts are uniform within ± these, and independent.

    Attributes:
        shift: in each direction, as a share of the image's height and width.
        rotation: degrees.
        scale: in each direction by itself, as a share: 0.1 is from 1/1.1 to 1.1 times the size.
        shear: how many pixels a row moves sideways for each pixel that it is away from the middle.

    No image is mirrored: a mirrored "2" is none.
    """

    shift: Share = 0.07
    rotation: Annotated[float, Field(ge=0, le=180)] = 15.0
    scale: Share = 0.15
    shear: Share = 0.15

    def matrices(self, n: int, generator: torch.Generator) -> Tensor:
        """From places in the new image to places in the old, in half sides, (n, 2, 3).

        Coordinates are pixels from the middle, divided by half the side; `within` corrects for
        images that are not square.
        """
        where = generator.device
        u = 2 * drawn(torch.rand, (6, n), generator, axis=1, dtype=torch.float32, device=where) - 1
        angle = math.radians(self.rotation) * u[0]
        shear = self.shear * u[1]
        wide, high = torch.exp(math.log1p(self.scale) * u[2:4])
        cos, sin = angle.cos(), angle.sin()
        # rotation · shear · stretch
        first = torch.stack([cos * wide, (shear * cos - sin) * high, 2 * self.shift * u[4]])
        second = torch.stack([sin * wide, (shear * sin + cos) * high, 2 * self.shift * u[5]])
        return torch.stack([first, second]).permute(2, 0, 1)

    def within(self, n: int, height: int, width: int, generator: torch.Generator) -> Tensor:
        """`matrices` for images of a size: turned and sheared in pixels, so that circles stay."""
        theta = self.matrices(n, generator)
        if height != width:
            theta = theta * theta.new_tensor([[1, height / width, 1], [width / height, 1, 1]])
        return theta

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Every image moved by its own amounts; what was outside is as the nearest edge.

        x: images, (B, C, H, W), of any size. All randomness comes from `generator`, on the
        device of x.
        """
        height, width = x.shape[-2:]
        return _sampled(x, self.within(len(x), height, width, generator))


class Elastic(Table):
    """Every place moved a little, and its neighbours almost alike (Simard 2003).

    Attributes:
        amount: the standard deviation of a place's shift in each direction, as a share of the
            longer side.
        cells: how many places along a side move independently; the others follow smoothly.
    """

    amount: Annotated[float, Field(ge=0, le=0.25)] = 0.03
    cells: Annotated[int, Field(ge=2, le=32)] = 4

    def field(self, n: int, height: int, width: int, generator: torch.Generator) -> Tensor:
        """By how much the places of n images move, (n, height, width, 2), in half sides."""
        shape = (n, 2, self.cells, self.cells)
        where = generator.device
        at = drawn(torch.randn, shape, generator, dtype=torch.float32, device=where)
        rows, columns = (_smooth(self.cells, side, at.device) for side in (height, width))
        moved = torch.einsum("hi,ncij,wj->nhwc", rows, at, columns)
        side = max(height, width)
        return moved * (2 * self.amount * side / moved.new_tensor([width, height]))


def _smooth(cells: int, side: int, device: torch.device) -> Tensor:
    """Weights of cells in each pixel of a side, (side, cells): Gaussian, Σ of squares 1.

    So that a pixel's sum of independent normal numbers has the spread that each has.
    """
    centres = (torch.arange(cells, device=device) + 0.5) / cells
    places = (torch.arange(side, device=device) + 0.5) / side
    near = torch.exp(-0.5 * ((places[:, None] - centres) * cells / 0.6).square())
    return near / near.square().sum(dim=1, keepdim=True).sqrt()


class Stroke(Table):
    """What is lighter than its surroundings grows or shrinks.

    Attributes:
        amount: by how much on each side at most, as a share of the longer side; how much is
            uniform.
        thicker, thinner: the probability of either.
    """

    amount: Annotated[float, Field(gt=0, le=0.1)] = 0.035
    thicker: Probability = 0.3
    thinner: Probability = 0.3

    @model_validator(mode="after")
    def _either(self) -> "Stroke":
        if self.thicker + self.thinner > 1:
            raise ValueError(
                f"thicker and thinner are {self.thicker:g} and {self.thinner:g}; an image is at "
                "most one of the two, so that they add up to at most 1"
            )
        return self

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """x: images in [0, 1], (B, C, H, W)."""
        which = _uniform(len(x), generator, 0, 1)
        most = self.amount * max(x.shape[-2:])  # pixels
        left = most * _uniform(len(x), generator, 0, 1)
        left = torch.where(which < self.thicker + self.thinner, left, 0.0)
        left = left.to(x.dtype)[:, None, None, None]
        sign = torch.where(which < self.thicker, 1.0, -1.0).to(x.dtype)[:, None, None, None]
        # The smallest of numbers is minus the largest of their negatives: one search for both.
        x = sign * x
        for _ in range(math.ceil(most)):
            # A pixel's neighbours whole, or for a part of a pixel as much of the way to them.
            x = x + left.clamp(0, 1) * (F.max_pool2d(x, 3, stride=1, padding=1) - x)
            left = left - 1
        return sign * x


class Erase(Table):
    """A rectangle of the image is lost (DeVries and Taylor 2017, Zhong 2020).

    Attributes:
        sides: its height and its width as shares of the image's, each uniform between these.
        probability: of an image to lose one.

    Its middle is uniform over the image; what reaches beyond the edge is cut off. In its place is
    the image's ground: of each channel the median of the pixels at the edge.
    """

    sides: Shares = (0.15, 0.4)
    probability: Probability = 0.5

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """x: images, (B, C, H, W)."""
        n, (height, width) = len(x), x.shape[-2:]
        chosen = _happens(n, generator, self.probability)
        down, across = (
            self._within(n, side, generator).reshape(n, 1, *shape)
            for side, shape in ((height, (height, 1)), (width, (1, width)))
        )
        edge = torch.cat([x[..., (0, -1), :].flatten(2), x[..., 1:-1, (0, -1)].flatten(2)], dim=2)
        ground = edge.median(dim=2).values[..., None, None]
        return torch.where(chosen[:, None, None, None] & down & across, ground, x)

    def _within(self, n: int, side: int, generator: torch.Generator) -> Tensor:
        """Whether the rows, or columns, of n images are in the rectangle, (n, side)."""
        middle = _uniform(n, generator, 0, 1)[:, None]
        half = _uniform(n, generator, *self.sides)[:, None] / 2
        places = (torch.arange(side, device=generator.device) + 0.5) / side
        return (places - middle).abs() < half


class Crop(Table):
    """A part of the image, drawn out to the whole (Szegedy 2015).

    Attributes:
        area: the part's share of the image's area, uniform between these.
        aspect: its width by its height, where the image's own is 1; its logarithm is uniform
            between those of these. A side that would be longer than the image is as long as it.

    Where it lies is uniform over all places inside the image.
    """

    area: Annotated[tuple[Part, Part], AfterValidator(_ascending)] = (0.2, 1)
    aspect: Annotated[tuple[Ratio, Ratio], AfterValidator(_ascending)] = (3 / 4, 4 / 3)

    def matrices(self, n: int, generator: torch.Generator) -> Tensor:
        """From places in the new image to places in the old, in half sides, (n, 2, 3)."""
        area = _uniform(n, generator, *self.area)
        low, high = self.aspect
        aspect = _uniform(n, generator, math.log(low), math.log(high)).exp()
        wide = (area * aspect).sqrt().clamp(max=1)
        tall = (area / aspect).sqrt().clamp(max=1)
        across = (1 - wide) * _uniform(n, generator, -1, 1)
        down = (1 - tall) * _uniform(n, generator, -1, 1)
        nothing = torch.zeros_like(wide)
        first = torch.stack([wide, nothing, across], dim=1)
        return torch.stack([first, torch.stack([nothing, tall, down], dim=1)], dim=1)


class Colour(Table):
    """Brightness, contrast, saturation and hue, changed by amounts that are independent.

    Attributes:
        brightness, contrast, saturation: factors are uniform in 1 ± these. Contrast draws pixels
            away from the image's mean brightness, saturation away from their own.
        hue: colours are turned about grey by up to ± this share of a full turn.
        probability: of an image to be changed at all.

    Grey images have neither saturation nor hue to change. What leaves [0, 1] is cut off.
    """

    brightness: Probability = 0.4
    contrast: Probability = 0.4
    saturation: Probability = 0.4
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    probability: Probability = 0.8

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """x: images in [0, 1], (B, C, H, W) with C of 1 or 3."""
        n = len(x)
        changed = _happens(n, generator, self.probability)

        def factor(amount: float) -> Tensor:
            return torch.where(changed, _uniform(n, generator, 1 - amount, 1 + amount), 1.0)

        bright, contrast, saturation = map(
            factor, (self.brightness, self.contrast, self.saturation)
        )
        turn = torch.where(changed, _uniform(n, generator, -self.hue, self.hue), 0.0)
        x = x * bright.to(x.dtype)[:, None, None, None]
        mean = grey(x).mean(dim=(1, 2, 3), keepdim=True)
        x = mean + contrast.to(x.dtype)[:, None, None, None] * (x - mean)
        if x.shape[1] == 3:
            mixed = _colour_matrices(saturation, turn).to(x.dtype)
            x = (mixed @ x.flatten(2)).reshape(x.shape)
        return x.clamp(0, 1)


def _colour_matrices(saturation: Tensor, turn: Tensor) -> Tensor:
    """On red, green and blue, (n, 3, 3): brightness stays, colours are scaled and turned."""
    to = saturation.new_tensor(YIQ)
    angle = 2 * math.pi * turn
    cos, sin = saturation * angle.cos(), saturation * angle.sin()
    nothing, same = torch.zeros_like(cos), torch.ones_like(cos)
    rows = [
        torch.stack([same, nothing, nothing], dim=1),
        torch.stack([nothing, cos, -sin], dim=1),
        torch.stack([nothing, sin, cos], dim=1),
    ]
    return torch.linalg.inv(to) @ torch.stack(rows, dim=1) @ to


def grey(x: Tensor) -> Tensor:
    """The brightness of images, (B, 1, H, W); of grey images, or of other channels, their mean."""
    if x.shape[1] != 3:
        return x.mean(dim=1, keepdim=True)
    weights = x.new_tensor(LUMA)[:, None, None]
    return (weights * x).sum(dim=1, keepdim=True)


class Blur(Table):
    """A Gaussian blur.

    Attributes:
        sigma: its standard deviation as a share of the longer side, uniform between these.
        probability: of an image to be blurred.
    """

    sigma: Shares = (0.0005, 0.01)
    probability: Probability = 0.5

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """x: images, (B, C, H, W); beyond their edges they are as at the edge."""
        n, channels, height, width = x.shape
        side = max(height, width)
        chosen = _happens(n, generator, self.probability)
        sigma = side * _uniform(n, generator, *self.sigma)
        rows = chosen.nonzero()[:, 0]
        if not len(rows):
            return x
        radius = max(1, math.ceil(3 * side * self.sigma[1]))
        places = torch.arange(-radius, radius + 1, device=x.device)
        # The narrowest that a kernel can be told from none.
        wide = sigma[rows].clamp(min=0.05)[:, None]
        kernel = torch.exp(-0.5 * (places / wide).square())
        kernel = (kernel / kernel.sum(dim=1, keepdim=True)).to(x.dtype)
        kernel = kernel.repeat_interleave(channels, dim=0)[:, None]
        flat = x[rows].reshape(1, -1, height, width)
        flat = F.pad(flat, (radius, radius, radius, radius), mode="replicate")
        flat = F.conv2d(flat, kernel[:, :, None], groups=len(kernel))
        flat = F.conv2d(flat, kernel[..., None], groups=len(kernel))
        return x.index_put((rows,), flat.reshape(-1, channels, height, width))


class Views(Table):
    """What happens to an image, in this order; what is absent or 0 does not.

    Attributes:
        crop: a part of it, drawn out to the whole.
        flip, vertical_flip: the probability to be mirrored left to right, and top to bottom.
        quarter_turns: turned by 0, 90, 180 or 270 degrees, each as likely (of an oblong image the
            sides are drawn to fit).
        affine: moved, turned, stretched and sheared.
        elastic: bent.
        stroke: light strokes thicker or thinner.
        erase: a rectangle is lost.
        colour: brightness, contrast, saturation, hue.
        greyscale: the probability to lose all colour.
        blur: a Gaussian blur.
    """

    crop: Crop | None = None
    flip: Probability = 0.0
    vertical_flip: Probability = 0.0
    quarter_turns: bool = False
    affine: Affine | None = None
    elastic: Elastic | None = None
    stroke: Stroke | None = None
    erase: Erase | None = None
    colour: Colour | None = None
    greyscale: Probability = 0.0
    blur: Blur | None = None

    def matrices(self, n: int, height: int, width: int, generator: torch.Generator) -> Tensor:
        """From places in the view to places in the image, in half sides, (n, 2, 3)."""
        where = generator.device
        theta = torch.eye(2, 3, device=where).expand(n, 2, 3)
        if self.affine is not None:
            theta = _composed(theta, self.affine.within(n, height, width, generator))
        if self.crop is not None:
            theta = _composed(theta, self.crop.matrices(n, generator))
        if self.quarter_turns:
            turns = drawn(partial(torch.randint, 4), (n,), generator, device=where)
            turned = torch.tensor(
                [[[c, -s, 0], [s, c, 0]] for c, s in ((1, 0), (0, 1), (-1, 0), (0, -1))],
                dtype=torch.float32,
                device=where,
            )
            theta = _composed(theta, turned[turns])
        for axis, probability in enumerate((self.flip, self.vertical_flip)):
            if probability:
                mirrored = torch.eye(2, 3, device=where).repeat(n, 1, 1)
                mirrored[_happens(n, generator, probability), axis, axis] = -1
                theta = _composed(theta, mirrored)
        return theta

    @property
    def moves(self) -> bool:
        """Whether pixels change their places."""
        some = self.flip or self.vertical_flip or self.quarter_turns
        return bool(some) or any((self.crop, self.affine, self.elastic))

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """A view of every image, (B, C, H, W); values stay in [0, 1].

        All randomness comes from `generator`, on the device of x.
        """
        height, width = x.shape[-2:]
        if self.moves:
            theta, elastic = self.matrices(len(x), height, width, generator), self.elastic
            bent = None if elastic is None else elastic.field(len(x), height, width, generator)
            x = _sampled(x, theta, bent)
        if self.stroke is not None:
            x = self.stroke(x, generator)
        if self.erase is not None:
            x = self.erase(x, generator)
        if self.colour is not None:
            x = self.colour(x, generator)
        if self.greyscale and x.shape[1] > 1:
            lost = _happens(len(x), generator, self.greyscale)[:, None, None, None]
            x = torch.where(lost, grey(x).expand_as(x), x)
        return x if self.blur is None else self.blur(x, generator)


Recipe = Literal["photographs", "any-orientation", "characters"]

RECIPES: dict[Recipe, Views] = {
    "photographs": Views(crop=Crop(), flip=0.5, colour=Colour(), greyscale=0.2, blur=Blur()),
    "any-orientation": Views(
        crop=Crop(),
        flip=0.5,
        vertical_flip=0.5,
        quarter_turns=True,
        colour=Colour(),
        greyscale=0.2,
        blur=Blur(),
    ),
    "characters": Views(
        affine=Affine(shift=0.1, rotation=15, scale=0.25, shear=0.25),
        elastic=Elastic(amount=0.04),
        stroke=Stroke(),
        erase=Erase(),
    ),
}
"""Views by name (docs/views.md says for which images)."""


def _by_name(value: Any) -> Any:
    if isinstance(value, str):
        if value not in RECIPES:
            raise ValueError(
                f"'{value}' is no recipe of views; choices: {', '.join(get_args(Recipe))}"
            )
        return RECIPES[value]
    return value


NamedViews = Annotated[Views, BeforeValidator(_by_name, json_schema_input_type=Views | Recipe)]
"""Views as a table, or as the name of a recipe."""
