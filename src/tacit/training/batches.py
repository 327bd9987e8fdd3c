"""The images of each update, as floats where the model is, and never too many of them at once."""

from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tacit.models.noise import Share
from tacit.streams import numpy_stream
from tacit.training.examples import Examples, features_of
from tacit.training.objectives import Batch
from tacit.training.ranks import ALONE, Ranks
from tacit.training.resident import resident, scaled
from tacit.training.schedule import Schedule

PIXELS_AT_ONCE = 2**23
"""At most so many pixels go through a network at once: first layers need 16 times as many numbers,
and with gradients that three times over. A larger batch is taken in parts."""


def images_at_once(n_pixels: int, most: int) -> int:
    """How many images of so many pixels go through a network at once: at least 1, at most `most`.

    >>> images_at_once(784, 500), images_at_once(2**22, 500)
    (500, 2)
    """
    return max(1, min(most, PIXELS_AT_ONCE // max(1, n_pixels)))


def batch_of(
    images: Examples,
    index: NDArray[np.int64],
    device: torch.device,
    ranks: Ranks = ALONE,
    *,
    owned: bool = False,
) -> Batch:
    """The images at `index`, as floats on `device`; of several ranks, this one's share of them.

    owned: see `Ranks.share`.
    """
    share, index = ranks.share(index, device, owned=owned)
    x = torch.from_numpy(images.scaled(index)).to(device)
    y = None if images.labels is None else torch.from_numpy(images.labels[index]).to(device)
    features = {
        key: torch.from_numpy(np.ascontiguousarray(known[index])).to(device)
        for key, known in features_of(images).items()
    }
    batch = Batch(x, y, torch.from_numpy(index).to(device), features=features)
    return _shared(batch, share, ranks)


def _shared(batch: Batch, share: Share | None, ranks: Ranks) -> Batch:
    if share is None:
        return batch
    return batch._replace(share=share, gather=partial(ranks.gathered, share=share))


class Batches:
    """The batches of any epoch, in an order that the seed and the epoch say."""

    def __init__(
        self,
        images: Examples,
        schedule: Schedule,
        seed: int,
        device: torch.device,
        codes: Tensor | None,
        ranks: Ranks = ALONE,
        *,
        owned: bool = False,
    ) -> None:
        self.ranks, self.owned = ranks, owned
        self.codes, self.pixels = codes, resident(images, device)
        known = images.labels if self.pixels is not None else None
        self.labels = None if known is None else torch.from_numpy(known).to(device)
        self.images, self.size, self.seed, self.device = images, schedule.batch_size, seed, device
        self.epoch = -1
        # Where all images make one batch, their order says nothing: it is made once.
        self.only: Batch | None = None
        if schedule.batches_per_epoch == 1:
            self._follow(np.arange(len(images)))
            self.only = self._of(slice(None))

    def at(self, epoch: int, position: int) -> Batch:
        if self.only is not None:
            return self.only
        if epoch != self.epoch:
            self._follow(numpy_stream(self.seed, "order", epoch).permutation(len(self.images)))
            self.epoch = epoch
        first = position * self.size
        return self._of(slice(first, first + self.size))

    def _follow(self, order: NDArray[np.int64]) -> None:
        """Take an order up; where the images live on a device it is sent there once, as a whole."""
        self.order = order
        self.rows = None if self.pixels is None else torch.from_numpy(order).to(self.device)

    def _of(self, places: slice) -> Batch:
        if self.pixels is None or self.rows is None:
            index = self.order[places]
            batch = batch_of(self.images, index, self.device, self.ranks, owned=self.owned)
        else:
            rows, share = self.rows[places], None
            if self.ranks.size > 1:
                share, index = self.ranks.share(self.order[places], self.device, owned=self.owned)
                rows = torch.from_numpy(index).to(self.device)
            y = None if self.labels is None else self.labels[rows]
            batch = _shared(Batch(scaled(self.pixels, rows), y, rows), share, self.ranks)
        if self.codes is None:
            return batch
        return batch._replace(codes=self.codes[batch.index], features={})


def parts_of(batch: Batch) -> list[Batch]:
    """A batch in parts of at most `PIXELS_AT_ONCE`; the whole of it where it is no larger.

    The gradients of the parts, each weighted by its share, add up to the gradient of the batch.
    Their noise is that of the batch.
    """
    size = images_at_once(batch.x[0].numel(), len(batch.x))
    if len(batch.x) <= size:
        return [batch]
    share = batch.share or Share(torch.arange(len(batch.x), device=batch.x.device), len(batch.x))
    slices = [slice(first, first + size) for first in range(0, len(batch.x), size)]
    return [
        Batch(
            batch.x[s],
            None if batch.y is None else batch.y[s],
            batch.index[s],
            None if batch.codes is None else batch.codes[s],
            {key: known[s] for key, known in batch.features.items()},
            Share(share.places[s], share.whole, share.counted),
        )
        for s in slices
    ]
