"""The codes of a frozen encoder, which are the same in every epoch."""

import torch
from torch import Tensor, nn

from tacit.models.models import Autoencoder, Classifier
from tacit.models.networks import GivenCodes
from tacit.training.examples import Examples, features_of
from tacit.training.many import of_images
from tacit.training.ranks import ALONE, Ranks
from tacit.training.schedule import Schedule

MOST_CODES = 2**26
"""At most so many numbers are kept of a frozen encoder's codes: 256 MiB."""


def codes_of_frozen(
    model: nn.Module, images: Examples, schedule: Schedule, ranks: Ranks = ALONE
) -> Tensor | None:
    """The codes of all images, (N, D), where a frozen encoder makes the same ones every epoch.

    None where nothing is frozen, where not every image is looked at, or where they are too many.
    """
    encoder = getattr(model, "encoder", None)
    if not isinstance(model, Autoencoder | Classifier) or not getattr(encoder, "is_frozen", False):
        return None
    if isinstance(encoder, GivenCodes):
        device = next(iter(model.parameters())).device
        return torch.from_numpy(features_of(images)[encoder.key]).to(device)
    few = len(images) * model.encoder.latent_dim <= MOST_CODES
    if not few or schedule.updates < schedule.batches_per_epoch:
        return None
    encoder = model.encoder
    device = next(iter(encoder.parameters())).device
    return of_images(lambda batch: encoder(batch.x), images, device=device, ranks=ranks)
