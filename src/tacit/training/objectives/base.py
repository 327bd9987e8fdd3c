"""What an objective is: per-image terms of a model on a batch of images."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor, nn

from tacit.models.networks import GivenCodes
from tacit.models.noise import Share

Terms = dict[str, Tensor]


class Batch(NamedTuple):
    """x: images in [0, 1], (B, C, H, W); y: labels, (B,), or None; index: training rows, (B,).

    codes: of these images, (B, D), where a frozen encoder's are known already; else None.
    features: what encoders from elsewhere make of them, (B, D), by the encoder's key.
    share: which of a larger batch these are, whose other images are elsewhere; None for all of it.
    gather: the rows of the whole batch, from all ranks, with gradients.
    """

    x: Tensor
    y: Tensor | None
    index: Tensor  # type: ignore[assignment]  # the field's own name, not tuple's method
    codes: Tensor | None = None
    features: Mapping[str, Tensor] = {}  # nothing writes to it
    share: Share | None = None
    gather: Callable[[Tensor], Tensor] | None = None

    @property
    def whole(self) -> int:
        """How many images the whole batch has."""
        return len(self.x) if self.share is None else self.share.whole

    @property
    def counted(self) -> bool:
        """Whether what is made of these images counts."""
        return self.share is None or self.share.counted

    def gathered(self, rows: Tensor) -> Tensor:
        """For objectives that compare images: the rows of the whole batch, (k B, …).

        rows: what is made of each of these images, (k b, …), k times all of them.
        """
        return rows if self.gather is None else self.gather(rows)

    def own(self, terms: Terms) -> Terms:
        """Of terms of the whole batch, those of these images."""
        if self.gather is None or self.share is None:
            return terms
        return {name: values[self.share.places] for name, values in terms.items()}


def known_codes(model: nn.Module, batch: Batch) -> Tensor | None:
    """The codes of a batch that need no forward pass, (B, D); None where there are none."""
    encoder = getattr(model, "encoder", None)
    if batch.codes is None and isinstance(encoder, GivenCodes):
        return batch.features[encoder.key]
    return batch.codes


def codes_in(encoder: nn.Module, batch: Batch) -> Tensor:
    """The codes of a batch, (B, D): those that are known, or those that the encoder gives."""
    if batch.codes is not None:
        return batch.codes
    if isinstance(encoder, GivenCodes):
        return batch.features[encoder.key]
    codes: Tensor = encoder(batch.x)
    return codes


class Objective(Protocol):
    """Per-image terms of a model on a batch; all randomness comes from `generator`."""

    def __call__(self, model: nn.Module, batch: Batch, generator: torch.Generator) -> Terms: ...


AnyObjective = TypeVar("AnyObjective", bound=Callable[..., Terms])


def compares_images(objective: AnyObjective) -> AnyObjective:
    """Say of an objective that an image's terms depend on the rest of its batch.

    Such a batch is never taken in parts: the gradients of parts would add up to another one. Where
    it is shared among ranks, the objective compares `Batch.gathered` and gives `Batch.own` terms.
    """
    objective.needs_whole_batch = True  # type: ignore[attr-defined]
    return objective


def weighted(objective: Objective, weights: Tensor) -> Objective:
    """The objective with every training image's loss times its weight.

    weights: (N,), looked up by the batch's index.
    """

    @wraps(objective)
    def with_weights(model: torch.nn.Module, batch: Batch, generator: torch.Generator) -> Terms:
        terms = objective(model, batch, generator)
        return terms | {"loss": terms["loss"] * weights[batch.index].to(terms["loss"])}

    return with_weights


def needs_whole_batch(objective: Objective) -> bool:
    """Whether that was said."""
    return getattr(objective, "needs_whole_batch", False)
