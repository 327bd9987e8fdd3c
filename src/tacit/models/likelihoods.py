"""p(x | z): one object for training, inference and evaluation, constants included."""

import math
from functools import cache
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tacit.models.noise import drawn

PIXEL_DIMS = (-3, -2, -1)


class Likelihood(nn.Module):
    """p(x | z) = p(x | decoder(z)), independent over pixels.

    Attributes:
        measure: "density" where values of `log_prob` are log densities over pixels scaled to
            [0, 1], "mass" where they are log probabilities of discrete pixels. Values of
            different measures are never compared.
    """

    measure: Literal["density", "mass"]

    def log_prob(self, x: Tensor, decoded: Tensor) -> Tensor:
        """log p(x | decoded) in nats per image.

        x: images, (B, C, H, W), as `observe` gives them. decoded: (..., B, C, H, W).
        Returns (..., B).
        """
        raise NotImplementedError

    def mean(self, decoded: Tensor) -> Tensor:
        """E[x | decoded], the picture to show; same shape as `decoded`."""
        raise NotImplementedError

    def sample(self, decoded: Tensor, generator: torch.Generator) -> Tensor:
        """One x from p(x | decoded); same shape as `decoded`."""
        raise NotImplementedError

    def observe(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """What the model takes as data, from pixels in [0, 1]; here the pixels themselves."""
        return x


class Gaussian(Likelihood):
    """p(x | z) = N(x; link(decoded), σ² I), a density over pixels scaled to [0, 1].

    σ is one number for all pixels, fixed or learned with the other weights. No image can be
    likelier than D (-log σ - ½ log 2π) nats: 541.35 at σ = 0.2 and 784 pixels.
    """

    measure = "density"
    log_sigma: Tensor

    def __init__(
        self,
        sigma: float = 0.2,
        *,
        learned: bool = False,
        link: Literal["sigmoid", "identity"] = "sigmoid",
    ) -> None:
        super().__init__()
        log_sigma = torch.tensor(math.log(sigma))
        if learned:
            self.log_sigma = nn.Parameter(log_sigma)
        else:
            self.register_buffer("log_sigma", log_sigma)
        self.link = link

    @property
    def sigma(self) -> float:
        """The standard deviation of a pixel's noise, on [0, 1]."""
        return math.exp(self.log_sigma.item())

    def mean(self, decoded: Tensor) -> Tensor:
        return decoded.sigmoid() if self.link == "sigmoid" else decoded

    def log_prob(self, x: Tensor, decoded: Tensor) -> Tensor:
        n_pixels = math.prod(x.shape[-3:])
        squared = (x - self.mean(decoded)).square().sum(dim=PIXEL_DIMS)
        constant = n_pixels * (self.log_sigma + 0.5 * math.log(2 * math.pi))
        return -0.5 * squared * torch.exp(-2 * self.log_sigma) - constant

    def sample(self, decoded: Tensor, generator: torch.Generator) -> Tensor:
        noise = torch.randn(
            decoded.shape, generator=generator, dtype=decoded.dtype, device=decoded.device
        )
        return self.mean(decoded) + torch.exp(self.log_sigma) * noise


class Bernoulli(Likelihood):
    """p(x | z) = Bernoulli(x; sigmoid(decoded)), a probability of black-and-white pixels.

    `binarize` says how grey pixels become black and white: "dynamic" draws each pixel anew with
    its grey value as probability whenever an image is looked at (Burda 2016); "threshold" is 1
    from one half up; "none" takes the pixels as they are, which is a probability only where they
    are 0 or 1 already.
    """

    measure = "mass"

    def __init__(self, binarize: Literal["dynamic", "threshold", "none"] = "dynamic") -> None:
        super().__init__()
        self.binarize = binarize

    def observe(self, x: Tensor, generator: torch.Generator) -> Tensor:
        if self.binarize == "dynamic":
            uniform = drawn(torch.rand, x.shape, generator, dtype=x.dtype, device=x.device)
            return (uniform < x).to(x.dtype)
        if self.binarize == "threshold":
            return (x >= 0.5).to(x.dtype)
        return x

    def mean(self, decoded: Tensor) -> Tensor:
        return decoded.sigmoid()

    def log_prob(self, x: Tensor, decoded: Tensor) -> Tensor:
        # x·s - softplus(s) is x log p + (1 - x) log(1 - p) at p = sigmoid(s), without overflow.
        if torch.is_grad_enabled() and decoded.requires_grad:
            return (x * decoded - F.softplus(decoded)).sum(dim=PIXEL_DIMS)
        # softplus(s) = max(s, 0) - log sigmoid(|s|), and logarithms are added by multiplying what
        # they are of: a hundred factors of at least ½ at a time. A third of the time with AVX2.
        sure = decoded.abs().sigmoid_().flatten(-3)
        together = _factors(sure.shape[-1], sure.dtype)
        unsure = sure.unflatten(-1, (-1, together)).prod(dim=-1).log_().sum(dim=-1)
        return (x * decoded).sub_(decoded.clamp(min=0)).sum(dim=PIXEL_DIMS) + unsure

    def sample(self, decoded: Tensor, generator: torch.Generator) -> Tensor:
        uniform = torch.rand(
            decoded.shape, generator=generator, dtype=decoded.dtype, device=decoded.device
        )
        return (uniform < decoded.sigmoid()).to(decoded.dtype)


@cache
def _factors(n: int, dtype: torch.dtype) -> int:
    """The largest divisor of n so that as many factors of at least ½ are a normal number."""
    most = -math.floor(math.log2(torch.finfo(dtype).tiny))
    return max(divisor for divisor in range(1, most + 1) if n % divisor == 0)
