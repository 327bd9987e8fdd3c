"""The fast linear layer equals PyTorch's own, values and gradients."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tacit.models import linear
from tacit.models.linear import CodeLinear, Linear, _is_large
from tacit.models.networks import (
    ConvDecoder,
    ConvEncoder,
    DenseDecoder,
    DenseEncoder,
    PoolEncoder,
)
from tacit.models.posteriors import Amortized
from tacit.models.precision import products_in
from tacit.streams import torch_stream

needs_onednn = pytest.mark.skipif(linear._onednn is None, reason="this PyTorch has no oneDNN")


def layers(n_in: int, n_out: int) -> tuple[Linear, nn.Linear]:
    ours, plain = Linear(n_in, n_out), nn.Linear(n_in, n_out)
    plain.load_state_dict(ours.state_dict())
    return ours, plain


@needs_onednn
@pytest.mark.parametrize(
    ("rows", "n_in", "n_out"), [(128, 256, 300), (64, 2048, 100), (300, 90, 80)]
)
def test_values_and_gradients_are_those_of_the_plain_layer(rows, n_in, n_out) -> None:
    ours, plain = layers(n_in, n_out)
    x = torch.randn(rows, n_in, generator=torch_stream(0, "x"))
    pulled = torch.randn(rows, n_out, generator=torch_stream(0, "pulled"))
    assert _is_large(x, ours.weight)
    results = []
    for layer in (ours, plain):
        given = x.clone().requires_grad_()
        out = layer(given)
        out.backward(pulled)
        results.append((out, given.grad, layer.weight.grad, layer.bias.grad))
    for mine, expected in zip(*results, strict=True):
        torch.testing.assert_close(mine, expected, rtol=1e-4, atol=1e-4)


@needs_onednn
def test_leading_dimensions_and_frozen_weights() -> None:
    ours, plain = layers(256, 300)
    ours.requires_grad_(False)
    x = torch.randn(4, 64, 256, generator=torch_stream(0, "x"), requires_grad=True)
    out = ours(x)
    torch.testing.assert_close(out, plain(x), rtol=1e-4, atol=1e-4)
    (gradient,) = torch.autograd.grad(out.sum(), x)
    expected = plain.weight.sum(dim=0).expand_as(gradient)
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_precisions_and_small_products_take_the_plain_path(dtype) -> None:
    layer = Linear(256, 300).to(dtype)
    x = torch.ones(128, 256, dtype=dtype)
    assert not _is_large(x, layer.weight)
    assert torch.equal(layer(x), F.linear(x, layer.weight, layer.bias))
    small = Linear(16, 10)
    assert not _is_large(torch.ones(100, 16), small.weight)


def test_products_in_bfloat16_are_rounded_and_everything_else_is_float32() -> None:
    ours, plain = layers(256, 300)
    x = torch.randn(128, 256, generator=torch_stream(0, "x"))
    pulled = torch.randn(128, 300, generator=torch_stream(0, "pulled"))
    results = []
    for layer in (ours, plain):
        given = x.clone().requires_grad_()
        with products_in(torch.bfloat16):
            out = layer(given)
        out.backward(pulled)
        results.append((out.detach(), given.grad, layer.weight.grad))
    for mine, expected in zip(*results, strict=True):
        assert mine.dtype == torch.float32
        off = float((mine - expected).norm() / expected.norm())
        assert 1e-4 < off < 0.01  # bfloat16 rounds at 2^-9 of a number
    assert torch.equal(ours.bias.grad, plain.bias.grad)
    assert torch.equal(ours(x), ours(x.clone()))
    torch.testing.assert_close(ours(x), plain(x), rtol=1e-4, atol=1e-4)  # outside, float32 again


def test_layers_of_codes_are_never_rounded() -> None:
    layer = CodeLinear(256, 300)
    x = torch.randn(128, 256, generator=torch_stream(0, "x"))
    with products_in(torch.bfloat16):
        inside = layer(x)
        from_convolutions = layer(x.bfloat16())
    assert torch.equal(inside, layer(x))
    assert torch.equal(from_convolutions, layer(x.bfloat16().float()))


def test_networks_make_and_read_codes_with_such_layers() -> None:
    shape = (1, 28, 28)
    for encoder in (ConvEncoder(shape, 200), PoolEncoder(shape, 200), DenseEncoder(shape, 200)):
        assert isinstance(encoder.code, CodeLinear)
        assert isinstance(Amortized(encoder).log_var, CodeLinear)
    for decoder in (
        ConvDecoder(shape, 200),
        ConvDecoder(shape, 200, hidden=None),
        DenseDecoder(shape, 200),
        DenseDecoder(shape, 200, hidden=()),
    ):
        kinds = [type(layer) for layer in decoder.layers if isinstance(layer, nn.Linear)]
        assert kinds[0] is CodeLinear
        assert CodeLinear not in kinds[1:]
