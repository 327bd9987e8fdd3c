"""One number from several seeds that looked at the same images.

Averaged over seeds, per-image numbers say what other images might give with these models; means
per seed say what other seeds might give on these images. Neither covers the other. Both have the
same centre, so that the wider interval is the one that excludes zero only where both do.
"""

from collections.abc import Sequence

import numpy as np

from tacit.measures.formatting import show
from tacit.measures.intervals import mean_t
from tacit.measures.number import Number


def given_models(n_seeds: int) -> str:
    """What an interval over images takes as given.

    >>> given_models(1), given_models(3)
    ('this model', 'these models of 3 seeds')
    """
    return "this model" if n_seeds == 1 else f"these models of {n_seeds} seeds"


def wider(over_images: Number, per_seed: Sequence[float] | np.ndarray) -> Number:
    """The number with the wider of its intervals over images and over seeds.

    Args:
        over_images: of numbers averaged over seeds.
        per_seed: the same number of each seed, (S,). One seed leaves `over_images` as it is.
    """
    over_seeds = mean_t(per_seed, unit=over_images.unit, given="these images")
    return max(over_images, over_seeds, key=_width)


def _width(number: Number) -> float:
    if number.low is None or number.high is None:
        return -1.0
    return number.high - number.low


def magnitude(number: Number) -> str:
    """A difference as words show it where its direction is said beside it: without its sign.

    >>> magnitude(Number(-2.0, -3.0, -1.0, 5, "nats"))
    '2.0 nats (1.0 to 3.0)'
    """
    if number.value is None or number.value >= 0 or number.low is None or number.high is None:
        return show(number)
    flipped = (-number.value, -number.high, -number.low)
    return show(Number(*flipped, number.n, number.unit, number.interval))
