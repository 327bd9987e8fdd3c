"""One number from the per-image values of every seed."""

from collections.abc import Sequence

import numpy as np

from tacit.measures.distances import Floats
from tacit.measures.intervals import mean_t
from tacit.measures.number import Number, undefined


def over_seeds(
    per_seed: Sequence[Floats],
    *,
    paired: bool = False,
    images: str = "test images",
    unit: str = "",
) -> Number:
    """The mean: Student's t over seeds, or over images where there is one seed, given this model.

    Seeds share their test images, so an interval over seeds takes those as given. What is the same
    for every seed (of the originals, say) is one sample of images.

    Args:
        per_seed: for each seed, one value per image, (N,); differences where `paired`.
        images: what the values belong to, in the plural.

    >>> import numpy as np
    >>> over_seeds([np.array([1.0, 3.0])]).interval
    '95 % t over 2 test images, given this model'
    >>> over_seeds([np.array([1.0, 3.0]), np.array([2.0, 3.0])], paired=True).interval
    '95 % t over 2 seeds, paired, given these test images'
    """
    if any(len(values) == 0 for values in per_seed):
        return undefined(f"no {images}", unit=unit)
    pairs, given = ", paired" if paired else "", "this model" if len(per_seed) == 1 else ""
    if all(np.array_equal(values, per_seed[0]) for values in per_seed):
        return mean_t(per_seed[0], over=f"{images}{pairs}", unit=unit, given=given)
    return mean_t(
        np.array([values.mean() for values in per_seed]),
        over=f"seeds{pairs}",
        unit=unit,
        given=f"these {images}",
    )
