"""The linear-Gaussian model, whose log p(x) is known exactly."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from tacit.evidence.correlated import CorrelatedNormal
from tacit.evidence.estimate import LogProbEstimate
from tacit.models.likelihoods import Gaussian
from tacit.models.models import VAE
from tacit.models.networks import DenseDecoder, DenseEncoder, Shape
from tacit.models.posteriors import Amortized


class LinearGaussian(VAE):
    """p(x, z) = N(z; 0, I) N(x; W z + b, σ² I), in float64.

    Probabilistic principal component analysis, as a VAE of our parts (Tipping and Bishop 1999).
    With M = I + Wᵀ W / σ²:

        p(x)     = N(x; b, W Wᵀ + σ² I)
        p(z | x) = N(z; M⁻¹ Wᵀ (x - b) / σ², M⁻¹)

    Its encoder is exact too: the diagonal normal that maximises the ELBO, of mean
    M⁻¹ Wᵀ (x - b) / σ² and variances 1 / M_dd. So everything that this room estimates can be
    checked against algebra.

    Args:
        weight: W, (C·H·W, D).
        bias: b, (C·H·W,).
        sigma: σ.
        shape: (C, H, W).
    """

    def __init__(self, weight: Tensor, bias: Tensor, sigma: float, shape: Shape) -> None:
        n_pixels, latent_dim = weight.shape
        if n_pixels != math.prod(shape) or bias.shape != (n_pixels,):
            raise ValueError(
                f"weight {tuple(weight.shape)} and bias {tuple(bias.shape)} do not fit "
                f"images of shape {shape}: they are (C·H·W, D) and (C·H·W,)"
            )
        encoder = DenseEncoder(shape, latent_dim, hidden=())
        decoder = DenseDecoder(shape, latent_dim, hidden=())
        posterior, likelihood = Amortized(encoder), Gaussian(sigma, link="identity")
        super().__init__(posterior, decoder, likelihood)
        self.double()
        self.weight, self.bias = weight.double(), bias.double()
        # As the likelihood holds it, a number rounded to float32.
        self.variance = likelihood.log_sigma.mul(2).exp().item()
        identity = torch.eye(latent_dim, dtype=torch.float64)
        self.precision = identity + self.weight.T @ self.weight / self.variance
        self.to_mean = torch.linalg.solve(self.precision, self.weight.T / self.variance)
        output = decoder.layers[-1]
        assert isinstance(output, nn.Linear)
        with torch.no_grad():
            output.weight.copy_(self.weight)
            output.bias.copy_(self.bias)
            encoder.code.weight.copy_(self.to_mean)
            encoder.code.bias.copy_(-self.to_mean @ self.bias)
            posterior.log_var.weight.zero_()
            posterior.log_var.bias.copy_(-self.precision.diagonal().log())

    def simulate(self, n: int, generator: torch.Generator) -> Tensor:
        """n images from p(x), (n, C, H, W); their pixels are not confined to [0, 1]."""
        decoded = self.decoder(self.draw_prior(n, generator)).detach()
        return self.likelihood.sample(decoded, generator)

    def log_prob(self, x: Tensor) -> LogProbEstimate:
        """log N(x; b, W Wᵀ + σ² I), in float64, through the D × D matrix M.

        x: (B, C, H, W), float64.
        """
        residual = x.double().flatten(1) - self.bias
        factor = torch.linalg.cholesky(self.precision)
        projected = residual @ self.weight / self.variance
        explained = torch.cholesky_solve(projected.T, factor).T
        squared = residual.square().sum(dim=1) / self.variance - (projected * explained).sum(dim=1)
        log_determinant = (
            len(self.bias) * math.log(2 * math.pi * self.variance)
            + 2 * factor.diagonal().log().sum()
        )
        log_prob = (-0.5 * (squared + log_determinant)).numpy()
        return LogProbEstimate(
            log_prob=log_prob,
            standard_error=np.zeros_like(log_prob),
            bound="exact",
            measure="density",
            method="algebra of the linear-Gaussian model",
        )

    def exact_posterior(self, x: Tensor) -> CorrelatedNormal:
        """p(z | x) as a proposal: every weight is then p(x) itself."""
        mean = (x.double().flatten(1) - self.bias) @ self.to_mean.T
        factor = torch.linalg.cholesky(self.precision).expand(len(mean), -1, -1)
        return CorrelatedNormal(mean, factor, prior_share=0.0, name="the exact posterior")
