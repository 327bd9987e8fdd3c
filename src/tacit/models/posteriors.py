"""q(z | x): `Amortized` reads the pixels, `PerImage` reads the index."""

import math

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal
from torch.nn import functional as F

from tacit.models.linear import CodeLinear
from tacit.models.networks import Encoder
from tacit.models.noise import drawn


class DiagonalNormal(Independent):
    """N(mean, diag(exp(log_var))) over codes, drawn from a generator that is passed in.

    mean, log_var: (B, D). Batch shape (B,), event shape (D,).
    """

    def __init__(self, mean: Tensor, log_var: Tensor) -> None:
        self.log_var = log_var
        super().__init__(Normal(mean, torch.exp(0.5 * log_var), validate_args=False), 1)

    def draw(self, n_samples: int, generator: torch.Generator) -> Tensor:
        """Reparameterised samples, (n_samples, B, D), with gradients to mean and log_var."""
        noise = drawn(
            torch.randn,
            (n_samples, *self.mean.shape),
            generator,
            axis=1,
            dtype=self.mean.dtype,
            device=self.mean.device,
        )
        return self.mean + torch.exp(0.5 * self.log_var) * noise

    def log_prob(self, value: Tensor) -> Tensor:
        """log q(z) in nats; value: (..., B, D), result: (..., B)."""
        standard = (value - self.mean).square() * torch.exp(-self.log_var)
        return -0.5 * (standard + self.log_var + math.log(2 * math.pi)).sum(dim=-1)

    def kl_to_standard(self) -> Tensor:
        """KL(q ‖ N(0, I)) in nats, per dimension: (B, D)."""
        return 0.5 * (self.mean.square() + self.log_var.exp() - 1 - self.log_var)


class Posterior(nn.Module):
    """A module whose call gives q(z | x) for a batch."""

    latent_dim: int

    def forward(self, x: Tensor, index: Tensor) -> DiagonalNormal:
        """x: images, (B, C, H, W), in [0, 1]; index: their rows in the training set, (B,)."""
        raise NotImplementedError


class Amortized(Posterior):
    """q(z | x) = N(encoder(x), diag(exp(log_var(features(x))))): one encoder for all images."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.log_var = CodeLinear(encoder.n_features, encoder.latent_dim)
        self.latent_dim = encoder.latent_dim

    def forward(self, x: Tensor, index: Tensor | None = None) -> DiagonalNormal:
        features = self.encoder.features(x)
        return DiagonalNormal(self.encoder.code(features), self.log_var(features))


class PerImage(Posterior):
    """q(z | x_i) = N(mean_i, diag(exp(log_var_i))): free parameters for each training image.

    Rows are looked up by the image's index in the training set. Their gradients are sparse, so
    that a step touches the rows of its batch alone (`tacit.training.optimizers.RowAdam`).

    Args:
        n_images: number of rows.
        latent_dim: latent dimensions.
        mean_std: standard deviation of the means' Gaussian initialisation.
        log_var: initial log-variance.
    """

    def __init__(
        self, n_images: int, latent_dim: int, *, mean_std: float = 1.0, log_var: float = 0.0
    ) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.n_images, self.first, self.every = n_images, 0, 1
        mean = torch.empty(n_images, latent_dim)
        if not mean.is_meta:  # PyTorch would import its compiler to draw nothing
            mean.normal_(0.0, mean_std)
        self.mean = nn.Parameter(mean)
        self.log_var = nn.Parameter(torch.full((n_images, latent_dim), float(log_var)))

    def keep(self, first: int, every: int) -> None:
        """Keep the rows of the images first, first + every, … alone; the others are elsewhere."""
        self.first, self.every = first, every
        for table in (self.mean, self.log_var):
            table.data = table.data[first::every].clone()

    def make_whole(self, mean: Tensor, log_var: Tensor) -> None:
        """Take the rows of all images up again, (n_images, D)."""
        self.first, self.every = 0, 1
        self.mean.data, self.log_var.data = mean, log_var

    def forward(self, x: Tensor | None, index: Tensor) -> DiagonalNormal:
        rows = index if self.every == 1 else index.div(self.every, rounding_mode="floor")
        return DiagonalNormal(
            F.embedding(rows, self.mean, sparse=True),
            F.embedding(rows, self.log_var, sparse=True),
        )
