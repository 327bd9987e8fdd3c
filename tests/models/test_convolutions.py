"""Convolutions on the faster way equal PyTorch's own, values and gradients."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tacit.models.convolutions import Conv2d, ConvTranspose2d
from tacit.models.networks import ConvDecoder, ConvEncoder
from tacit.models.precision import products_in
from tacit.streams import seeded_initialisation, torch_stream


def with_gradients(layer: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """The output of a layer, and the gradients of its input, weight and bias."""
    given = x.clone().requires_grad_()
    out = layer(given)
    pulled = torch.randn(out.shape, generator=torch_stream(0, "pulled"))
    gradients = torch.autograd.grad(out, [given, layer.weight, layer.bias], pulled)
    return [out.detach(), *gradients]


@pytest.mark.parametrize("sides", [(4, 4), (14, 14), (7, 5), (1, 2), (4, 3)])
@pytest.mark.parametrize("padding", [(0, 0), (1, 1), (0, 1), (1, 0)])
@pytest.mark.parametrize("c_out", [1, 3])
def test_an_output_layer_is_the_transposed_convolution(sides, padding, c_out, monkeypatch) -> None:
    ours = ConvTranspose2d(32, c_out, padding)
    plain = nn.ConvTranspose2d(32, c_out, 3, stride=2, padding=1, output_padding=padding)
    plain.load_state_dict(ours.state_dict())
    x = torch.randn(3, 32, *sides, generator=torch_stream(0, "x"))
    expected = with_gradients(plain, x)
    monkeypatch.setattr(F, "conv_transpose2d", None)  # is not called
    for mine, theirs in zip(with_gradients(ours, x), expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("c_in", "c_out", "padding"), [(128, 64, (0, 0)), (64, 32, (1, 1))])
def test_with_many_channels_it_is_the_plain_layer_to_the_bit(
    c_in, c_out, padding, monkeypatch
) -> None:
    ours = ConvTranspose2d(c_in, c_out, padding)
    plain = nn.ConvTranspose2d(c_in, c_out, 3, stride=2, padding=1, output_padding=padding)
    plain.load_state_dict(ours.state_dict())
    x = torch.randn(16, c_in, 4, 4, generator=torch_stream(0, "x"))
    for mine, expected in zip(with_gradients(ours, x), with_gradients(plain, x), strict=True):
        assert torch.equal(mine, expected)
    biases, kernel = [], F.conv_transpose2d
    monkeypatch.setattr(
        F, "conv_transpose2d", lambda x, w, b=None, *how: biases.append(b) or kernel(x, w, b, *how)
    )
    with torch.no_grad():
        assert torch.equal(ours(x), plain(x))
    assert biases[0] is None  # added afterwards: the same sums in less time
    assert biases[1] is plain.bias
    ours.requires_grad_(False)
    plain.requires_grad_(False)
    pulled = []
    for layer in (ours, plain):
        given = x.clone().requires_grad_()
        pulled += torch.autograd.grad(layer(given).square().sum(), given)
    assert torch.equal(*pulled)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (Conv2d(16, 32, 3, stride=2, padding=1), (16, 8, 8)),
        (ConvTranspose2d(64, 32, (1, 1)), (64, 4, 4)),
        (ConvTranspose2d(128, 64, (0, 0)), (128, 4, 4)),
        (ConvTranspose2d(32, 1, (1, 1)), (32, 14, 14)),
    ],
)
def test_products_in_bfloat16_are_rounded_and_gradients_of_weights_are_not(
    layer, shape, processor
) -> None:
    x = torch.randn(4, *shape, generator=torch_stream(0, "x"))
    expected = with_gradients(layer, x)
    with products_in(torch.bfloat16):
        found = with_gradients(layer, x)
    dtypes = [mine.dtype for mine in found]
    assert dtypes == [torch.bfloat16, torch.float32, torch.float32, torch.float32]
    for mine, exact in zip(found, expected, strict=True):
        off = float((mine.float() - exact).norm() / exact.norm())
        assert 1e-5 < off < 0.01  # bfloat16 rounds at 2^-9 of a number
    assert torch.equal(layer(x), expected[0])  # outside, float32 again


def test_few_channels_and_weights_of_other_precisions_are_not_rounded() -> None:
    image = torch.randn(2, 1, 8, 8, generator=torch_stream(0, "image"))
    pixels, double = Conv2d(1, 16, 3), Conv2d(16, 8, 3).double()
    with products_in(torch.bfloat16):
        inside = pixels(image)
        twice = double(inside.double())
    assert torch.equal(inside, pixels(image))
    assert twice.dtype == torch.float64
    assert torch.equal(twice, double(inside.double()))


def test_what_lies_between_layers_in_bfloat16_is_what_products_were_rounded_to(processor) -> None:
    """ReLU takes rounded numbers: the code and the picture are those of casts around each layer."""
    with seeded_initialisation(0):
        encoder, decoder = ConvEncoder((1, 28, 28), 200), ConvDecoder((1, 28, 28), 200)

    def cast(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
        return layer(x.float()).float()

    x = torch.rand(16, 1, 28, 28, generator=torch_stream(0, "images"))
    with products_in(torch.bfloat16):
        code, expected = encoder(x), x
        for layer in [*encoder.features, encoder.code]:
            expected = cast(layer, expected)
        assert torch.equal(code, expected)
        picture = decoder(code)
        for layer in decoder.layers:
            expected = cast(layer, expected)
    assert code.dtype == picture.dtype == torch.float32
    assert torch.equal(picture, expected)
