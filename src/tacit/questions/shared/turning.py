"""Where a test curve turned: nothing is chosen from it."""

import numpy as np

from tacit.measures.distances import Floats
from tacit.measures.number import Number, undefined

FEWEST_DRAWS, RESAMPLES = 5, 2000
"""Below so many draws a bootstrap over them says too little about the turning point."""


def turned_at(update: Floats, loss: Floats, rng: np.random.Generator) -> Number:
    """The update at which the mean test loss was lowest.

    With five draws or more, its interval is a bootstrap over draws and, where there are several,
    seeds, both resampled (Owen 2007, "The pigeonhole bootstrap"). With fewer, it reaches from the
    earliest to the latest minimum of the single curves. Either is widened to the neighbouring
    evaluations, between which nothing was seen. With one curve it is undefined.

    Args:
        update: of the evaluations, (E,).
        loss: test loss for each seed and draw, (S, D, E).
    """
    n_seeds, n_draws, n_points = loss.shape
    lowest = int(loss.mean(axis=(0, 1)).argmin())
    if lowest == n_points - 1:
        return undefined(
            f"the test loss was lowest at the last evaluation, update {update[-1]:,.0f}",
            n=n_seeds * n_draws,
            unit="updates",
        )
    value = float(update[lowest])
    if n_seeds * n_draws == 1:
        around = f"{update[max(0, lowest - 1)]:,.0f} and {update[lowest + 1]:,.0f}"
        reason = f"one curve, whose neighbouring evaluations are at {around}"
        return undefined(reason, value=value, n=1, unit="updates")
    if n_draws >= FEWEST_DRAWS:
        draws = rng.multinomial(n_draws, np.full(n_draws, 1 / n_draws), size=RESAMPLES)
        seeds = rng.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), size=RESAMPLES)
        curves = np.einsum("rs,rd,sde->re", seeds, draws, loss, optimize=True)
        first, last = np.quantile(curves.argmin(axis=1), [0.025, 0.975], method="nearest")
        each = f" × {n_seeds} seeds" if n_seeds > 1 else ""
        how, n = f"95 % bootstrap over {n_draws} draws{each}", n_draws
    else:
        minima = loss.argmin(axis=2)
        first, last, n = minima.min(), minima.max(), minima.size
        how = f"earliest to latest of {n} curves, no confidence interval"
    low = float(update[first - 1]) if first > 0 else 0.0
    high = float(update[min(last + 1, n_points - 1)])
    return Number(value, low, high, n, "updates", f"{how}, widened to the neighbouring evaluations")
