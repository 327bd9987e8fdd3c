"""The codes of a frozen encoder, which are the same in every epoch."""

from torch import Tensor, nn

from tacit.models.models import Autoencoder, Classifier
from tacit.training.examples import Examples
from tacit.training.many import of_images
from tacit.training.schedule import Schedule

MOST_CODES = 2**26
"""At most so many numbers are kept of a frozen encoder's codes: 256 MiB."""


def codes_of_frozen(model: nn.Module, images: Examples, schedule: Schedule) -> Tensor | None:
    """The codes of all images, (N, D), where a frozen encoder makes the same ones every epoch.

    None where nothing is frozen, where not every image is looked at, or where they are too many.
    """
    encoder = getattr(model, "encoder", None)
    if not isinstance(model, Autoencoder | Classifier) or not getattr(encoder, "is_frozen", False):
        return None
    few = len(images) * model.encoder.latent_dim <= MOST_CODES
    if not few or schedule.updates < schedule.batches_per_epoch:
        return None
    encoder = model.encoder
    device = next(iter(encoder.parameters())).device
    return of_images(lambda batch: encoder(batch.x), images, device=device)
