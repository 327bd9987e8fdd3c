"""log p(x) by quadrature, for one and two latent dimensions and any decoder."""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tacit.evidence.estimate import LogProbEstimate
from tacit.evidence.observed import MIB, Observed, draw_root, frozen, observed_from, rows_within
from tacit.models.models import VAE

Array = NDArray[np.float64]

RADIUS = 8.0
FIRST_CELLS = 32
NODES = 3
DEEPEST = 20
SHARES = 100
"""Over how many cells the tolerance is spread."""
ROUGH = 5.0
"""Nats of variation within a cell from which its own error estimate is not believed."""
IMAGES_AT_ONCE = 64


@dataclass(frozen=True)
class _Cells:
    """Squares (or intervals) of latent space, each for one image.

    image: (N,); centre: (N, D); log_mass: log ∫ p(x, z) dz over the cell, (N,); peak, least: log
    p(x, z) at its highest and lowest node, (N,); border: whether it touches the outer edge, (N,).
    """

    image: NDArray[np.int64]
    centre: Array
    log_mass: Array
    peak: Array
    least: Array
    border: NDArray[np.bool_]

    def __getitem__(self, index: NDArray[np.bool_] | NDArray[np.int64]) -> "_Cells":
        return _Cells(**{name: value[index] for name, value in vars(self).items()})

    def hopes(self, half: float) -> Array:
        """log of the mass it would have, had its peak risen as much again between the nodes."""
        area = self.centre.shape[1] * math.log(2 * half)
        return 2 * self.peak - self.least + area


def quadrature(
    model: VAE,
    x: Tensor | Observed,
    *,
    generator: torch.Generator,
    tolerance: float = 1e-3,
    memory: int = 512 * MIB,
    dequantised: bool = False,
) -> LogProbEstimate:
    """log ∫ p(x, z) dz over [-8, 8]^D, for D = 1 or 2, by Gauss-Legendre rules on cells.

    32^D cells of 3^D nodes; an image's cells are halved in every dimension where halving changed
    the integral by more than their share of `tolerance`, or where log p(x, z) varies by more than
    5 nats and the cell would matter, had its peak risen as much again between the nodes. So a
    narrow peak is found wherever the flanks that lead to it are seen. Errors of the cells that are
    left, and the mass of those at the outer edge, are summed into `standard_error`.

    Args:
        x: images in [0, 1], (B, C, H, W), or `observe(model, images, generator)`.
        tolerance: nats.
        memory: bytes for decoding.
        dequantised: say True where the pixels are (grey level + uniform noise) / 256.

    Raises:
        ValueError: for more than two latent dimensions, or where x cannot be used.
    """
    if model.latent_dim > 2:
        raise ValueError(
            f"the model has {model.latent_dim} latent dimensions; quadrature is for one or two "
            "(annealed_importance_sampling is for any)"
        )
    if not tolerance > 0:
        raise ValueError(f"`tolerance` is {tolerance}; it is positive")
    with frozen(model), torch.no_grad():
        data = observed_from(model, x, draw_root(generator))
        rows = rows_within(model, memory)
        parts = [
            _integrate(model, data.x[first : first + IMAGES_AT_ONCE], tolerance, rows)
            for first in range(0, len(data), IMAGES_AT_ONCE)
        ]
    log_prob, error = (np.concatenate(column) for column in zip(*parts, strict=True))
    return LogProbEstimate(
        log_prob=log_prob,
        standard_error=error,
        bound="exact",
        measure=model.likelihood.measure,
        method=f"adaptive quadrature in {model.latent_dim} dimensions",
        dequantised=dequantised,
        caveats=data.caveats,
    )


def _integrate(model: VAE, x: Tensor, tolerance: float, rows: int) -> tuple[Array, Array]:
    """log p(x) and its error for a few images, both (B,)."""
    n_images, n_dims = len(x), model.latent_dim
    half = RADIUS / FIRST_CELLS
    cells = _first_cells(model, x, half, rows)
    total = _by_image(cells.image, cells.log_mass, n_images)
    hopeful = cells.hopes(half) > total[cells.image] + math.log(tolerance / SHARES)
    hopeless, cells = cells[~hopeful], cells[hopeful]
    done = _by_image(hopeless.image, hopeless.log_mass, n_images)
    error = done.copy()
    for depth in range(DEEPEST):
        half /= 2
        children, parent = _halved(cells, half, n_dims)
        children = _evaluated(model, x, children, half, rows)
        total = np.logaddexp(done, _by_image(children.image, children.log_mass, n_images))
        halved = _by_image(parent, children.log_mass, len(cells.image))
        change = _log_difference(halved, cells.log_mass)[parent] - n_dims * math.log(2)
        allowed = total[children.image] + math.log(tolerance / SHARES)
        rough = children.peak - children.least > ROUGH
        split = (change > allowed) | (rough & (children.hopes(half) > allowed))
        if depth == DEEPEST - 1:
            split[:] = False
        left = children[~split]
        done = np.logaddexp(done, _by_image(left.image, left.log_mass, n_images))
        error = np.logaddexp(error, _by_image(left.image, change[~split], n_images))
        edge = left[left.border]
        error = np.logaddexp(error, _by_image(edge.image, edge.log_mass, n_images))
        cells = children[split]
        if not split.any():
            break
    return done, np.exp(error - done)


def _first_cells(model: VAE, x: Tensor, half: float, rows: int) -> _Cells:
    """The same cells for every image, decoded once for all of them."""
    n_dims = model.latent_dim
    side = -RADIUS + half * (2 * np.arange(FIRST_CELLS) + 1)
    centre = np.stack(np.meshgrid(*[side] * n_dims, indexing="ij"), axis=-1).reshape(-1, n_dims)
    offsets, log_weights = _rule(n_dims)
    z = x.new_tensor((centre[:, None] + half * offsets).reshape(-1, n_dims))
    values = np.concatenate(
        [
            (
                model.likelihood.log_prob(x, model.decoder(part[:, None]))
                + model.log_prior(part)[:, None]
            )
            .double()
            .cpu()
            .numpy()
            for part in z.split(max(1, rows // len(x)))
        ]
    ).reshape(len(centre), len(offsets), len(x))
    border = (np.abs(centre) + half > RADIUS - 1e-9).any(axis=1)
    n_cells, n_images = len(centre), len(x)
    return _Cells(
        image=np.tile(np.arange(n_images), n_cells),
        centre=np.repeat(centre, n_images, axis=0),
        log_mass=(_log_sum(values + log_weights[:, None], 1) + n_dims * math.log(half)).ravel(),
        peak=values.max(axis=1).ravel(),
        least=values.min(axis=1).ravel(),
        border=np.repeat(border, n_images),
    )


def _halved(cells: _Cells, half: float, n_dims: int) -> tuple[_Cells, NDArray[np.int64]]:
    """2^D children of each cell, of half side `half`, and which cell each is of."""
    corners = np.stack(np.meshgrid(*[[-half, half]] * n_dims, indexing="ij"), axis=-1)
    corners = corners.reshape(-1, n_dims)
    parent = np.repeat(np.arange(len(cells.image)), len(corners))
    children = cells[parent]
    centre = children.centre + np.tile(corners, (len(cells.image), 1))
    border = children.border & (np.abs(centre) + half > RADIUS - 1e-9).any(axis=1)
    return replace(children, centre=centre, border=border), parent


def _evaluated(model: VAE, x: Tensor, cells: _Cells, half: float, rows: int) -> _Cells:
    """The cells with the numbers that their own nodes give."""
    offsets, log_weights = _rule(model.latent_dim)
    masses, peaks, leasts = [], [], []
    at_once = max(1, rows // len(offsets))
    for first in range(0, len(cells.image), at_once):
        part = slice(first, first + at_once)
        z = x.new_tensor(cells.centre[part] + half * offsets[:, None])
        values = model.log_joint(x[torch.from_numpy(cells.image[part]).to(x.device)], z)
        log_joint = values.double().cpu().numpy()
        masses.append(
            _log_sum(log_joint + log_weights[:, None], 0) + model.latent_dim * math.log(half)
        )
        peaks.append(log_joint.max(axis=0))
        leasts.append(log_joint.min(axis=0))
    return replace(
        cells,
        log_mass=np.concatenate(masses),
        peak=np.concatenate(peaks),
        least=np.concatenate(leasts),
    )


def _rule(n_dims: int) -> tuple[Array, Array]:
    """Nodes in [-1, 1]^D, (K, D), and the logarithms of their weights, (K,)."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    grid = np.stack(np.meshgrid(*[nodes] * n_dims, indexing="ij"), axis=-1)
    products = np.prod(np.stack(np.meshgrid(*[weights] * n_dims, indexing="ij"), axis=-1), axis=-1)
    return grid.reshape(-1, n_dims), np.log(products.ravel())


def _by_image(image: NDArray[np.int64], log_mass: Array, n_images: int) -> Array:
    """log Σ exp(log_mass) over the entries of each image, (n_images,)."""
    peak = np.full(n_images, -np.inf)
    np.maximum.at(peak, image, log_mass)
    safe = np.where(np.isfinite(peak), peak, 0)
    total = np.bincount(image, np.exp(log_mass - safe[image]), minlength=n_images)
    with np.errstate(divide="ignore"):
        return np.log(total) + safe


def _log_sum(values: Array, axis: int) -> Array:
    peak = values.max(axis=axis)
    return np.log(np.exp(values - np.expand_dims(peak, axis)).sum(axis=axis)) + peak


def _log_difference(first: Array, second: Array) -> Array:
    """log |exp(first) - exp(second)|."""
    larger = np.maximum(first, second)
    with np.errstate(divide="ignore"):
        return larger + np.log(-np.expm1(-np.abs(first - second)))
