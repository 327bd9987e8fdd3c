"""The layers of a model, with shapes and parameter counts."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from tacit.models.models import VAE, Classifier, Contrastive, Model
from tacit.models.networks import ClassProbabilities, GivenCodes, Shape
from tacit.models.posteriors import Amortized, PerImage


class Layer(NamedTuple):
    """One layer: the part that it belongs to, what it is, the shape it gives, its parameters."""

    part: str
    what: str
    shape: tuple[int, ...]
    parameters: int


def layers_of(model: Model, shape: Shape) -> list[Layer]:
    """All layers, in the order in which an image passes them."""
    model.eval()  # a batch of one has no statistics of its own
    parameter = next(model.parameters())
    x = parameter.new_zeros(1, *shape)
    layers: list[Layer] = []
    if isinstance(model, VAE):
        posterior = model.posterior
        if isinstance(posterior, Amortized):
            layers += _passed("encoder", posterior.encoder, x)
            features = posterior.encoder.features(x)
            layers += _passed("posterior", posterior.log_var, features, "log-variance")
        elif isinstance(posterior, PerImage):
            n, width = posterior.mean.shape
            layers += [
                Layer("posterior", f"{name} of each image", (n, width), n * width)
                for name in ("mean", "log-variance")
            ]
    elif isinstance(model.encoder, ClassProbabilities):
        layers += _passed("encoder", model.encoder.encoder, x)
        layers += _passed("head", model.encoder.head, model.encoder.encoder(x))
    elif isinstance(model.encoder, GivenCodes):
        x = parameter.new_zeros(1, model.encoder.latent_dim)
        layers.append(Layer("encoder", "features from elsewhere", tuple(x.shape[1:]), 0))
    else:
        layers += _passed("encoder", model.encoder, x)
    if isinstance(model, Classifier):
        given = isinstance(model.encoder, GivenCodes)
        return layers + _passed("head", model.head, x if given else model.encoder(x))
    if isinstance(model, Contrastive):
        features = parameter.new_zeros(1, model.encoder.n_features)
        layers += _passed("projector", model.projector, features)
        if model.predictor is None or model.average is None:
            return layers
        layers += _passed("predictor", model.predictor, model.projector(features))
        kept = sum(p.numel() for p in model.average.parameters())
        return [*layers, Layer("averages", "of features and projector", (), kept)]
    width = model.latent_dim if isinstance(model, VAE) else model.encoder.latent_dim
    layers += _passed("decoder", model.decoder, parameter.new_zeros(1, width))
    learned = [p.numel() for p in model.likelihood.parameters()]
    return layers + [Layer("likelihood", "σ", (), n) for n in learned]


def _passed(part: str, module: nn.Module, x: Tensor, name: str = "") -> list[Layer]:
    """The layers that `x` passes on its way through a module."""
    layers: list[Layer] = []

    def note(layer: nn.Module, inputs: object, output: Tensor) -> None:
        count = sum(p.numel() for p in layer.parameters())
        layers.append(Layer(part, name or _what(layer), tuple(output.shape[1:]), count))

    leaves = [m for m in module.modules() if not list(m.children())]
    hooks = [leaf.register_forward_hook(note) for leaf in leaves]
    try:
        with torch.no_grad():
            module(x)
    finally:
        for hook in hooks:
            hook.remove()
    return layers


def _what(module: nn.Module) -> str:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        size, stride = module.kernel_size, module.stride
        kind = "convolution" if isinstance(module, nn.Conv2d) else "transposed convolution"
        return f"{kind} {size[0]}×{size[1]}" + (f", stride {stride[0]}" if stride[0] > 1 else "")
    if isinstance(module, nn.Linear):
        return "linear"
    names = {
        "MaxPool2d": "maximum of 2×2",
        "Unflatten": "reshape",
        "Flatten": "flatten",
        "MeanOverPlaces": "mean over places",
        "GroupNorm": "normalisation of groups",
        "BatchNorm1d": "normalisation of the batch",
        "Identity": "as it is",
    }
    return names.get(type(module).__name__, type(module).__name__)
