"""Codes of a contrastive model: the principal components of its features."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import eigh
from torch import Tensor

from tacit.models.models import Contrastive
from tacit.training.examples import Examples
from tacit.training.many import of_images
from tacit.training.ranks import ALONE, Ranks


def set_components(
    model: Contrastive,
    images: Examples,
    index: NDArray[np.integer[Any]] | None = None,
    ranks: Ranks = ALONE,
) -> None:
    """Let the encoder's last layer give the principal components of features.

    An encoder that is frozen stays as it is.

    Args:
        model: its features are taken in evaluation mode.
        images, index: of whose features they are the components; of their labels none is read.
    """
    encoder = model.encoder
    if getattr(encoder, "is_frozen", False):
        return
    model.eval()
    device = next(model.parameters()).device
    features = of_images(
        lambda batch: encoder.features(batch.x), images, index, device=device, ranks=ranks
    )
    mean, axes = components(features, encoder.latent_dim)
    with torch.no_grad():
        encoder.code.weight.copy_(axes)
        encoder.code.bias.copy_(-(axes @ mean))


def components(features: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """The mean, (D,), and the n directions of largest variance, (n, D), of features, (N, D).

    Directions are orthonormal, the first first, each with its largest number positive; beyond those
    along which features vary they are zero. From the smaller of the two products of features with
    themselves, in float64; of a thousand dimensions the first 64 take a fifth of the time of all.
    """
    x = features.cpu().double().numpy()
    mean = x.mean(axis=0)
    x = x - mean
    wide = x.shape[0] < x.shape[1]
    product = x @ x.T if wide else x.T @ x
    size = len(product)
    values, vectors = eigh(product, subset_by_index=(max(size - n, 0), size - 1))
    values, vectors = values[::-1].clip(min=0), vectors[:, ::-1]
    vary = values > values.max() * len(x) * np.finfo(np.float64).eps
    values, vectors = values[vary], vectors[:, vary]
    found = (x.T @ vectors / np.sqrt(values) if wide else vectors).T
    largest = np.take_along_axis(found, np.abs(found).argmax(axis=1)[:, None], axis=1)
    axes = np.zeros((n, x.shape[1]))
    axes[: len(found)] = np.where(largest < 0, -found, found)
    return torch.from_numpy(mean).to(features), torch.from_numpy(axes).to(features)
