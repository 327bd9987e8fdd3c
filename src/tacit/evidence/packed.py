"""Linear layers of a frozen network, on the faster of PyTorch's two CPU libraries."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

_linear = torch.ops.aten.mkldnn_linear


class _PackedLinear(torch.autograd.Function):
    """x Wᵀ + b for weights that get no gradient, packed once for both directions."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, turned: Tensor, bias: Tensor | None) -> Tensor:
        ctx.turned = turned
        return _linear(x.contiguous().to_mkldnn(), weight, bias).to_dense()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        pulled = _linear(gradients[0].contiguous().to_mkldnn(), ctx.turned, None).to_dense()
        return pulled, None, None, None


@contextmanager
def packed_linear_layers(network: nn.Module) -> Iterator[None]:
    """Inside, float32 linear layers of `network` on a CPU run on oneDNN; weights must not change.

    PyTorch sends them to MKL, which on AMD's processors leaves half of the speed unused: 512 to
    784 units took 8.0 µs a row there and 4.0 µs on oneDNN (one core of an EPYC, batches of 128 to
    256). Numbers differ by rounding.
    """
    layers = [
        layer
        for layer in network.modules()
        if type(layer) is nn.Linear
        and "forward" not in vars(layer)
        and layer.weight.device.type == "cpu"
        and layer.weight.dtype == torch.float32
        and torch.backends.mkldnn.is_available()
    ]
    for layer in layers:
        layer.forward = _forward(layer)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _forward(layer: nn.Linear) -> Any:
    weight = layer.weight.detach()
    packed, turned = weight.to_mkldnn(), weight.t().contiguous().to_mkldnn()

    def forward(x: Tensor) -> Tensor:
        return _PackedLinear.apply(x, packed, turned, layer.bias)

    return forward
