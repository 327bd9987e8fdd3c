"""The pooling network, whose channels lie side by side, equals the plain one."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tacit.models.networks import PoolEncoder
from tacit.models.precision import products_in
from tacit.streams import seeded_initialisation, torch_stream

SHAPES = [(1, 28, 28), (1, 8, 8), (3, 32, 20), (3, 4, 9), (2, 17, 16)]


def made(shape: tuple[int, int, int]) -> tuple[PoolEncoder, torch.Tensor]:
    with seeded_initialisation(0):
        encoder = PoolEncoder(shape)
    return encoder, torch.rand(5, *shape, generator=torch_stream(0, "images"))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_is_two_convolutions_with_pooling(shape, dtype) -> None:
    encoder, x = made(shape)
    c_in, height, width = shape
    padding = "valid" if min(height, width) >= 16 else "same"
    flat = encoder.features[7].in_features
    plain = nn.Sequential(
        nn.Conv2d(c_in, 24, 5, padding=padding), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(24, 32, 3, padding=padding), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(flat, 256), nn.ReLU(),
    )  # fmt: skip
    plain.load_state_dict(encoder.features.state_dict())
    encoder, plain, x = encoder.to(dtype), plain.to(dtype), x.to(dtype)
    strides = []
    encoder.features[0].register_forward_hook(lambda *given: strides.append(given[2].stride()))
    found, expected = encoder.features(x), plain(x)
    assert strides[0][1] == 1  # channels lie side by side
    assert found.dtype == dtype
    torch.testing.assert_close(found, expected)
    found.square().sum().backward()
    expected.square().sum().backward()
    for (name, mine), theirs in zip(
        encoder.features.named_parameters(), plain.parameters(), strict=True
    ):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-4, atol=1e-5, msg=name)


def test_bfloat16_rounds_what_the_convolutions_multiply_and_nothing_more() -> None:
    encoder, x = made((1, 28, 28))

    def product(x: torch.Tensor, layer: nn.Module) -> torch.Tensor:
        rounded = x.to(torch.bfloat16, memory_format=torch.channels_last)
        return F.conv2d(rounded, layer.weight.bfloat16(), layer.bias.bfloat16()).float()

    first, second = encoder.features[0], encoder.features[3]
    expected = F.max_pool2d(product(x, first), 2).relu()
    expected = F.max_pool2d(product(expected, second), 2).relu().flatten(1)
    seen = []
    encoder.features[7].register_forward_pre_hook(lambda *given: seen.append(given[1][0]))
    with products_in(torch.bfloat16):
        found = encoder.features(x)
    assert torch.equal(seen[0].float(), expected)
    assert found.dtype == torch.float32
