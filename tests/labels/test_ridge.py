"""Heads on spread labels against the slow way: a ridge regression for every image left out."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.linear_model import Ridge

from tacit.labels.heads.ridge import PENALTY, spread_heads


def problem(n: int, d: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 3, (2, n))
    centres = rng.normal(size=(3, d))
    codes = 5 + centres[classes[0]] + rng.normal(size=(n, d))
    new = 5 + centres[rng.integers(0, 3, 7)] + rng.normal(size=(7, d))
    return codes.astype(np.float32), classes, new.astype(np.float32)


def _reference(codes, labels, new):
    x = codes.astype(np.float64)
    middle = x.mean(axis=0)
    scale = np.sqrt(np.square(x - middle).sum(axis=1).mean())
    x, x_new, y = (x - middle) / scale, (new - middle) / scale, np.eye(3)[labels]
    held = np.stack(
        [
            Ridge(PENALTY).fit(np.delete(x, i, 0), np.delete(y, i, 0)).predict(x[i : i + 1])[0]
            for i in range(len(x))
        ]
    )
    rows = np.arange(len(x))
    heat = minimize_scalar(
        lambda t: -log_softmax(held * np.exp(t), axis=1)[rows, labels].mean(),
        bounds=(-np.log(1e3), np.log(1e3)),
        method="bounded",
    ).x
    return softmax(Ridge(PENALTY).fit(x, y).predict(x_new) * np.exp(heat), axis=1)


@pytest.mark.parametrize(("n", "d"), [(40, 6), (20, 60)])
def test_it_is_ridge_regression_with_each_image_left_out_in_turn(n, d):
    codes, classes, new = problem(n, d)
    found = spread_heads(codes, classes, 3).probabilities(new)
    assert found.shape == (2, 7, 3)
    for one, labels in zip(found, classes, strict=True):
        assert np.allclose(one, _reference(codes, labels, new), atol=2e-3)


def test_a_class_that_tells_apart_is_found_and_shuffled_labels_are_chance():
    codes, classes, _ = problem(300, 5)
    right = spread_heads(codes[:200], classes[:1, :200], 3)
    right = right.probabilities(codes[200:])[0].argmax(axis=1)
    assert np.mean(right == classes[0, 200:]) > 0.7
    flat = spread_heads(codes[:200], classes[1:, :200], 3).probabilities(codes[200:])[0]
    assert flat.max(axis=1).mean() < 0.45
