"""Whether codes still tell images apart: effective rank, spread, and what ends a run.

A network that gives every image the same code agrees with itself on every view: that is the way
out that an objective on views has to close, and sometimes does not.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tacit.images.dataset import UNLABELLED
from tacit.models.models import Contrastive
from tacit.training.examples import Examples
from tacit.training.history import Summary, summarise
from tacit.training.many import of_images
from tacit.training.objectives import Batch
from tacit.training.ranks import ALONE, Ranks

SMALLEST_RANK = 1.05
"""Codes of lower effective rank lie along one direction."""

SMALLEST_SHARE = {"features": 1e-4, "outputs": 1e-2}
"""Where less of the mean square differs between images, the features, or what the projector makes
of them, are the same for all.

On the digits, outputs ended at 0.45 to 0.98 after 120 updates of SimCLR and BYOL on three networks;
where nothing but agreement was asked for, at 0.001 after 200 updates of the smallest. Features lie
on a pedestal of their own: SimCLR's residual network tells images apart at 0.02.
"""

JUDGED_FROM = 50
"""Updates before which nothing is said: running statistics, and a new network's codes, are still
on their way from 0.0003."""


class Collapsed(ArithmeticError):
    """Codes, or what is compared of them, no longer tell images apart."""


NEIGHBOUR = "nearest neighbour of the class"
"""The share of labelled images whose nearest other one, by its code, is of the same class."""


def effective_rank(codes: Tensor) -> float:
    """exp of the entropy of the singular values' shares (Roy and Vetterli 2007), codes centred.

    As many as the dimensions, (N, D), where all vary alike and apart; 1 along one direction; 0
    where nothing varies.
    """
    centred = codes.double() - codes.double().mean(dim=0)
    values = torch.linalg.svdvals(centred)
    if not float(values.sum()) > 0:
        return 0.0
    shares = values / values.sum()
    return math.exp(float(torch.special.entr(shares).sum()))


def varying_share(outputs: Tensor) -> float:
    """The share of the mean square of outputs, (N, D), that differs between images, from 0 to 1."""
    outputs = outputs.double()
    total = float(outputs.square().sum(dim=1).mean())
    return float(outputs.var(dim=0, unbiased=False).sum()) / total if total > 0 else 0.0


def neighbour_of_the_class(codes: Tensor, labels: Tensor) -> Tensor:
    """Whether each image's nearest other one has its label, (N,), 0 or 1.

    codes: (N, D). labels: class numbers, (N,).
    """
    apart = torch.cdist(codes.double(), codes.double())
    apart.fill_diagonal_(math.inf)
    labels = labels.to(codes.device)
    return (labels[apart.argmin(dim=1)] == labels).double()


@dataclass(frozen=True)
class Spread:
    """How far apart the codes of images lie.

    Attributes:
        summaries: "effective rank" of the codes; "spread", the standard deviation of a dimension of
            the code over images, as mean and sd over dimensions; and, where two classes have
            labels, `NEIGHBOUR`. Nothing is chosen by them.
        collapse: why these codes are of no use; None where they may be.
    """

    summaries: dict[str, Summary]
    collapse: str | None


def spread_of(
    model: Contrastive,
    images: Examples,
    index: NDArray[np.integer[Any]] | None = None,
    ranks: Ranks = ALONE,
) -> Spread:
    """Of the images themselves, not of views, in evaluation mode."""
    model.eval()
    device = next(iter(model.parameters())).device

    def each(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        features = model.encoder.features(batch.x)
        return features, model.encoder.code(features), model.projector(features)

    features, codes, outputs = of_images(each, images, index, device=device, ranks=ranks)
    rank = effective_rank(codes)
    spread = codes.double().std(dim=0) if len(codes) > 1 else codes.new_zeros(codes.shape[1])
    summaries = {"effective rank": Summary(rank, 0.0, 1), **summarise({"spread": spread})}
    if images.labels is not None:
        labels = images.labels if index is None else images.labels[index]
        known = np.flatnonzero(labels != UNLABELLED)
        if len(np.unique(labels[known])) > 1:
            same = neighbour_of_the_class(codes[known], torch.from_numpy(labels[known]))
            summaries |= summarise({NEIGHBOUR: same})
    return Spread(summaries, _collapse(features, codes, outputs, rank))


def _collapse(features: Tensor, codes: Tensor, outputs: Tensor, rank: float) -> str | None:
    n, width = codes.shape
    if n < 2:
        return None
    for name, what, verb, values in (
        ("features", "the features", "are", features),
        ("outputs", "what the projector makes of the features", "is", outputs),
    ):
        share, least = varying_share(values), SMALLEST_SHARE[name]
        if share < least:
            return (
                f"{what} {verb} the same for all {n:,} images: {share:.1e} of the mean square "
                f"differs between images, at least {least:g} is needed"
            )
    if min(width, n - 1) > 1 and rank < SMALLEST_RANK:
        return (
            f"the codes of {n:,} images lie along one direction: their effective rank is "
            f"{rank:.3f} of {width}, at least {SMALLEST_RANK:g} is needed"
        )
    return None
