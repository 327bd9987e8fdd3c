"""The ELBO per image, to any precision."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tacit.evidence.observed import (
    MIB,
    Noise,
    Observed,
    check_positive,
    draw_root,
    frozen,
    observed_from,
    rows_within,
)
from tacit.evidence.proposals import draws, fitted, image_chunks
from tacit.models.models import VAE
from tacit.models.posteriors import DiagonalNormal

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ElboEstimate:
    """E_q log p(x | z) - KL(q ‖ N(0, I)) in nats, per image.

    Attributes:
        elbo: (B,); unbiased.
        standard_error: of `elbo`, over the samples, (B,); NaN for one sample.
        reconstruction: E_q log p(x | z), (B,).
        kl: in closed form, (B,).
        n_samples: per image.
    """

    elbo: Array
    standard_error: Array
    reconstruction: Array
    kl: Array
    n_samples: int

    def __len__(self) -> int:
        return len(self.elbo)

    def __str__(self) -> str:
        return (
            f"ELBO in nats by {self.n_samples:,} samples per image\n"
            f"  {len(self):,} images: mean {self.elbo.mean():.2f} "
            f"(reconstruction {self.reconstruction.mean():.2f}, KL {self.kl.mean():.2f}); "
            f"standard error of one: median {np.median(self.standard_error):.2g}"
        )


def elbo(
    model: VAE,
    q: DiagonalNormal,
    x: Tensor | Observed,
    *,
    n_samples: int = 100,
    generator: torch.Generator,
    memory: int = 512 * MIB,
) -> ElboEstimate:
    """ELBO(q) = E_q log p(x | z) - KL(q ‖ N(0, I)), with the KL in closed form.

    Args:
        q: a posterior with a row for each image, such as `model.posterior(x, index)`.
        x: images in [0, 1], (B, C, H, W), or `observe(model, images, generator)`.
        n_samples: for the expectation, per image; noise is the image's own, as in
            `importance_sampling`.

    Raises:
        ValueError: where x, q, `n_samples` or `memory` cannot be used.
    """
    check_positive(n_samples=n_samples)
    root = draw_root(generator)
    with frozen(model), torch.no_grad():
        data = observed_from(model, x, root)
        rows = rows_within(model, memory)
        proposal = fitted(q)
        if len(proposal) != len(data):
            raise ValueError(f"q has {len(proposal)} rows and x {len(data)} images; one for each")
        reconstruction = np.empty(len(data))
        squares = np.empty(len(data))
        for part in image_chunks(len(data), rows):
            chunk, own = data.take(part), proposal.take(part)
            noise = Noise(root, "elbo", chunk.keys, chunk.x)
            terms = [
                model.likelihood.log_prob(chunk.x, model.decoder(z)).double().cpu().numpy()
                for z in draws(own, n_samples, noise, rows)
            ]
            log_likelihood = np.concatenate(terms)
            reconstruction[part] = log_likelihood.mean(axis=0)
            squares[part] = np.square(log_likelihood - reconstruction[part]).sum(axis=0)
        kl = q.kl_to_standard().detach().sum(dim=-1).double().cpu().numpy()
    with np.errstate(invalid="ignore", divide="ignore"):
        standard_error = np.sqrt(squares / (n_samples - 1) / n_samples)
    return ElboEstimate(reconstruction - kl, standard_error, reconstruction, kl, n_samples)
