"""Ratios of means as means of per-image values, so that intervals and pairs work as for any mean.

A ratio R = mean(a) / mean(b) over images differs from its limit, to first order, by the mean of
(a_i - R b_i) / mean(b). Values R + (a_i - R b_i) / mean(b) thus have the mean R and the spread that
R's interval needs: the delta method, as an infinitesimal jackknife (Efron 1982, "The jackknife, the
bootstrap and other resampling plans", chapter 6). It holds where mean(b) is far from zero for its
own error.
"""

import numpy as np
from numpy.typing import ArrayLike

from tacit.measures.distances import Floats


def ratio_values(numerators: ArrayLike, denominators: ArrayLike) -> Floats:
    """Per-image values whose mean is mean(numerators) / mean(denominators), (N,).

    All are NaN where the denominators' mean is zero: the ratio is undefined, and so is every number
    made from these values.

    Args:
        numerators, denominators: of the same images, (N,) each.

    >>> ratio_values([1.0, 3.0], [2.0, 2.0]).tolist()
    [0.5, 1.5]
    """
    a, b = np.asarray(numerators, np.float64), np.asarray(denominators, np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"numerators are {a.shape}, denominators {b.shape}; (N,) each is needed")
    if not len(a) or b.mean() == 0:
        return np.full(len(a), np.nan)
    ratio = a.mean() / b.mean()
    return ratio + (a - ratio * b) / b.mean()
