"""Models: parts put together. Each says its formula."""

import math
from collections.abc import Iterator
from copy import deepcopy
from itertools import chain

import torch
from torch import Tensor, nn

from tacit.models.likelihoods import Likelihood
from tacit.models.networks import ClassProbabilities, Decoder, Encoder, GivenCodes, Head
from tacit.models.posteriors import Amortized, Posterior
from tacit.models.pretrained import PretrainedNetwork


class Autoencoder(nn.Module):
    """x ≈ link(decoder(encoder(x))).

    The likelihood gives the link (its mean) and, with it, the unit of the loss.
    """

    def __init__(
        self,
        encoder: Encoder | ClassProbabilities | GivenCodes,
        decoder: Decoder,
        likelihood: Likelihood,
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

    def __init__(self, encoder: Encoder | GivenCodes | PretrainedNetwork, head: Head) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head

    def encode(self, x: Tensor) -> Tensor:
        """Codes, (B, latent_dim), of images in [0, 1], (B, C, H, W)."""
        return self.encoder(x)

    def forward(self, x: Tensor) -> Tensor:
        """Class logits, (B, n_classes)."""
        return self.head(self.encoder(x))


class Contrastive(nn.Module):
    """codes = W (features(x) - mean), features learned so that projector(features) of views agree.

    The objective shapes an encoder's features. What stands behind them serves it alone: the
    projector, and where an average is kept (Grill 2020) a predictor and the moving averages of
    features and projector, which are part of the model's state and are never learned. The encoder's
    last layer, which gives codes, is no part of it either: it is set to the features' principal
    components (`tacit.training.components`), so that codes lie to each other as features do. A
    layer that the objective shapes as well holds what the loss asks for and less of what tells
    classes apart (Chen 2020, section 4.2; docs/views.md has it in numbers).

    Args:
        encoder: images to features, and these to codes.
        projector: features to what is compared.
        predictor: from what is compared to the averages' of it; None where none is kept.
        momentum: the share of itself that an average keeps at every update.
    """

    def __init__(
        self,
        encoder: Encoder,
        projector: nn.Module,
        predictor: nn.Module | None = None,
        momentum: float = 0.99,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.encoder.code.requires_grad_(False)
        self.projector = projector
        self.predictor = predictor
        self.momentum = momentum
        self.average: nn.Sequential | None = None
        if predictor is not None:
            copies = nn.Sequential(deepcopy(encoder.features), deepcopy(projector))
            self.average = copies.requires_grad_(False)

    def encode(self, x: Tensor) -> Tensor:
        """Codes, (B, latent_dim), of images in [0, 1], (B, C, H, W)."""
        return self.encoder(x)

    @torch.no_grad()
    def follow(self, momentum: float | None = None) -> None:
        """Let the averages follow after an update; a momentum of 0 makes them copies."""
        share = 1 - (self.momentum if momentum is None else momentum)
        for mean, weight in self._averaged():
            mean.lerp_(weight, share)

    def _averaged(self) -> Iterator[tuple[Tensor, Tensor]]:
        if self.average is None:
            return
        learned = chain(self.encoder.features.parameters(), self.projector.parameters())
        yield from zip(self.average.parameters(), learned, strict=True)


Model = Autoencoder | VAE | Classifier | Contrastive
