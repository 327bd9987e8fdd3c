"""Networks: encoders from images to features, their mirrored decoders, and heads.

An encoder has two steps: ``features`` (everything up to the last layer) and ``code`` (the last
linear layer), so that a posterior can put a second linear layer beside ``code`` and a trained
encoder can be handed on as one part, whatever it was trained for.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from tacit.models.convolutions import Conv2d, ConvTranspose2d
from tacit.models.linear import CodeLinear, Linear
from tacit.models.precision import product_dtype

Shape = tuple[int, int, int]
"""Channels, height, width of one image."""

SMALLEST_SIDE = 4
WIDTHS = (32, 64, 128, 256, 256, 256)
ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU}


def halved(side: int) -> int:
    """The side of the output of a 3×3 convolution of stride 2 and padding 1."""
    return (side + 1) // 2


def convolution_shapes(shape: Shape) -> list[Shape]:
    """The shapes through which `ConvEncoder` takes an image, the image's own first.

    The longer side is halved until it is at most 4: 28×28 is taken through three convolutions of
    32, 64 and 128 channels to 4×4, as in the reports; 8×8 through one.

    >>> convolution_shapes((1, 28, 28))
    [(1, 28, 28), (32, 14, 14), (64, 7, 7), (128, 4, 4)]
    >>> convolution_shapes((1, 8, 8))
    [(1, 8, 8), (32, 4, 4)]
    """
    shapes = [shape]
    for width in WIDTHS:
        _, height, breadth = shapes[-1]
        if len(shapes) > 1 and max(height, breadth) <= SMALLEST_SIDE:
            break
        shapes.append((width, halved(height), halved(breadth)))
    return shapes


class Encoder(nn.Module):
    """Images to codes: ``code(features(x))``.

    Attributes:
        n_features: the width of ``features(x)``, (B, n_features).
        latent_dim: the width of the code, (B, latent_dim).
    """

    n_features: int
    latent_dim: int
    features: nn.Module
    code: nn.Linear

    def forward(self, x: Tensor) -> Tensor:
        """x: images, (B, C, H, W), in [0, 1]. Returns codes, (B, latent_dim)."""
        return self.code(self.features(x))


class ConvEncoder(Encoder):
    """3×3 convolutions of stride 2 and padding 1 with ReLU, then two linear layers.

    `hidden` is the width of the middle linear layer; ``None`` leaves that layer out.
    """

    def __init__(self, shape: Shape, latent_dim: int, *, hidden: int | None = 256) -> None:
        super().__init__()
        shapes = convolution_shapes(shape)
        layers: list[nn.Module] = []
        for (c_in, _, _), (c_out, _, _) in pairwise(shapes):
            layers += [Conv2d(c_in, c_out, 3, stride=2, padding=1), nn.ReLU()]
        layers.append(nn.Flatten())
        self.n_features = math.prod(shapes[-1])
        if hidden is not None:
            layers += [Linear(self.n_features, hidden), nn.ReLU()]
            self.n_features = hidden
        self.latent_dim = latent_dim
        self.features = nn.Sequential(*layers)
        self.code = CodeLinear(self.n_features, latent_dim)


class PoolEncoder(Encoder):
    """A plain classification network: two convolutions with max-pooling, one linear layer.

    Convolutions of 24 (5×5) and 32 (3×3) channels and a linear layer of 256: 215k parameters
    with its head at 28×28, and 99 % on MNIST after one epoch (docs/sources.md). `channels` are
    those of the two convolutions; 16 in place of 24 take half the time on a CPU that works on 16
    numbers at once.
    """

    def __init__(
        self, shape: Shape, latent_dim: int = 256, *, channels: tuple[int, int] = (24, 32)
    ) -> None:
        super().__init__()
        c_in, height, width = shape
        first, second = channels
        if min(height, width) < 4:
            raise ValueError(
                f"images are {height}×{width}; network 'pool' halves them twice, so that their "
                "sides have at least 4 pixels; 'conv' and 'dense' read images of any size"
            )
        valid = min(height, width) >= 16
        padding = "valid" if valid else "same"
        # Computed, not tried out: on the meta device PyTorch would import its compiler for it.
        sides = [((side - 4) // 2 - 2) // 2 if valid else side // 4 for side in (height, width)]
        # ReLU after the maximum is the maximum after ReLU, on a quarter of the numbers.
        self.features = _ChannelsLast(
            Conv2d(c_in, first, 5, padding=padding),
            nn.MaxPool2d(2),
            nn.ReLU(),
            Conv2d(first, second, 3, padding=padding),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Flatten(),
            Linear(second * math.prod(sides), 256),
            nn.ReLU(),
        )
        self.n_features = 256
        self.latent_dim = latent_dim
        self.code = CodeLinear(256, latent_dim)


class _ChannelsLast(nn.Sequential):
    """Layers between which an image's channels lie side by side in memory.

    On a CPU PyTorch takes the maxima of 24 channels at once then, and one after another otherwise:
    2×2 of 24×24 in an eighth of the time, an update of `PoolEncoder` at 28×28 in 0.58 of it.
    In bfloat16 what lies between layers stays so: ReLU and maxima of rounded numbers are exact.
    """

    def forward(self, input: Tensor) -> Tensor:
        dtype = product_dtype(input.dtype)
        return super().forward(input.to(dtype, memory_format=torch.channels_last))


class DenseEncoder(Encoder):
    """Linear layers of the given widths, then one to the code; images are flattened first."""

    def __init__(
        self,
        shape: Shape,
        latent_dim: int,
        *,
        hidden: Sequence[int] = (512,),
        activation: str = "relu",
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Flatten()]
        width = math.prod(shape)
        for out in hidden:
            layers += [Linear(width, out), ACTIVATIONS[activation]()]
            width = out
        self.features = nn.Sequential(*layers)
        self.n_features = width
        self.latent_dim = latent_dim
        self.code = CodeLinear(width, latent_dim)


class GivenCodes(nn.Module):
    """In an encoder's place where codes are known for each image: those of one from elsewhere.

    It has no weights, and learns nothing: codes come with the images (`Batch.features`).

    Attributes:
        key: says whose features they are.
    """

    is_frozen = True

    def __init__(self, key: str, latent_dim: int) -> None:
        super().__init__()
        self.key = key
        self.latent_dim = latent_dim

    def forward(self, x: Tensor) -> Tensor:
        raise TypeError(
            "this model reads features of an encoder from elsewhere, which sees original pictures; "
            "pixels that were made alike have none"
        )


class Decoder(nn.Module):
    """Codes to the parameters of p(x | z), one value per pixel, before the likelihood's link.

    z: codes, (..., latent_dim). Returns (..., C, H, W).
    """

    shape: Shape
    layers: nn.Sequential

    def forward(self, z: Tensor) -> Tensor:
        flat = self.layers(z.reshape(-1, z.shape[-1])).to(z.dtype)
        return flat.reshape(*z.shape[:-1], *self.shape)

    def set_output_bias(self, mean: Tensor) -> None:
        """Start from the mean training image.

        mean: (C, H, W) in [0, 1]. Its logit, with the mean clipped to [.001, .999], becomes the
        output's bias (Burda 2016). A convolutional output has one bias per channel and takes the
        channel's mean.
        """
        last = self.layers[-1]
        assert isinstance(last, nn.Linear | nn.ConvTranspose2d)
        if isinstance(last, nn.ConvTranspose2d):
            mean = mean.mean(dim=(1, 2))
        with torch.no_grad():
            last.bias.copy_(mean.clamp(0.001, 0.999).logit().flatten())  # type: ignore[union-attr]


class ConvDecoder(Decoder):
    """The mirror image of `ConvEncoder`: linear layers, then transposed convolutions."""

    def __init__(self, shape: Shape, latent_dim: int, *, hidden: int | None = 256) -> None:
        super().__init__()
        self.shape = shape
        shapes = convolution_shapes(shape)[::-1]
        width = latent_dim
        layers: list[nn.Module] = []
        if hidden is not None:
            layers += [CodeLinear(width, hidden), nn.ReLU()]
            width = hidden
        layers += [
            (CodeLinear if hidden is None else Linear)(width, math.prod(shapes[0])),
            nn.ReLU(),
            nn.Unflatten(1, shapes[0]),
        ]
        for (c_in, _, _), (c_out, height, breadth) in pairwise(shapes):
            # An even side was halved exactly, so that the way back needs one more row.
            missing = (1 - height % 2, 1 - breadth % 2)
            layers += [ConvTranspose2d(c_in, c_out, missing), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])


class DenseDecoder(Decoder):
    """The mirror image of `DenseEncoder`."""

    def __init__(
        self,
        shape: Shape,
        latent_dim: int,
        *,
        hidden: Sequence[int] = (512,),
        activation: str = "relu",
    ) -> None:
        super().__init__()
        self.shape = shape
        layers: list[nn.Module] = []
        width = latent_dim
        for out in (*reversed(hidden), math.prod(shape)):
            layers += [(Linear if layers else CodeLinear)(width, out), ACTIVATIONS[activation]()]
            width = out
        self.layers = nn.Sequential(*layers[:-1])


class Head(nn.Module):
    """Codes to class scores: one linear layer. (B, latent_dim) to (B, n_classes) logits.

    Where a share of answers is `blank`, the logits are log((1 - blank) softmax(scores) + blank / K)
    of K classes: `tacit.labels.calibration.Temperature`.
    """

    def __init__(self, latent_dim: int, n_classes: int, blank: float = 0.0) -> None:
        super().__init__()
        self.linear = CodeLinear(latent_dim, n_classes)
        self.blank = blank

    def forward(self, code: Tensor) -> Tensor:
        scores: Tensor = self.linear(code)
        if not self.blank:
            return scores
        p = scores.softmax(dim=-1)
        return ((1 - self.blank) * p + self.blank / p.shape[-1]).log()


class Projector(nn.Sequential):
    """(B, D) to (B, `out`): linear, normalised over the batch, ReLU, linear (Chen 2020)."""

    def __init__(self, width: int, *, hidden: int, out: int) -> None:
        super().__init__(
            Linear(width, hidden, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            CodeLinear(hidden, out),
        )


class ClassProbabilities(nn.Module):
    """A classifier read as an encoder whose code is its class probabilities, (B, n_classes)."""

    def __init__(self, encoder: Encoder, head: Head) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.latent_dim = head.linear.out_features

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(x)).softmax(dim=-1)
