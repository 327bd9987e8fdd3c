"""Networks as tables of layers, for `network.js`: one image or code at a time, without a batch."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from tacit.models.networks import ClassProbabilities, Decoder, Encoder, Head
from tacit.models.residual import MeanOverPlaces, Residual

Layer = dict[str, Any]
Laid = Callable[[Tensor], dict[str, Any]]
"""Lays a weight down and says where, such as `Packer.weight`."""

BY_THEMSELVES: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.Tanh: "tanh",
    nn.GELU: "gelu",
    nn.Flatten: "flat",
    MeanOverPlaces: "places",
}
"""Layers without settings."""


def layers_of(module: nn.Module, laid: Laid) -> list[Layer]:
    """What a module does, layer by layer.

    Args:
        module: an encoder, a decoder (up to the likelihood's link), a head, or a layer of them.
        laid: called with each weight.

    Raises:
        TypeError: it holds a layer that `network.js` does not know.
    """
    if kind := BY_THEMSELVES.get(type(module)):
        return [{"kind": kind}]
    if isinstance(module, nn.Identity):
        return []
    if isinstance(module, nn.Linear):
        return [{"kind": "linear", **_weights(module, laid)}]
    if isinstance(module, nn.Conv2d):
        sides = {"stride": list(module.stride), "padding": _padding(module)}
        return [{"kind": "convolution", **sides, **_weights(module, laid)}]
    if isinstance(module, nn.ConvTranspose2d):
        names = ("stride", "padding", "output_padding")
        sides = {name: list(getattr(module, name)) for name in names}
        return [{"kind": "transposed", **sides, **_weights(module, laid)}]
    if isinstance(module, nn.MaxPool2d) and module.kernel_size == module.stride:
        return [{"kind": "maximum", "size": module.kernel_size}]
    if isinstance(module, nn.GroupNorm):
        settings = {"groups": module.num_groups, "eps": module.eps}
        return [{"kind": "groups", **settings, **_weights(module, laid)}]
    if isinstance(module, nn.Unflatten):
        return [{"kind": "shaped", "shape": list(module.unflattened_size)}]
    if isinstance(module, Residual):
        within, shortcut = (layers_of(part, laid) for part in (module.within, module.shortcut))
        return [{"kind": "residual", "within": within, "shortcut": shortcut}]
    if isinstance(module, ClassProbabilities):
        return [*_all(laid, module.encoder, module.head), {"kind": "softmax"}]
    if isinstance(module, Encoder):
        return _all(laid, module.features, module.code)
    if isinstance(module, Decoder):
        return [*layers_of(module.layers, laid), {"kind": "shaped", "shape": list(module.shape)}]
    if isinstance(module, Head):
        return layers_of(module.linear, laid)
    if isinstance(module, nn.Sequential):
        return _all(laid, *module)
    raise TypeError(f"a {type(module).__name__} is no layer that the explorer can run")


def _all(laid: Laid, *modules: nn.Module) -> list[Layer]:
    return [layer for module in modules for layer in layers_of(module, laid)]


def _weights(module: nn.Module, laid: Laid) -> dict[str, Any]:
    return {name: laid(weight) for name, weight in module.named_parameters(recurse=False)}


def _padding(module: nn.Conv2d) -> list[int]:
    """How many rows and columns of zeros go around an image."""
    if module.padding == "valid":
        return [0, 0]
    if module.padding == "same":
        return [(side - 1) // 2 for side in module.kernel_size]
    return list(map(int, module.padding))
