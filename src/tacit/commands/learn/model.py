"""What a pair learned from all labels, as a classifier of images."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tacit.labels.calibration import Temperature
from tacit.labels.pairs import Pair
from tacit.models.config import AnyNetwork, ConvNetwork, DenseNetwork, ModelConfig, Network, build
from tacit.models.models import Classifier
from tacit.models.parts import freeze

ENCODERS: dict[str, Network] = {"pca": DenseNetwork(hidden=()), "random": ConvNetwork()}
"""The networks of representations that need no run."""

Weights = Mapping[str, NDArray[np.generic]]

NETWORK = "encoder.network."
"""Before the names of weights of an encoder from elsewhere that was fine-tuned."""


def config_of(
    pair: Pair,
    shape: tuple[int, int, int],
    n_classes: int,
    weights: Weights,
    network: AnyNetwork | None = None,
) -> ModelConfig:
    """Which model the pair's method leaves as its classifier.

    Args:
        pair: the pair.
        shape: channels, height and width of an image. n_classes: how many classes.
        weights: the model's, of which the width of the code is read.
        network: of the run whose codes are used.
    """
    if pair.run is None:
        network = ENCODERS.get(pair.codes)
    trained = pair.using.network(pair.trained_by(), network)
    assert trained is not None
    return _config(shape, n_classes, weights, network=trained)


def config_on_features(
    key: str, shape: tuple[int, int, int], n_classes: int, weights: Weights
) -> ModelConfig:
    """Which model a head on features of an encoder from elsewhere is.

    Args:
        key: the encoder's. shape: channels, height and width of what it reads.
        n_classes, weights: as of `config_of`.
    """
    return _config(shape, n_classes, weights, features=key)


def _config(
    shape: tuple[int, int, int], n_classes: int, weights: Weights, **what: Any
) -> ModelConfig:
    latent_dim = weights["head.linear.weight"].shape[1]
    return ModelConfig(
        learn="classifier", shape=shape, latent_dim=latent_dim, n_classes=n_classes, **what
    )


def with_blank(config: ModelConfig, temperature: Temperature) -> ModelConfig:
    """The classifier whose head has the share of answers that tell nothing."""
    return config.model_copy(update={"blank": temperature.blank or None})


def calibrated(config: ModelConfig, weights: Weights, temperature: Temperature) -> Classifier:
    """The classifier with its temperature in its head: softmax gives its confidence."""
    with torch.device("meta"):
        model = build(with_blank(config, temperature))
    assert isinstance(model, Classifier)
    state = {name: torch.from_numpy(np.array(value)) for name, value in weights.items()}
    if temperature.value is not None:
        for name in ("head.linear.weight", "head.linear.bias"):
            state[name] = state[name] / temperature.value
    model.load_state_dict(state, assign=True)
    freeze(model)
    return model
