"""log p(x) of images under a saved VAE, kept in the cache."""

import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tacit.commands.inputs import shape_said
from tacit.commands.options import CommandError, Which, open_model
from tacit.images.cache import kept_array
from tacit.images.dataset import Images
from tacit.models.models import VAE

if TYPE_CHECKING:
    from tacit.saved.trained import TrainedModel

Floats = NDArray[np.float64]

SAMPLES = 100
"""Importance samples an image: of all images of a set, more take hours on a CPU."""

_AT_ONCE = 200


def open_vae(model: Path, run: str | None, shape: tuple[int, int, int]) -> "TrainedModel":
    """A saved VAE, or a study's run, that reads images of this shape.

    Raises:
        CommandError: it is no VAE, or reads other images.
    """
    trained = open_model(model, Which(run=run))
    if not isinstance(trained.model, VAE):
        raise CommandError(
            f"--model: {model} holds a model of kind {type(trained.model).__name__}, which has no "
            "p(x); a VAE has one"
        )
    if trained.shape != shape:
        raise CommandError(
            f"--model: {model} reads images that are {shape_said(trained.shape)}, and these are "
            f"{shape_said(shape)}; make them so with --size and --channels"
        )
    return trained


def log_prob_of(
    trained: "TrainedModel",
    images: Images,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Floats, Floats]:
    """log p(x) in nats and its standard error, (N,) each, by `SAMPLES` importance samples.

    A lower bound each: what is compared is images with each other, under one model.
    """

    def made() -> NDArray[Any]:
        parts = []
        for start in range(0, len(images), _AT_ONCE):
            rows = np.arange(start, min(start + _AT_ONCE, len(images)))
            with warnings.catch_warnings():  # of flags: the error of each image is what counts here
                warnings.simplefilter("ignore")
                found = trained.log_prob(np.asarray(images.pixels[rows]), n_samples=SAMPLES)
            parts.append(np.stack([found.log_prob, found.standard_error]))
            progress(int(rows[-1]) + 1, len(images))
        return np.concatenate(parts, axis=1)

    digest = hashlib.sha256(f"{images.sha256} {SAMPLES} {trained.config}".encode())
    for name, tensor in trained.model.state_dict().items():
        digest.update(name.encode() + tensor.numpy().tobytes())
    value, error = kept_array("log-prob", digest.hexdigest()[:32], made)
    return value, error
