"""Test pictures under views, as encoders from elsewhere read them."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from tacit.encoders.base import About, Encoder, Nodes
from tacit.encoders.laid import Encoded, originals_of
from tacit.images.dataset import Split
from tacit.images.originals import Column, Originals
from tacit.streams import torch_stream
from tacit.training.evaluation import sample_of
from tacit.training.views import Views

VIEWED = 500
"""At most so many test images are looked at."""


def looked_at(n: int) -> NDArray[np.int64]:
    """Which of `n` test images that are."""
    return sample_of(n, "views", size=VIEWED)


@dataclass(frozen=True, eq=False)
class UnderViews:
    """Pictures, each under one view that its content and the views name; as `Originals`.

    Attributes:
        own: the pictures as they are.
    """

    own: Originals
    views: Views

    @property
    def names(self) -> Sequence[str]:
        return self.own.names

    @property
    def numbers(self) -> NDArray[np.int64]:
        return self.own.numbers

    @property
    def column(self) -> Column:
        return self.own.column

    @property
    def source_names(self) -> Sequence[str]:
        return self.own.source_names

    def __len__(self) -> int:
        return len(self.own)

    def take(self, index: NDArray[np.int64]) -> "UnderViews":
        return replace(self, own=self.own.take(index))

    def carried(self, index: NDArray[np.int64], *, files: bool) -> Originals:
        return replace(self, own=self.own.carried(index, files=files))

    def content(self, i: int) -> bytes:
        return hashlib.sha256(self.own.content(i) + _key(self.views)).digest()

    def picture(self, i: int, side: int) -> Image.Image:
        levels = np.asarray(self.own.picture(i, side))
        x = torch.from_numpy(levels.reshape(*levels.shape[:2], -1).copy()).movedim(2, 0)[None] / 255
        seen = self.views(x, torch_stream(0, "view", self.content(i).hex()))
        found = (255 * seen[0]).round().to(torch.uint8).movedim(0, 2).numpy()
        return Image.fromarray(found.reshape(levels.shape))


def called(source: str, views: Views) -> str:
    """What the features under views are called, beside those of the pictures themselves."""
    return f"{source} under views {_key(views).hex()[:12]}"


def about_views(about: About, views: Views) -> About:
    """The encoder as what gives features of views: its key depends on them."""
    return replace(about, sha256=hashlib.sha256(about.sha256.encode() + _key(views)).hexdigest())


def encode_views(
    encoder: Encoder,
    images: Split,
    views: Views,
    progress: Callable[[int, int], None] | None = None,
    nodes: Nodes | None = None,
) -> Encoded:
    """Features of the test pictures that are looked at, each under a view.

    Raises:
        ImagesError: as `Encoder.features`.
    """
    rows = len(images.train) + looked_at(len(images.test))
    pictures = UnderViews(originals_of(images).take(rows), views)
    features = encoder.features(pictures, progress, nodes)
    return Encoded(about_views(encoder.about, views), features[:0], features)


def _key(views: Views) -> bytes:
    return hashlib.sha256(views.model_dump_json().encode()).digest()
