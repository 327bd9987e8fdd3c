"""Had training finished? By the losses of its last updates."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

NOTABLE = 0.02
"""A loss that falls by more than this share of its whole fall is still falling."""

LEVEL = 0.01
"""How often noise alone may pass for a fall."""

FEWEST = 9
"""With fewer losses there is no telling a fall from noise: such a run is unfinished."""


def still_falling(loss: ArrayLike) -> tuple[float, bool]:
    """By what share of its whole fall a loss fell over its last tenth, and whether that counts.

    The last tenth of the losses is held against the tenth before. The run counts as unfinished
    where the fall between them is more than `NOTABLE` of the fall since the first loss, and larger
    than noise makes it (one-sided Welch test, `LEVEL`). Of losses that no longer fall and differ
    by independent noise, about 1 % are called unfinished (7 % where noise is correlated as an
    autoregression of 0.5 is); a loss that falls like exp(-t / τ) is called so if it was trained for
    less than about 3 τ.

    Args:
        loss: by update, or means over stretches of updates, in order, (n,).

    >>> still_falling(np.exp(-np.arange(300) / 30))
    (0.0001..., False)
    >>> still_falling(np.exp(-np.arange(300) / 200))[1]
    True
    """
    x = np.asarray(loss, np.float64)
    if len(x) < FEWEST:
        return 1.0, True
    tenth = max(3, len(x) // 10)
    before, last = x[-2 * tenth : -tenth], x[-tenth:]
    whole = x[0] - last.mean()
    fall = before.mean() - last.mean()
    if whole <= 0 or fall <= 0:
        return 0.0, False
    share = float(fall / whole)
    if share <= NOTABLE:
        return share, False
    error = np.sqrt(before.var(ddof=1) / tenth + last.var(ddof=1) / tenth)
    beyond_noise = error == 0 or fall / error > stats.t.ppf(1 - LEVEL, 2 * tenth - 2)
    return share, bool(beyond_noise)


def unfinished(losses: Sequence[ArrayLike]) -> float | None:
    """The median share by which trainings of one run (seeds, draws) still fell.

    None where half of them or more had finished.
    """
    found = [still_falling(loss) for loss in losses]
    if 2 * sum(counts for _, counts in found) <= len(found):
        return None
    return float(np.median([share for share, _ in found]))
