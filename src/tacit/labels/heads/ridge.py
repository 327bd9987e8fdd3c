"""Linear heads that learn labels spread to all images: one factorisation for every trial."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from torch import Tensor

from tacit.labels.heads.linear import Heads
from tacit.labels.propagation.graph import as_codes

PENALTY = 3.0
"""λ, on codes of mean squared length one. Between 1 and 10 the accuracy on two sets of photographs
(textures and steel surfaces, codes of an EfficientNet-Lite0, 1 to 10 labels a class) is the same
within a point, and that of logistic regression, which takes a factorisation in every step."""

SHARPEST, FLATTEST = 1e-3, 1e3


def spread_heads(codes: NDArray[np.float32], classes: NDArray[np.int64], n_classes: int) -> Heads:
    """Heads that learned spread labels.

    Of each trial the head minimises Σ_i ‖y_i - W x_i - b‖² + λ ‖W‖², y the unit vectors of the
    classes and x the codes minus their mean, divided by their root mean squared length. Its scores
    s become probabilities softmax(s / T), with the temperature T that makes the labels likeliest
    where each image is left out in turn. That needs no other head: without image i its own score is
    y_i - (y_i - s_i) / (1 - h_i), with h the diagonal of the matrix that takes y to s (Allen 1974).

    Args:
        codes: of all images, (n, d). classes: the labels spread to them, (T, n).
        n_classes: C.
    """
    known = torch.from_numpy(as_codes(codes))
    middle = known.mean(dim=0)
    scale = (known - middle).square().sum(dim=1).mean().sqrt().clamp(min=1e-12)
    x = (known - middle) / scale
    n, n_trials = len(x), len(classes)
    y = torch.nn.functional.one_hot(torch.from_numpy(classes), n_classes).float()
    shares = y.mean(dim=1, keepdim=True)
    flat = (y - shares).permute(1, 0, 2).reshape(n, -1)
    own, weights, leverage = _fitted(x, flat)

    def by_trial(columns: Tensor) -> Tensor:
        return columns.view(len(columns), n_trials, n_classes).permute(1, 0, 2)

    # The free intercept is the mean, in which each image has its n-th part.
    left = (1 - leverage - 1 / n).clamp(min=1e-6)[:, None]
    held_out = (y - (y - by_trial(own) - shares) / left).double().numpy()
    heads = (by_trial(weights) / scale).double()
    intercepts = shares[:, 0] - torch.einsum("d,tdc->tc", middle.double(), heads)
    found = [_temperature(held, labels) for held, labels in zip(held_out, classes, strict=True)]
    heat = torch.tensor(found, dtype=torch.float64)
    return Heads(
        np.asarray(heads / heat[:, None, None], np.float32),
        np.asarray(intercepts / heat[:, None], np.float32),
    )


def _fitted(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Scores of the images, their weights (d, columns), and what an image has in its own, (n,).

    The smaller of the two matrices, of images or of dimensions, is factorised.
    """
    n, d = x.shape
    square = x @ x.T if n <= d else x.T @ x
    square.diagonal().add_(PENALTY)
    factor = torch.linalg.cholesky(square)
    if n <= d:
        # s = K (K + λ)⁻¹ y = y - λ (K + λ)⁻¹ y
        dual = torch.cholesky_solve(y, factor)
        inverse = torch.cholesky_inverse(factor)
        return y - PENALTY * dual, x.T @ dual, 1 - PENALTY * inverse.diagonal()
    weights = torch.cholesky_solve(x.T @ y, factor)
    half = torch.linalg.solve_triangular(factor, x.T, upper=False)
    return x @ weights, weights, half.square().sum(dim=0)


def _temperature(scores: NDArray[Any], labels: NDArray[np.int64]) -> float:
    """What scores, (n, C), are divided by for the labels to be likeliest."""
    rows = np.arange(len(labels))

    def surprise(sharpness: float) -> float:
        return -float(log_softmax(scores * np.exp(sharpness), axis=1)[rows, labels].mean())

    ends = (-np.log(FLATTEST), -np.log(SHARPEST))
    return float(np.exp(-minimize_scalar(surprise, bounds=ends, method="bounded").x))
