"""A model looked at without learning: an objective's terms, image by image."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tacit.streams import numpy_stream, stream_seed
from tacit.training.batches import batch_of, images_at_once
from tacit.training.examples import Examples
from tacit.training.objectives import Objective, Terms

EVALUATED_IMAGES = 1_000
"""At most so many images of each split are evaluated for the curves."""


def sample_of(n: int, *names: str, size: int = EVALUATED_IMAGES) -> NDArray[np.int64]:
    """The images that the curves look at: all, or the same `size` of them for every run."""
    if n <= size:
        return np.arange(n)
    return np.sort(numpy_stream(0, "evaluated", *names).permutation(n)[:size])


@torch.no_grad()
def evaluate(
    model: nn.Module,
    objective: Objective,
    images: Examples,
    index: NDArray[np.int64] | None = None,
    *,
    seed: int = 0,
    batch_size: int = 500,
) -> Terms:
    """The objective's per-image terms, each (n,), in evaluation mode.

    The noise is the same at every call: it comes from `seed` and the position among `index`.
    """
    model.eval()
    device = next(iter(model.parameters())).device
    if index is None:
        index = np.arange(len(images))
    batch_size = images_at_once(images.scaled(index[:1]).size, batch_size)
    parts: list[Terms] = []
    for first in range(0, len(index), batch_size):
        batch = batch_of(images, index[first : first + batch_size], device)
        generator = torch.Generator(device=device)
        generator.manual_seed(stream_seed(seed, "evaluation", first))
        parts.append(objective(model, batch, generator))
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
