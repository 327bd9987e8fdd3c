"""Do codes tell classes apart? Learned from training codes, asked of test codes."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tacit.measures.distances import as_features, chunks, squared_distances
from tacit.measures.number import Undefined
from tacit.measures.separation import Classes

Booleans = NDArray[np.bool_]


def nearest_training_code(
    codes: ArrayLike, classes: ArrayLike, test_codes: ArrayLike, test_classes: ArrayLike
) -> Booleans:
    """Whether the nearest training code is of the test image's class, (M,); ties go to the first.

    Args:
        codes, classes: of training images, (N, D) and (N,).
        test_codes, test_classes: of test images, (M, D) and (M,).

    Raises:
        Undefined: for training images of fewer than two classes.
    """
    x, y, test = _sides(codes, classes, test_codes)
    found = np.concatenate(
        [y[squared_distances(test[rows], x).argmin(axis=1)] for rows in chunks(len(test))]
    )
    return np.asarray(found == np.asarray(test_classes))


def linear_probe(
    codes: ArrayLike, classes: ArrayLike, test_codes: ArrayLike, test_classes: ArrayLike
) -> Booleans:
    """Whether logistic regression on standardised training codes names the class, (M,).

    Standardised, so that the penalty (scikit-learn's C = 1) treats every dimension alike. Arguments
    and errors as for `nearest_training_code`.
    """
    x, y, test = _sides(codes, classes, test_codes)
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=10_000)).fit(x, y)
    return np.asarray(probe.predict(test) == np.asarray(test_classes))


def _sides(
    codes: ArrayLike, classes: ArrayLike, test_codes: ArrayLike
) -> tuple[np.ndarray, Classes, np.ndarray]:
    x, y, test = as_features(codes, "codes"), np.asarray(classes), as_features(test_codes, "codes")
    if len(found := np.unique(y)) < 2:
        raise Undefined(f"training codes of {len(found)} class; two or more can be told apart")
    return x, y, test
