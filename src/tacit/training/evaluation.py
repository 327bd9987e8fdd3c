"""A model looked at without learning: an objective's terms, image by image."""

import numpy as np
from numpy.typing import NDArray
from torch import nn

from tacit.models.noise import Noise
from tacit.streams import numpy_stream, stream_seed
from tacit.training.examples import Examples
from tacit.training.many import AT_ONCE, of_images
from tacit.training.objectives import Batch, Objective, Terms
from tacit.training.ranks import ALONE, Ranks

EVALUATED_IMAGES = 1_000
"""At most so many images of each split are evaluated for the curves."""


def sample_of(n: int, *names: str, size: int = EVALUATED_IMAGES) -> NDArray[np.int64]:
    """The images that the curves look at: all, or the same `size` of them for every run."""
    if n <= size:
        return np.arange(n)
    return np.sort(numpy_stream(0, "evaluated", *names).permutation(n)[:size])


def evaluate(
    model: nn.Module,
    objective: Objective,
    images: Examples,
    index: NDArray[np.int64] | None = None,
    *,
    seed: int = 0,
    batch_size: int = AT_ONCE,
    ranks: Ranks = ALONE,
    owned: bool = False,
) -> Terms:
    """The objective's per-image terms, each (n,), in evaluation mode.

    The noise is the same at every call: it comes from `seed` and the position among `index`.
    Several ranks share the images, and each has all terms; owned: see `Ranks.share`.
    """
    model.eval()
    device = next(iter(model.parameters())).device
    first = 0

    def terms(batch: Batch) -> Terms:
        nonlocal first
        noise = Noise(device)
        noise.manual_seed(stream_seed(seed, "evaluation", first))
        noise.share = batch.share
        first += batch.whole
        return objective(model, batch, noise)

    return of_images(
        terms, images, index, device=device, at_once=batch_size, ranks=ranks, owned=owned
    )
