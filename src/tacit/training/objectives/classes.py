"""Objectives of classifiers: the cross-entropy, and what forgives labels that are wrong."""

import torch
from torch import Tensor
from torch.nn import functional as F

from tacit.models.models import Classifier
from tacit.training.objectives.base import Batch, Objective, Terms, known_codes


def cross_entropy(model: Classifier, batch: Batch, generator: torch.Generator) -> Terms:
    """-log p(y | x) in nats, and whether the likeliest class is the right one."""
    codes = known_codes(model, batch)
    logits = model(batch.x) if codes is None else model.head(codes)
    assert batch.y is not None
    loss = F.cross_entropy(logits, batch.y, reduction="none")
    return {"loss": loss, "accuracy": (logits.argmax(dim=1) == batch.y).to(loss.dtype)}


def generalised_cross_entropy(q: float = 0.7, targets: Tensor | None = None) -> Objective:
    """Σₖ tₖ (1 - p(k | x)^q) / q, which forgives labels that are wrong (Zhang and Sabuncu 2018).

    An image's gradient is that of the cross-entropy times p^q, so that a label which the network
    holds for impossible hardly pulls. q = 1 is the mean absolute error; q = 0, the limit, is the
    cross-entropy -Σₖ tₖ log p(k | x), in nats.

    Args:
        q: from 0 to 1.
        targets: t for each training image, (N, K), at least 0, looked up by the batch's index; a
            row of sum w gives its image the weight w. None takes the batch's labels.

    Raises:
        ValueError: where `q` is out of range or targets are negative or not finite.
    """
    if not 0 <= q <= 1:
        raise ValueError(f"`q` is {q}; it is from 0 (cross-entropy) to 1 (mean absolute error)")
    if targets is not None and not bool(((targets >= 0) & targets.isfinite()).all()):
        raise ValueError("`targets` has entries that are negative or not finite")

    def robust(model: Classifier, batch: Batch, generator: torch.Generator) -> Terms:
        log_p = model(batch.x).log_softmax(dim=1)
        if targets is not None:
            t = targets.to(log_p.device)[batch.index]
        else:
            assert batch.y is not None
            t = F.one_hot(batch.y, log_p.shape[1]).to(log_p.dtype)
        # expm1 keeps its digits where p^q is near 1, that is, where the network agrees.
        terms = -log_p if q == 0 else -torch.expm1(q * log_p) / q
        accuracy = (log_p.argmax(dim=1) == t.argmax(dim=1)).to(log_p.dtype)
        return {"loss": (t * terms).sum(dim=1), "accuracy": accuracy}

    return robust  # type: ignore[return-value]
