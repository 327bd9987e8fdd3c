"""Models: parts put together. Each says its formula."""

import math

import torch
from torch import Tensor, nn

from tacit.models.likelihoods import Likelihood
from tacit.models.networks import ClassProbabilities, Decoder, Encoder, Head
from tacit.models.posteriors import Amortized, Posterior


class Autoencoder(nn.Module):
    """x ≈ link(decoder(encoder(x))).

    The likelihood gives the link (its mean) and, with it, the unit of the loss.
    """

    def __init__(
        self, encoder: Encoder | ClassProbabilities, decoder: Decoder, likelihood: Likelihood
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = likelihood

    def encode(self, x: Tensor) -> Tensor:
        """Codes, (B, latent_dim), of images in [0, 1], (B, C, H, W)."""
        return self.encoder(x)

    def decode(self, codes: Tensor) -> Tensor:
        """Images in [0, 1], (..., C, H, W), of codes, (..., latent_dim)."""
        return self.likelihood.mean(self.decoder(codes))


class VAE(nn.Module):
    """p(x, z) = N(z; 0, I) p(x | decoder(z)), with q(z | x) beside it.

    The amortised and the per-image VAE differ in their posterior alone (Kingma and Welling 2014).
    """

    def __init__(self, posterior: Posterior, decoder: Decoder, likelihood: Likelihood) -> None:
        super().__init__()
        self.posterior = posterior
        self.decoder = decoder
        self.likelihood = likelihood
        self.latent_dim = posterior.latent_dim

    @property
    def amortized(self) -> bool:
        """Whether codes of unseen images come from an encoder."""
        return isinstance(self.posterior, Amortized)

    def log_prior(self, z: Tensor) -> Tensor:
        """log N(z; 0, I) in nats; z: (..., D), result: (...)."""
        return -0.5 * (z.square().sum(dim=-1) + z.shape[-1] * math.log(2 * math.pi))

    def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x, z) in nats; x: (B, C, H, W), z: (..., B, D), result: (..., B)."""
        return self.log_prior(z) + self.likelihood.log_prob(x, self.decoder(z))

    def encode(self, x: Tensor) -> Tensor:
        """The posterior means, (B, D), of images in [0, 1]: the same image, the same code.

        Raises:
            TypeError: where the posterior is per image; its unseen images get their codes by
                `tacit.evidence.refine`.
        """
        if not isinstance(self.posterior, Amortized):
            raise TypeError(
                "this VAE has no encoder: its codes are optimised per image "
                "(tacit.evidence.refine gives those of unseen images)"
            )
        return self.posterior.encoder(x)

    def decode(self, codes: Tensor) -> Tensor:
        """E[x | z], images in [0, 1], (..., C, H, W), of codes, (..., D)."""
        return self.likelihood.mean(self.decoder(codes))

    def draw_prior(self, n: int, generator: torch.Generator) -> Tensor:
        """n draws from N(0, I), (n, D)."""
        parameter = next(self.decoder.parameters())
        return torch.randn(
            (n, self.latent_dim),
            generator=generator,
            dtype=parameter.dtype,
            device=parameter.device,
        )


class Classifier(nn.Module):
    """p(y | x) = softmax(head(encoder(x)))."""

    def __init__(self, encoder: Encoder, head: Head) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head

    def encode(self, x: Tensor) -> Tensor:
        """Codes, (B, latent_dim), of images in [0, 1], (B, C, H, W)."""
        return self.encoder(x)

    def forward(self, x: Tensor) -> Tensor:
        """Class logits, (B, n_classes)."""
        return self.head(self.encoder(x))


Model = Autoencoder | VAE | Classifier
