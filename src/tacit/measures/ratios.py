"""Ratios of means as means of per-image values, so that intervals and pairs work as for any mean.

A ratio R = mean(a) / mean(b) over images differs from its limit, to first order, by the mean of
(a_i - R b_i) / mean(b). Values R + (a_i - R b_i) / mean(b) thus have the mean R and the spread that
R's interval needs: the delta method, as an infinitesimal jackknife (Efron 1982, "The jackknife, the
bootstrap and other resampling plans", chapter 6). It holds where mean(b) is far from zero for its
own error.
"""

import numpy as np
from numpy.typing import ArrayLike

from tacit.measures.distances import Floats, as_features


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


def fisher_terms(features: ArrayLike, classes: ArrayLike) -> tuple[Floats, Floats]:
    """Each image's part in the scatter between classes and within them, (N,) each.

    mean(between) / mean(within) is `separation.fisher_ratio`; over the images of one class it is
    that class's own (`class_fisher_ratios`), the mean of all classes held. With c the class of
    image i, m_c its mean and m the mean of all,

        between_i = ‖m_c - m‖² + 2 (x_i - m_c)·(m_c - m),    within_i = ‖x_i - m_c‖²,

    where the second term of between_i has the mean zero and is what x_i does to m_c.

    Args:
        features: (N, D).
        classes: integers, (N,).
    """
    x, y = as_features(features, "features"), np.asarray(classes)
    if y.shape != x.shape[:1]:
        raise ValueError(f"`classes` has shape {y.shape}; one per image, {x.shape[:1]}, is needed")
    x = x - x.mean(axis=0)
    found, position = np.unique(y, return_inverse=True)
    means = np.stack([x[position == k].mean(axis=0) for k in range(len(found))])
    own = means[position]
    within = np.sum((x - own) ** 2, axis=1)
    # What rounding leaves of no variance is no variance.
    within[within <= 1e-26 * np.sum(x**2, axis=1).max()] = 0.0
    between = np.sum(own**2, axis=1) + 2 * np.sum((x - own) * own, axis=1)
    return between, within
