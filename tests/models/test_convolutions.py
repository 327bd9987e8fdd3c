"""Convolutions on the faster way equal PyTorch's own, values and gradients."""

import pytest
import torch
from torch import nn

from tacit.models.convolutions import Conv2d, ConvTranspose2d
from tacit.models.precision import products_in
from tacit.streams import torch_stream


def with_gradients(layer: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """The output of a layer, and the gradients of its input, weight and bias."""
    given = x.clone().requires_grad_()
    out = layer(given)
    pulled = torch.randn(out.shape, generator=torch_stream(0, "pulled"))
    gradients = torch.autograd.grad(out, [given, layer.weight, layer.bias], pulled)
    return [out.detach(), *gradients]


@pytest.mark.parametrize("sides", [(4, 4), (14, 14), (7, 5), (1, 2)])
@pytest.mark.parametrize("padding", [(0, 0), (1, 1), (0, 1), (1, 0)])
@pytest.mark.parametrize("c_out", [1, 3])
def test_an_output_layer_is_the_transposed_convolution(sides, padding, c_out) -> None:
    ours = ConvTranspose2d(32, c_out, padding)
    plain = nn.ConvTranspose2d(32, c_out, 3, stride=2, padding=1, output_padding=padding)
    plain.load_state_dict(ours.state_dict())
    x = torch.randn(3, 32, *sides, generator=torch_stream(0, "x"))
    assert ours._is_convolution(x)
    for mine, expected in zip(with_gradients(ours, x), with_gradients(plain, x), strict=True):
        torch.testing.assert_close(mine, expected, rtol=1e-4, atol=1e-4)


def test_many_channels_take_the_plain_path_to_the_bit() -> None:
    ours = ConvTranspose2d(64, 32, (0, 0))
    plain = nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1)
    plain.load_state_dict(ours.state_dict())
    x = torch.randn(2, 64, 4, 4, generator=torch_stream(0, "x"))
    assert not ours._is_convolution(x)
    assert torch.equal(ours(x), plain(x))


def test_products_in_bfloat16_are_rounded_where_there_are_channels_enough() -> None:
    plain = Conv2d(16, 32, 3, stride=2, padding=1)
    x = torch.randn(4, 16, 8, 8, generator=torch_stream(0, "x"))
    expected = with_gradients(plain, x)
    with products_in(torch.bfloat16):
        found = with_gradients(plain, x)
    for mine, exact in zip(found, expected, strict=True):
        assert mine.dtype == torch.float32
        assert float((mine - exact).norm() / exact.norm()) < 0.01
    assert not torch.equal(found[0], expected[0])
    assert torch.equal(plain(x), expected[0])  # outside, float32 again
    pixels = Conv2d(1, 16, 3)
    image = torch.randn(2, 1, 8, 8, generator=torch_stream(0, "image"))
    with products_in(torch.bfloat16):
        inside = pixels(image)
    assert torch.equal(inside, pixels(image))
