"""Images that live where the model is, as bytes."""

import numpy as np
import torch
from torch import Tensor

from tacit.images.dataset import Images
from tacit.training.examples import Chosen, Examples

MOST_BYTES = 2**32
"""At most so much of a GPU's memory is taken by images; larger sets come batch by batch."""


def resident(examples: Examples, device: torch.device) -> Tensor | None:
    """The pixels of all examples on a GPU, uint8, (N, C, H, W).

    A batch is then gathered there, and nothing but its index goes over the bus. None on a CPU,
    which has the images at hand, for examples that are no images, and for too many of them.
    """
    return None if device.type == "cpu" else pixels_on(examples, device)


def pixels_on(examples: Examples, device: torch.device) -> Tensor | None:
    """Those pixels on any device; None for examples that are no images, and for too many."""
    images, index = (
        (examples.images, examples.index) if isinstance(examples, Chosen) else (examples, None)
    )
    if not isinstance(images, Images):
        return None
    if len(examples) * int(np.prod(images.shape)) > MOST_BYTES:
        return None
    pixels = images.pixels if index is None else images.pixels[index]
    return torch.from_numpy(np.array(pixels)).to(device)


def scaled(pixels: Tensor, index: Tensor) -> Tensor:
    """The images at `index` as float32 in [0, 1], (n, C, H, W), as `Examples.scaled` has them."""
    return pixels[index].float().div_(255)
