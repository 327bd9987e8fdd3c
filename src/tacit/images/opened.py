"""What opening a source of images gives: the images, their origin, what was done to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from tacit.images.dataset import Images

_OWN = "the user's own files"


@dataclass(frozen=True)
class Origin:
    """Where images come from.

    Attributes:
        name: the named set, or the file or folder's own name.
        licence: under what terms they may be used.
        citation: how their makers ask to be cited; "" where nothing is known.
        address: where they can be had: the mirrors, the package, or the file or folder's own name
            (never its whole path, which would tell readers of a report about the machine).
    """

    name: str
    licence: str
    citation: str
    address: str

    @property
    def is_users(self) -> bool:
        """Whether the user brought them, and so can mend them."""
        return self.licence == _OWN


@dataclass(frozen=True)
class Opened:
    """Images to learn from and images to test on, and their history.

    Attributes:
        train, test: the images; no file is in both.
        origin: where they come from.
        notes: sentences for people: what was converted, skipped, found twice, taken as a subset.
        conversions: how many images each kind of conversion was applied to.
        skipped: name and reason of each image that was left out.
        names: of the training and of the test images: paths, or numbers in the file; empty where
            they are not known.
        present: those of the notes that say what the images are now, and not what was done.
        how_read: those that say how they were read and divided, of which nobody need be warned.
    """

    train: Images
    test: Images
    origin: Origin
    notes: list[str] = field(default_factory=list)
    conversions: Mapping[str, int] = field(default_factory=dict)
    skipped: tuple[tuple[str, str], ...] = ()
    names: tuple[Sequence[str], ...] = ()
    present: tuple[str, ...] = ()
    how_read: tuple[str, ...] = ()

    def read_so(self, note: str) -> "Opened":
        """With a note on how the images were read or divided."""
        return replace(self, notes=[*self.notes, note], how_read=(*self.how_read, note))

    def taken(
        self, train: NDArray[np.int64] | None = None, test: NDArray[np.int64] | None = None
    ) -> "Opened":
        """With the training and test images at these places alone; None for all of a side."""
        sides = (train, test)
        names = tuple(
            names if rows is None else [names[row] for row in rows.tolist()]
            for names, rows in zip(self.names, sides, strict=bool(self.names))
        )
        return replace(
            self,
            train=self.train if train is None else self.train.take(train),
            test=self.test if test is None else self.test.take(test),
            names=names,
        )


def own_files(name: str) -> Origin:
    """The origin of files that the user brought."""
    return Origin(name, licence=_OWN, citation="", address=name)
