"""Images as a model takes them for data, checked, each with a random stream of its own."""

import hashlib
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tacit.models.likelihoods import Bernoulli
from tacit.models.models import VAE
from tacit.streams import stream_seed
from tacit.training.pages import keep_pages

MIB = 1024 * 1024
CPU_ROWS = 256
"""Codes decoded at once on a CPU: larger batches leave its caches and gain nothing."""
DRAWN_PER_DECODED = 8
"""Codes drawn and weighed together by those decoded at once: each step of it takes as long for
256 codes of 16 numbers as for 2,048."""
CHECKED_AT_ONCE = 256
"""Images whose pixels are looked at together: looking takes as much memory as they do."""


@dataclass(frozen=True, eq=False)
class Observed:
    """Data: what `Likelihood.observe` made of the images.

    Score several methods on one `Observed`, so that all see the same pixels (dynamic binarisation
    would draw them anew in each call).

    Attributes:
        x: (B, C, H, W), in the model's dtype and on its device.
        keys: what each image's random stream is named by: its pixels. Noise thus belongs to the
            image: neither its place nor its company changes it, and copies have the same value.
        caveats: what a reader of any number made from these data must know.
    """

    x: Tensor
    keys: tuple[str, ...]
    caveats: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, rows: slice | NDArray[np.int64]) -> "Observed":
        """The images of `rows`."""
        if isinstance(rows, slice):
            return Observed(self.x[rows], self.keys[rows], self.caveats)
        keys = tuple(self.keys[row] for row in rows)
        return Observed(self.x[torch.from_numpy(rows)], keys, self.caveats)

    def once(self) -> tuple["Observed", NDArray[np.int64]]:
        """Each image once, in order, and which of them each of these is, (B,)."""
        first: dict[str, int] = {}
        for row, key in enumerate(self.keys):
            first.setdefault(key, row)
        if len(first) == len(self):
            return self, np.arange(len(self))
        places = {key: place for place, key in enumerate(first)}
        own = self.take(np.array(list(first.values())))
        return own, np.array([places[key] for key in self.keys])


class Noise:
    """One random stream for each image, drawn on the CPU so that every device sees the same."""

    def __init__(self, root: int, name: str, keys: tuple[str, ...], like: Tensor) -> None:
        self._generators = {
            kind: [torch.Generator().manual_seed(stream_seed(root, name, kind, k)) for k in keys]
            for kind in ("normal", "uniform")
        }
        self._like = like

    def normal(self, n: int, n_dims: int) -> Tensor:
        """Standard normal draws, (n, B, n_dims)."""
        generators = self._generators["normal"]
        noise = torch.empty(len(generators), n, n_dims, dtype=self._like.dtype)
        for row, generator in zip(noise, generators, strict=True):
            row.normal_(generator=generator)
        return noise.transpose(0, 1).to(self._like.device)

    def uniform(self, n: int) -> Tensor:
        """Uniform draws from [0, 1), (n, B)."""
        generators = self._generators["uniform"]
        noise = torch.empty(len(generators), n, dtype=self._like.dtype)
        for row, generator in zip(noise, generators, strict=True):
            row.uniform_(generator=generator)
        return noise.transpose(0, 1).to(self._like.device)

    def take(self, rows: list[int]) -> "Noise":
        """The streams of `rows`, continued (not copied)."""
        part = copy(self)
        part._generators = {k: [g[row] for row in rows] for k, g in self._generators.items()}
        return part

    def state(self) -> Tensor:
        """All streams' states, uint8, (2, B, size), for a checkpoint."""
        return torch.stack(
            [torch.stack([g.get_state() for g in kind]) for kind in self._generators.values()]
        )

    def restore(self, state: Tensor) -> None:
        """Continue where `state` was taken."""
        for kind, states in zip(self._generators.values(), state, strict=True):
            for generator, one in zip(kind, states, strict=True):
                # A copy: set_state reads the first bytes of the storage, whatever row `one` is.
                generator.set_state(one.clone())


def observe(
    model: VAE,
    x: Tensor,
    generator: torch.Generator,
    *,
    pixel_range: tuple[float, float] | None = (0.0, 1.0),
) -> Observed:
    """The data that `model` is asked about: checked, and binarised where its likelihood does so.

    x: images, (B, C, H, W), in `pixel_range`; None leaves the range unchecked, as for images that
    a Gaussian model simulated, whose noise leaves [0, 1].

    Raises:
        ValueError: where shape, range or a NaN makes x no data of this model.
    """
    return observed_from(model, x, draw_root(generator), pixel_range=pixel_range)


def draw_root(generator: torch.Generator) -> int:
    """The seed of one call's streams; the one number that a call takes from its generator."""
    return int(torch.randint(2**62, (), generator=generator, device=generator.device).item())


def observed_from(
    model: VAE,
    x: Tensor | Observed,
    root: int,
    *,
    pixel_range: tuple[float, float] | None = (0.0, 1.0),
) -> Observed:
    """`observe` with the stream's seed; data that are observed already pass through."""
    if isinstance(x, Observed):
        return x
    check_images(model, x, pixel_range)
    parameter = next(model.decoder.parameters())
    x = x.detach().to(parameter.dtype)
    keys = [hashlib.sha256(image.contiguous().numpy().tobytes()).hexdigest() for image in x.cpu()]
    given = x.cpu().split(1)
    made = [
        model.likelihood.observe(
            image, torch.Generator().manual_seed(stream_seed(root, "observe", key))
        )
        for image, key in zip(given, keys, strict=True)
    ]
    # Pixels that are taken as they are need no second copy of all images.
    if any(one is not image for one, image in zip(made, given, strict=True)):
        x = torch.cat(made)
    caveats: tuple[str, ...] = ()
    if isinstance(model.likelihood, Bernoulli) and bool(((x != 0) & (x != 1)).any()):
        caveats = (
            "a Bernoulli likelihood of grey pixels is no probability: its values sum to no 1 "
            "over images; binarise the images",
        )
        warnings.warn(caveats[0], stacklevel=3)
    return Observed(x.to(parameter.device), tuple(keys), caveats)


def check_images(model: VAE, x: Tensor, pixel_range: tuple[float, float] | None) -> None:
    """Raises ValueError, naming the image and the value, where x cannot be data of `model`."""
    shape = tuple(model.decoder.shape)
    if x.ndim != 4 or tuple(x.shape[1:]) != shape:
        raise ValueError(
            f"x has shape {tuple(x.shape)}; this model takes images of shape (B, C, H, W) "
            f"with (C, H, W) = {shape}"
        )
    if not x.is_floating_point():
        raise ValueError(f"x is {x.dtype}; images are floating point, scaled to [0, 1]")
    if len(x) == 0:
        raise ValueError("x holds no image; there must be at least one")
    for first in range(0, len(x), CHECKED_AT_ONCE):
        flat = x[first : first + CHECKED_AT_ONCE].flatten(1)
        if bool((bad := ~flat.isfinite()).any()):
            row, pixel = (int(i) for i in bad.nonzero()[0])
            raise ValueError(
                f"pixel {pixel} of image {first + row} is {flat[row, pixel].item()}, not a number"
            )
        if pixel_range is None:
            continue
        low, high = pixel_range
        if bool((bad := (flat < low) | (flat > high)).any()):
            row, pixel = (int(i) for i in bad.nonzero()[0])
            raise ValueError(
                f"pixel {pixel} of image {first + row} is {flat[row, pixel].item():g}; "
                f"pixels lie in [{low:g}, {high:g}]"
            )


def check_positive(**counts: int) -> None:
    """Raises ValueError for a count below one."""
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"`{name}` is {count}; it must be at least 1")


@contextmanager
def frozen(model: VAE) -> Iterator[None]:
    """Inside: evaluation mode, no gradient for any parameter; freed memory is kept for the next.

    Afterwards the model is as it was.
    """
    modes = [(module, module.training) for module in model.modules()]
    needs = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    model.eval().requires_grad_(False)
    keep_pages()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        for parameter, need in needs:
            parameter.requires_grad_(need)


def rows_within(model: VAE, memory: int, *, gradients: bool = False) -> int:
    """How many codes may be decoded at once within `memory` bytes.

    One decoded code is charged for every layer's output and for six images' worth of likelihood
    and latents, and three times that where gradients are taken.

    Raises:
        ValueError: where not even one fits.
    """
    one = _bytes_of_a_row(model, gradients=gradients)
    if one > memory:
        raise ValueError(f"`memory` is {memory:,} bytes; decoding one code takes {one:,}")
    on_cpu = next(model.decoder.parameters()).device.type == "cpu"
    return min(memory // one, CPU_ROWS) if on_cpu else memory // one


def rows_and_draws(model: VAE, memory: int) -> tuple[int, int]:
    """How many codes may be decoded at once, and how many drawn, within `memory` bytes.

    Raises:
        ValueError: where not even one fits.
    """
    rows = rows_within(model, memory)
    size = next(model.decoder.parameters()).element_size()
    spare = memory - rows * _bytes_of_a_row(model)
    fit = spare // (24 * model.latent_dim * size)  # the codes, and what their density takes
    return rows, max(rows, min(DRAWN_PER_DECODED * rows, fit))


def _bytes_of_a_row(model: VAE, *, gradients: bool = False) -> int:
    parameter = next(model.decoder.parameters())
    numbers = [6 * math.prod(model.decoder.shape) + 12 * model.latent_dim]

    def count(module: torch.nn.Module, inputs: object, output: Tensor) -> None:
        numbers.append(output.numel())

    leaves = [module for module in model.decoder.modules() if not list(module.children())]
    hooks = [module.register_forward_hook(count) for module in leaves]
    try:
        with torch.no_grad():
            model.decoder(parameter.new_zeros(1, model.latent_dim))
    finally:
        for hook in hooks:
            hook.remove()
    return sum(numbers) * parameter.element_size() * (3 if gradients else 1)
