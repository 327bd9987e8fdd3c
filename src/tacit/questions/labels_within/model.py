"""What a pair learned from all labels, as a classifier of images."""

import copy
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from tacit.labels.calibration import Temperature
from tacit.labels.draws import Labelled
from tacit.labels.heads import linear as heads
from tacit.labels.methods import FROM_PIXELS, NETWORK_OF, Answered, Problem
from tacit.models.config import ConvNetwork, DenseNetwork, ModelConfig, Network, build
from tacit.models.models import Classifier
from tacit.models.networks import Head
from tacit.models.parts import freeze
from tacit.questions.shared.pairs import Pair

Weights = Mapping[str, NDArray[np.generic]]


def classifier_of(
    pair: Pair, problem: Problem, answered: Answered, labelled: Labelled
) -> Classifier | None:
    """The classifier behind the answers to one trial; None where they are no network's.

    Logistic regression is a head on the encoder that made the codes. Propagation answers for the
    images of its graph alone: the network that learns what was propagated is a pair of its own
    (`tacit.labels.methods.NETWORK_OF`), with numbers of its own.
    """
    if answered.model is not None:
        return answered.model
    encoder = problem.seen.encoder
    if pair.method != "logistic" or encoder is None:
        return None
    strength = answered.settings["strength"]
    fitted = heads.fit_logistic(
        problem.seen.pool,
        [labelled],
        problem.n_classes,
        strengths=[strength],
        fixed=strength,
    )
    with torch.device("meta"):  # no weights are drawn
        head = Head(encoder.latent_dim, problem.n_classes)
    state = {
        "linear.weight": torch.from_numpy(fitted.weights[0].T.copy()),
        "linear.bias": torch.from_numpy(fitted.intercepts[0].copy()),
    }
    head.load_state_dict(state, assign=True)
    return Classifier(copy.deepcopy(encoder), head)


def config_of(
    pair: Pair,
    shape: tuple[int, int, int],
    n_classes: int,
    weights: Weights,
    network: Network | None = None,
) -> ModelConfig:
    """Which model `classifier_of` gives.

    Args:
        pair: the pair.
        shape: channels, height and width of an image. n_classes: how many classes.
        weights: the model's, of which the width of the code is read.
        network: of the run whose codes are used.
    """
    trained: Network
    if pair.method in FROM_PIXELS or pair.method in NETWORK_OF.values():
        trained = pair.trained_by().network
    elif pair.run is not None:
        assert network is not None
        trained = network
    else:
        trained = DenseNetwork(hidden=()) if pair.codes == "pca" else ConvNetwork()
    return ModelConfig(
        learn="classifier",
        shape=shape,
        latent_dim=weights["head.linear.weight"].shape[1],
        n_classes=n_classes,
        network=trained,
    )


def calibrated(config: ModelConfig, weights: Weights, temperature: Temperature) -> Classifier:
    """The classifier with its temperature in its head: softmax gives its confidence."""
    with torch.device("meta"):
        model = build(config)
    assert isinstance(model, Classifier)
    state = {name: torch.from_numpy(np.array(value)) for name, value in weights.items()}
    if temperature.value is not None:
        for name in ("head.linear.weight", "head.linear.bias"):
            state[name] = state[name] / temperature.value
    model.load_state_dict(state, assign=True)
    freeze(model)
    return model
