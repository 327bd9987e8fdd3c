"""Models whose log p(x) is known, or small enough to integrate."""

from collections.abc import Callable

import pytest
import torch

from tacit.evidence.exact import LinearGaussian
from tacit.evidence.observed import Observed, observe
from tacit.models.likelihoods import Bernoulli, Gaussian
from tacit.models.models import VAE
from tacit.models.networks import DenseDecoder, DenseEncoder
from tacit.models.posteriors import Amortized
from tacit.streams import seeded_initialisation, torch_stream

SHAPE = (1, 4, 4)


@pytest.fixture
def linear() -> Callable[..., tuple[LinearGaussian, Observed]]:
    """A linear-Gaussian model of D dimensions, and n images that it simulated.

    strength: how much a code's dimension says about an image, as a ratio of variances.
    """

    def make(
        latent_dim: int, n_images: int, *, strength: float = 4.0
    ) -> tuple[LinearGaussian, Observed]:
        generator = torch_stream(latent_dim, "linear")
        shape = (1, 8, 8)
        weight = torch.randn(64, latent_dim, generator=generator, dtype=torch.float64)
        weight = weight * 0.2 * (strength / 64) ** 0.5
        bias = torch.rand(64, generator=generator, dtype=torch.float64)
        model = LinearGaussian(weight, bias, 0.2, shape)
        x = model.simulate(n_images, generator)
        return model, observe(model, x, generator, pixel_range=None)

    return make


@pytest.fixture
def curved() -> Callable[..., tuple[VAE, torch.Tensor]]:
    """A small VAE with a bent decoder, and images in [0, 1] that it simulated."""

    def make(
        latent_dim: int, n_images: int, *, bernoulli: bool = False, sigma: float = 0.2
    ) -> tuple[VAE, torch.Tensor]:
        with seeded_initialisation(0, latent_dim):
            decoder = DenseDecoder(SHAPE, latent_dim, hidden=(12,), activation="tanh")
            encoder = DenseEncoder(SHAPE, latent_dim, hidden=(12,), activation="tanh")
            likelihood = Bernoulli("dynamic") if bernoulli else Gaussian(sigma)
            model = VAE(Amortized(encoder), decoder, likelihood)
        generator = torch_stream(0, "curved")
        with torch.no_grad():
            for layer in decoder.layers:
                for parameter in layer.parameters():
                    parameter *= 3
            decoded = model.decoder(model.draw_prior(n_images, generator))
            x = model.likelihood.sample(decoded, generator).clamp(0, 1)
        return model, x

    return make
