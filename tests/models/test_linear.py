"""The fast linear layer equals PyTorch's own, values and gradients."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rounding import assert_reordered
from tacit.models import onednn
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


def layers(n_in: int, n_out: int) -> tuple[Linear, nn.Linear]:
    ours, plain = Linear(n_in, n_out), nn.Linear(n_in, n_out)
    plain.load_state_dict(ours.state_dict())
    return ours, plain


@pytest.mark.parametrize(
    ("rows", "n_in", "n_out"), [(128, 256, 300), (64, 2048, 100), (300, 90, 80)]
)
def test_values_and_gradients_are_those_of_the_plain_layer(rows, n_in, n_out, processor) -> None:
    ours, plain = layers(n_in, n_out)
    x = torch.randn(rows, n_in, generator=torch_stream(0, "x"))
    pulled = torch.randn(rows, n_out, generator=torch_stream(0, "pulled"))
    assert _is_large(x, ours.weight)
    results = []
    for layer in (ours, plain):
        given = x.clone().requires_grad_()
        out = layer(given)
        out.backward(pulled)
        results.append((out.detach(), given.grad, layer.weight.grad))
    w = ours.weight.detach()
    summed = ((x, w), (pulled, w.mT), (pulled.mT, x.mT))
    for mine, expected, factors in zip(*results, summed, strict=True):
        assert_reordered(mine, expected, *factors)
    of_bias = (pulled.mT, torch.ones(1, rows))
    assert_reordered(ours.bias.grad[:, None], plain.bias.grad[:, None], *of_bias)


def test_leading_dimensions_and_frozen_weights(processor) -> None:
    ours, plain = layers(256, 300)
    ours.requires_grad_(False)
    x = torch.randn(4, 64, 256, generator=torch_stream(0, "x"), requires_grad=True)
    out, w = ours(x), plain.weight.detach()
    assert_reordered(out.detach(), plain(x).detach(), x.detach(), w)
    (gradient,) = torch.autograd.grad(out.sum(), x)
    expected = w.sum(dim=0).expand_as(gradient)
    assert_reordered(gradient, expected, torch.ones(4, 64, 300), w.mT)


def test_what_is_asked_about_is_what_can_be_done(monkeypatch) -> None:
    for dtype in (torch.float32, torch.bfloat16):
        if onednn.multiplies(dtype):
            a, b = torch.ones(5, 7, dtype=dtype), torch.ones(3, 7, dtype=dtype)
            assert onednn.product(a, b).tolist() == [[7.0] * 3] * 5
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    assert not onednn.multiplies(torch.float32)


def refuses(*_):
    raise RuntimeError("could not create a primitive descriptor")


@pytest.mark.parametrize(
    "operator", [None, refuses, lambda a, b: a, lambda a, b, *_: 2 * F.linear(a, b)]
)
def test_another_operator_in_its_place_is_not_used(operator, monkeypatch) -> None:
    """One that is missing, refuses, takes other arguments, or computes something else."""
    monkeypatch.setattr(onednn, "_operator", operator)
    onednn._answers.cache_clear()
    try:
        ours, plain = layers(256, 300)
        x = torch.randn(128, 256, generator=torch_stream(0, "x"))
        assert not onednn.multiplies(torch.float32)
        assert torch.equal(ours(x), plain(x))
        with products_in(torch.bfloat16):
            assert torch.equal(ours(x), rounded(x, plain))
    finally:
        onednn._answers.cache_clear()


def rounded(x: torch.Tensor, layer: nn.Linear) -> torch.Tensor:
    """The layer's product of numbers that are rounded to bfloat16, as float32 holds them."""
    factors = (t.bfloat16().float() for t in (x, layer.weight, layer.bias))
    return F.linear(*factors).bfloat16().float()


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_precisions_and_small_products_take_the_plain_path(dtype) -> None:
    layer = Linear(256, 300).to(dtype)
    x = torch.ones(128, 256, dtype=dtype)
    assert not _is_large(x, layer.weight)
    assert torch.equal(layer(x), F.linear(x, layer.weight, layer.bias))
    small = Linear(16, 10)
    assert not _is_large(torch.ones(100, 16), small.weight)


def test_products_in_bfloat16_are_rounded_and_everything_else_is_float32(processor) -> None:
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
    w = plain.weight.detach()
    assert_reordered(ours(x).detach(), plain(x).detach(), x, w)  # outside, float32 again


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
