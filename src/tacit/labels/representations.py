"""What images are for a method that uses labels: pixels, their principal components, or codes."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from torch import nn

from tacit.evidence.refine import refine
from tacit.images.dataset import Images
from tacit.labels.networks import codes_of
from tacit.models.config import ConvNetwork, DenseNetwork
from tacit.models.models import VAE, Model
from tacit.models.networks import Encoder, GivenCodes
from tacit.models.parts import part_of
from tacit.models.posteriors import PerImage
from tacit.models.pretrained import PretrainedNetwork
from tacit.streams import seeded_initialisation, stream_seed, torch_stream
from tacit.training.many import in_parts, of_images
from tacit.training.objectives import Batch

Codes = NDArray[np.float32]

COMPONENTS = 50
"""Principal components of pixels, where there are so many."""

UNTRAINED_CODE = 16
"""The width of an untrained encoder's code: a run's own default."""


@dataclass(frozen=True)
class Represented:
    """Images as a method sees them.

    Attributes:
        pool: codes of the images among which labels are given, (N, D).
        new: codes of further images, (M, D).
        encoder: what made them, where that is a network, or in its place what says whose they are.
    """

    pool: Codes
    new: Codes
    encoder: Encoder | GivenCodes | PretrainedNetwork | None = None


def pixels(pool: Images, new: Images) -> Represented:
    """The pixels themselves, in [0, 1]."""
    return Represented(_flat(pool), _flat(new))


def principal_components(pool: Images, new: Images, seed: int) -> Represented:
    """The pixels' first `COMPONENTS` principal components, found on the pool without a label."""
    pca, own = fitted_components(_flat(pool), seed)
    others = np.asarray(pca.transform(_flat(new)), np.float32) if len(new) else own[:0]
    return Represented(own, others, _linear(pool, pca))


def fitted_components(x: Codes, seed: int) -> tuple[PCA, Codes]:
    """The first `COMPONENTS` principal components of rows (N, D), and the rows in them."""
    n_components = min(COMPONENTS, *x.shape)
    pca = PCA(n_components, random_state=stream_seed(seed, "principal components") % 2**32)
    with np.errstate(invalid="ignore"):  # images that are all alike have no variance to share
        own = np.asarray(pca.fit_transform(x), np.float32)
    return pca, own


def _linear(pool: Images, pca: PCA) -> Encoder:
    """The components as a layer: code = components (x - mean)."""
    with torch.device("meta"):  # no weights are drawn
        encoder = DenseNetwork(hidden=()).encoder(pool.shape, len(pca.components_))
    components = torch.from_numpy(np.asarray(pca.components_, np.float32))
    mean = torch.from_numpy(np.asarray(pca.mean_, np.float32))
    state = {"code.weight": components, "code.bias": -components @ mean}
    encoder.load_state_dict(state, assign=True)
    return encoder.eval().requires_grad_(False)


def untrained(pool: Images, new: Images, seed: int) -> Represented:
    """The codes of a convolutional encoder that has learned nothing."""
    with seeded_initialisation(seed, "untrained encoder"):
        encoder = ConvNetwork().encoder(pool.shape, UNTRAINED_CODE)
    return _encoded(encoder, pool, new)


def learned(model: Model, pool: Images, new: Images, seed: int) -> Represented:
    """A trained model's codes: of a VAE the posterior means.

    Where codes belong to images, those that the model learned from (the first rows of the pool)
    have their own, and all others are optimised against the frozen decoder from the prior.
    """
    if isinstance(model, VAE) and isinstance(model.posterior, PerImage):
        n_own = min(len(model.posterior.mean), len(pool))
        own = _own_codes(model, pool, n_own)
        rest = _refined(model, pool.take(np.arange(n_own, len(pool))), seed, "pool")
        return Represented(np.concatenate([own, rest]), _refined(model, new, seed, "new"))
    return _encoded(part_of(model, "encoder"), pool, new)


def _encoded(encoder: nn.Module, pool: Images, new: Images) -> Represented:
    own = codes_of(encoder, pool)
    others = codes_of(encoder, new) if len(new) else own[:0]
    return Represented(own, others, encoder if isinstance(encoder, Encoder) else None)


def _own_codes(model: VAE, pool: Images, n: int) -> Codes:
    def means(batch: Batch) -> Codes:
        return model.posterior(batch.x, batch.index).mean.numpy()

    return of_images(means, pool, np.arange(n))


def _refined(model: VAE, images: Images, seed: int, name: str) -> Codes:
    def refined(rows: slice) -> Codes:
        x = torch.from_numpy(images.scaled(rows))
        stream = torch_stream(seed, "codes of new images", name, rows.start)
        return refine(model, x, start="prior", generator=stream).mean.numpy()

    if not len(images):
        return np.empty((0, model.latent_dim), np.float32)
    return in_parts(refined, len(images))


def _flat(images: Images) -> Codes:
    return images.scaled().reshape(len(images), math.prod(images.shape))
