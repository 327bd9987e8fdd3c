"""Objectives that compare two views of each image: SimCLR, VICReg and BYOL.

Every image is seen twice (`tacit.training.views`), with amounts from the generator. A loss compares
what the projector makes of the two views; codes are what the encoder makes of the image itself.
Terms are per image, though what an image is compared with is the rest of its batch: a batch is
never taken in parts.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from tacit.models.models import Contrastive
from tacit.training.objectives.base import Batch, Objective, Terms, compares_images
from tacit.training.views import Views

OTHERS = 63
"""Where a model is evaluated, an image is told apart from at most so many others, so that a loss
does not depend on how many are looked at at once."""

EPSILON = 1e-4
"""Added to a variance before its root is taken, as in VICReg."""


def simclr(views: Views, temperature: float = 0.5) -> Objective:
    """NT-Xent (Chen 2020): which of all views in the batch is of the same image?

    For a view i and the other view j of its image, -log exp(sᵢⱼ/τ) / Σ_{k ≠ i} exp(sᵢₖ/τ) with
    cosines s and the temperature τ, in nats; an image's loss is the mean of its two views'.
    """

    @compares_images
    def told_apart(model: Contrastive, batch: Batch, generator: torch.Generator) -> Terms:
        first, second = _two(model, views, batch, generator)
        others = None if model.training else OTHERS
        return batch.own(
            {
                "loss": nt_xent(first, second, temperature, others),
                "agreement": F.cosine_similarity(first, second),
            }
        )

    return told_apart  # type: ignore[return-value]


def nt_xent(first: Tensor, second: Tensor, temperature: float, others: int | None = None) -> Tensor:
    """See `simclr`. first, second: outputs for the views, (B, D). Returns (B,).

    Codes that are all alike have log(2 B - 1). With `others`, each image is told apart from the
    so many that follow it in the batch, the first ones following the last.
    """
    n = len(first)
    z = F.normalize(torch.cat([first, second]), dim=1)
    similar = z @ z.t() / temperature
    same = torch.eye(2 * n, dtype=torch.bool, device=z.device)
    if others is not None and others < n - 1:
        image = torch.arange(n, device=z.device).repeat(2)
        same = same | ((image[None] - image[:, None]) % n > others)
    similar = similar.masked_fill(same, -torch.inf)
    right = torch.arange(2 * n, device=z.device).roll(n)
    return F.cross_entropy(similar, right, reduction="none").reshape(2, n).mean(dim=0)


def vicreg(
    views: Views, invariance: float = 25.0, variance: float = 25.0, covariance: float = 1.0
) -> Objective:
    """Views agree, every dimension varies, no two vary together (Bardes 2022).

    The weighted sum of an image's mean squared difference between views; of max(0, 1 - sd), a mean
    over dimensions and views; and of the squared covariances between different dimensions, their
    sum over D, for both views. The last two are of the whole batch and the same for all images.
    Scales are those of the authors' code; the paper's text sums the first over dimensions.
    """

    @compares_images
    def regularised(model: Contrastive, batch: Batch, generator: torch.Generator) -> Terms:
        first, second = _two(model, views, batch, generator)
        agree = (first - second).square().mean(dim=1)
        spread = (_missing_spread(first) + _missing_spread(second)) / 2
        together = _covariance(first) + _covariance(second)
        loss = invariance * agree + variance * spread + covariance * together
        return batch.own(
            {
                "loss": loss,
                "invariance": agree,
                "variance": spread.expand_as(agree),
                "covariance": together.expand_as(agree),
                "agreement": F.cosine_similarity(first, second),
            }
        )

    return regularised  # type: ignore[return-value]


def _missing_spread(z: Tensor) -> Tensor:
    """The mean over dimensions of max(0, 1 - sd), (); one image alone has no spread."""
    centred = z - z.mean(dim=0)
    variances = centred.square().sum(dim=0) / max(1, len(z) - 1)
    return F.relu(1 - (variances + EPSILON).sqrt()).mean()


def _covariance(z: Tensor) -> Tensor:
    """Σ over pairs of different dimensions of their squared covariance, over D, ()."""
    centred = z - z.mean(dim=0)
    found = centred.t() @ centred / max(1, len(z) - 1)
    return (found.square().sum() - found.diagonal().square().sum()) / z.shape[1]


def byol(views: Views) -> Objective:
    """One view predicts what moving averages make of the other (Grill 2020).

    2 - 2 cos(predictor(projector(code)), the averages' output for the other view), summed over the
    two ways round. No gradient flows into the averages, which follow after every update
    (`Contrastive.follow`).
    """

    @compares_images
    def predicted(model: Contrastive, batch: Batch, generator: torch.Generator) -> Terms:
        if model.predictor is None or model.average is None:
            raise TypeError("byol needs a model with averages: give its configuration a momentum")
        x = torch.cat([views(batch.x, generator), views(batch.x, generator)])
        guess = model.predictor(model.projector(batch.gathered(model.encoder.features(x))))
        with torch.no_grad():
            features, projector = model.average
            first, second = projector(batch.gathered(features(x))).chunk(2)
        agree = F.cosine_similarity(guess, torch.cat([second, first])).reshape(2, -1)
        return batch.own(
            {
                "loss": (2 - 2 * agree).sum(dim=0),
                "agreement": F.cosine_similarity(first, second),
            }
        )

    return predicted  # type: ignore[return-value]


def _two(
    model: Contrastive, views: Views, batch: Batch, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """What is made of two views of each image, (B, D) each; both go through the network at once.

    Features of all ranks go through the projector together, on each of them: it normalises over the
    batch, and is small beside the encoder.
    """
    x = torch.cat([views(batch.x, generator), views(batch.x, generator)])
    first, second = model.projector(batch.gathered(model.encoder.features(x))).chunk(2)
    return first, second
