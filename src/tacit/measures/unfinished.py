"""Had training finished? By the losses of its last updates."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

NOTABLE = 0.02
"""A loss that falls by more than this share of its whole fall is still falling.

Training as long again then lowers it by 4 % of its whole fall or more (by 10 % where it falls like
a power of time and not like an exponential). Of six models of the embedded digits, 30 epochs more
than 30 lowered the loss by 2 to 4 times the share that it had lost over the last tenth.
"""

LEVEL = 0.02
"""How often independent noise alone may pass for a fall."""

FEWEST = 9
"""With fewer losses there is no telling a fall from noise: such a run is unfinished."""

MOST_CORRELATED = 0.9


@dataclass(frozen=True)
class StillFalling:
    """A training that had not finished.

    Attributes:
        share: of the whole fall of its loss, what it fell by over the last tenth of the updates.
        times: about how many times as many updates it needs until that is no more than `NOTABLE`,
            if its fall goes on to slow as it did over the second half; None where it did not slow.
    """

    share: float
    times: float | None = None


def still_falling(loss: ArrayLike) -> tuple[float, bool]:
    """By what share of its whole fall a loss fell over its last tenth, and whether that counts.

    The last tenth of the losses is held against the tenth before. The run counts as unfinished
    where the fall between them is more than `NOTABLE` of the fall since the first loss, and larger
    than noise makes it: a one-sided t test at `LEVEL`, for noise that may be an autoregression. How
    often it errs is simulated by
    the rule "unfinished" of `benchmarks.calibration`.

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
    before, last = _tenths(x)
    share = _share(x, x[0] - last.mean())
    if share <= NOTABLE:
        return max(share, 0.0), False
    error, freedom = _noise(np.concatenate([before, last]))
    fall = before.mean() - last.mean()
    # Rounding alone is left of a loss without noise.
    return share, bool(fall > max(error * stats.t.ppf(1 - LEVEL, freedom), 1e-9 * abs(x[0])))


def unfinished(losses: Sequence[ArrayLike]) -> StillFalling | None:
    """What most trainings of one run (seeds, draws) still fell by, at the median.

    None where half of them or more had finished.
    """
    found = [still_falling(loss) for loss in losses]
    if 2 * sum(counts for _, counts in found) <= len(found):
        return None
    share = float(np.median([share for share, _ in found]))
    return StillFalling(share, None if share == 1.0 else _times(losses))


def _tenths(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The tenth before the last tenth, and the last."""
    tenth = max(3, len(x) // 10)
    return x[-2 * tenth : -tenth], x[-tenth:]


def _share(x: NDArray[np.float64], whole: float) -> float:
    before, last = _tenths(x)
    return float((before.mean() - last.mean()) / whole) if whole > 0 else 0.0


def _noise(x: NDArray[np.float64]) -> tuple[float, float]:
    """The standard error of the difference between the means of two halves, and its freedom.

    Noise is what is left beside a line, n - 2 values, and an autoregression ρ of it multiplies the
    variance of means by (1 + ρ) / (1 - ρ). ρ is that of residuals, less its bias of about
    (2 + 4 ρ) / n beside a line.
    """
    n, time = len(x), np.arange(len(x))
    rest = x - np.polyval(np.polyfit(time, x, 1), time)
    squared = float(rest @ rest)
    if squared == 0:
        return 0.0, float(n - 2)
    rho = float(rest[:-1] @ rest[1:]) / squared
    rho = min(max(rho + (2 + 4 * max(rho, 0.0)) / n, 0.0), MOST_CORRELATED)
    longer = (1 + rho) / (1 - rho)
    return float(np.sqrt(longer * squared / (n - 2) * 4 / n)), max(2.0, (n - 2) / longer)


def _times(losses: Sequence[ArrayLike]) -> float | None:
    """How many times as many updates, if the fall over a tenth goes on as 1 / time or faster.

    How fast it slows is seen between the middle and the end. None where it does not slow.
    """
    now, then = [], []
    for loss in losses:
        x = np.asarray(loss, np.float64)
        whole = x[0] - _tenths(x)[1].mean()
        now.append(_share(x, whole))
        then.append(_share(x[: len(x) // 2], whole) if len(x) >= 2 * FEWEST else 0.0)
    at_end, at_middle = float(np.median(now)), float(np.median(then))
    if at_middle <= at_end:
        return None
    power = max(1.0, float(np.log2(at_middle / at_end)))
    return float((at_end / NOTABLE) ** (1 / power))
