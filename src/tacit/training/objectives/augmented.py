"""Any objective, on images that are seen a little differently at every update."""

from collections.abc import Callable

import torch
from torch import Tensor

from tacit.training.objectives.base import Batch, Objective, Terms


def augmented(
    objective: Objective, moved: Callable[[Tensor, torch.Generator], Tensor]
) -> Objective:
    """`objective` on what `moved` makes of images in training; elsewhere on the images themselves.

    The amounts come from the loop's own noise, named by seed and update, so that a run which was
    interrupted goes on as if it had not been.

    Args:
        objective: any.
        moved: `tacit.training.views.Affine`, `Views`, or another function of images,
            (B, C, H, W), and a generator.
    """

    def on_moved(model: torch.nn.Module, batch: Batch, generator: torch.Generator) -> Terms:
        if model.training:
            batch = batch._replace(x=moved(batch.x, generator), codes=None)
        return objective(model, batch, generator)

    return on_moved
