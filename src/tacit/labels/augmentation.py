"""Images a little shifted, turned, stretched and sheared, anew at every update."""

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from tacit.models.config import Table
from tacit.training.objectives import Batch, Objective, Terms

Share = Annotated[float, Field(ge=0, le=0.9)]


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

        Coordinates are pixels from the middle, divided by half the side; `__call__` corrects for
        images that are not square.
        """
        where = generator.device
        u = 2 * torch.rand((6, n), generator=generator, dtype=torch.float32, device=where) - 1
        angle = math.radians(self.rotation) * u[0]
        shear = self.shear * u[1]
        wide, high = torch.exp(math.log1p(self.scale) * u[2:4])
        cos, sin = angle.cos(), angle.sin()
        # rotation · shear · stretch
        first = torch.stack([cos * wide, (shear * cos - sin) * high, 2 * self.shift * u[4]])
        second = torch.stack([sin * wide, (shear * sin + cos) * high, 2 * self.shift * u[5]])
        return torch.stack([first, second]).permute(2, 0, 1)

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Every image moved by its own amounts; what was outside is as the nearest edge.

        x: images, (B, C, H, W), of any size. All randomness comes from `generator`, on the
        device of x.
        """
        height, width = x.shape[-2:]
        theta = self.matrices(len(x), generator)
        if height != width:
            # Turn and shear in pixels: a circle stays round in an oblong image.
            theta = theta * theta.new_tensor([[1, height / width, 1], [width / height, 1, 1]])
        grid = F.affine_grid(theta.to(x.dtype), list(x.shape), align_corners=False)
        return F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)


def augmented(objective: Objective, affine: Affine) -> Objective:
    """`objective` on images that `affine` moved, in training; on the images themselves elsewhere.

    The amounts come from the loop's own noise, named by seed and update, so that a run which was
    interrupted goes on as if it had not been.
    """

    def moved(model: torch.nn.Module, batch: Batch, generator: torch.Generator) -> Terms:
        if model.training:
            batch = batch._replace(x=affine(batch.x, generator), codes=None)
        return objective(model, batch, generator)

    return moved
