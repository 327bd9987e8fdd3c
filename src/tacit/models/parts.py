"""Parts: taken from a trained model, put into a new one, frozen."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tacit.models.models import VAE, Autoencoder, Classifier, Contrastive, Model
from tacit.models.networks import ClassProbabilities, Encoder
from tacit.models.posteriors import Amortized

PART_NAMES = ("encoder", "decoder", "probabilities")


class PartError(ValueError):
    """A part that a model does not have, or that does not fit."""


def part_of(model: Model, name: str) -> nn.Module:
    """The part called `name` of a model.

    Args:
        model: any model.
        name: "encoder" (images to codes), "decoder", or "probabilities" (a classifier read as an
            encoder whose code is its class probabilities).

    Raises:
        PartError: if the model has no such part.
    """
    if name == "encoder":
        if isinstance(model, Autoencoder | Classifier | Contrastive):
            return model.encoder
        if isinstance(model.posterior, Amortized):
            return model.posterior.encoder
        raise PartError("a VAE with per-image codes has no encoder to take")
    if name == "decoder" and isinstance(model, Autoencoder | VAE):
        return model.decoder
    if (
        name == "probabilities"
        and isinstance(model, Classifier)
        and isinstance(model.encoder, Encoder)
    ):
        return ClassProbabilities(model.encoder, model.head)
    if name == "probabilities" and isinstance(model, Autoencoder):
        return model.encoder
    raise PartError(
        f"a {type(model).__name__} has no part called '{name}'; parts are {', '.join(PART_NAMES)}"
    )


def copy_part(source: nn.Module, target: nn.Module, what: str) -> None:
    """Copy the weights of `source` into `target`.

    Raises:
        PartError: listing every weight whose presence or shape differs.
    """
    given = {name: tuple(value.shape) for name, value in source.state_dict().items()}
    wanted = {name: tuple(value.shape) for name, value in target.state_dict().items()}
    differences = [
        f"  {name}: taken {given.get(name, 'absent')}, needed {wanted.get(name, 'absent')}"
        for name in sorted(given.keys() | wanted.keys())
        if given.get(name) != wanted.get(name)
    ]
    if differences:
        raise PartError(f"{what} does not fit:\n" + "\n".join(differences))
    target.load_state_dict(source.state_dict())


def freeze(module: nn.Module) -> None:
    """No gradient, and evaluation mode for as long as `training_mode` is what switches modes."""
    module.requires_grad_(False)
    module.eval()
    module.is_frozen = True  # type: ignore[assignment]


def training_mode(model: nn.Module) -> None:
    """Training mode for all of a model but its frozen parts."""
    model.train()
    for module in model.modules():
        if getattr(module, "is_frozen", False):
            module.eval()


def read_features_as_given(
    model: Model, mean: NDArray[np.float32], scale: np.floating[Any]
) -> None:
    """Let a model that learned from (features - mean) / scale read features as they are.

    The first layer that reads codes takes both up: W (f - m) / s + b = (W / s) f + (b - W m / s).
    """
    layer = model.head.linear if isinstance(model, Classifier) else _first_layer(model)
    with torch.no_grad():
        layer.weight.div_(float(scale))
        layer.bias.sub_(layer.weight @ torch.from_numpy(mean))


def _first_layer(model: Model) -> nn.Linear:
    assert isinstance(model, Autoencoder)  # no other model is learned on features
    first = model.decoder.layers[0]
    assert isinstance(first, nn.Linear)
    return first
