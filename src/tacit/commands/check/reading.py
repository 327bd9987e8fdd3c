"""The images of a source with what is said of them: labels, and which side of a split they are."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tacit.commands.inputs import is_image_folder, parts_of
from tacit.errors import ImagesError, UnlikeImagesError
from tacit.images.alike import check_wishes, conversions_said, made_alike
from tacit.images.bounded import shown
from tacit.images.catalog import NAMES
from tacit.images.classes import classes_of
from tacit.images.dataset import UNLABELLED, Images
from tacit.images.folders import check_missing, read_folder
from tacit.images.listing import list_folder
from tacit.images.originals import Column
from tacit.images.splits import together
from tacit.images.tables import Names, read_labels

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Checked:
    """All images of a source, none kept apart.

    Attributes:
        images: all that can be read, with labels where there are any.
        names: of each: its path below the folder, or its number.
        column: what the names are called in a table.
        sides: of each "train" or "test"; "" where the source has no split of its own, (N,).
        skipped: name and reason of what cannot be read.
        notes: sentences for people.
        root: the folder that they lie in, resolved; None where they lie in none.
    """

    images: Images
    names: tuple[str, ...]
    column: Column
    sides: NDArray[np.str_]
    skipped: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    root: Path | None = None

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class numbers, `UNLABELLED` where there is none, (N,)."""
        known = self.images.labels
        return np.full(len(self.images), UNLABELLED, np.int64) if known is None else known

    @property
    def table_names(self) -> Names:
        """What a table may call the images."""
        return Names(self.names, self.column, self.images.source, self.root)


def read_checked(
    source: str,
    labels: Sequence[Path] = (),
    *,
    data_dir: Path | None = None,
    size: int | None = None,
    channels: str | None = None,
    skip_bad: bool = False,
    progress: Progress | None = None,
) -> Checked:
    """The images called `source` (see `tacit.images.sources.open_images`) and their labels.

    What cannot be read is told, not refused, and so are copies of one picture with two labels: both
    are what is looked for. Images of a folder that differ in size are made alike as
    `UnlikeImagesError` proposes.

    Args:
        labels: tables with the columns path (or index), label and maybe split, in place of what the
            source itself says.

    Raises:
        ImagesError: the source or a table cannot be used; the message says why and what would work.
    """
    check_wishes(size, channels)
    if source not in NAMES and is_image_folder(source, data_dir):
        root = Path(source).resolve()
        found = _from_folder(root, size, channels, skip_bad, progress, own_labels=not labels)
    else:
        found = _from_arrays(source, data_dir, size, channels)
    return _labelled(found, labels) if labels else found


def _from_folder(
    root: Path,
    size: int | None,
    channels: str | None,
    skip_bad: bool,
    progress: Progress | None,
    own_labels: bool,
) -> Checked:
    listing = list_folder(root, classes=own_labels)
    check_missing(listing, skip_bad)
    read = partial(read_folder, root, skip_bad=True, progress=progress, whole=True)
    try:
        opened = read(size=size, channels=channels)
    except UnlikeImagesError as unlike:
        opened = read(size=unlike.size, channels=unlike.channels)
    left_out = {name for name, _ in opened.skipped}
    entries = [entry for entry in listing.entries if shown(Path(entry.path)) not in left_out]
    images = opened.train
    if len(entries) != len(images):
        raise ImagesError(f"{shown(root)} changed while it was read; run the command again")
    if listing.class_names:
        known = np.array([entry.label for entry in entries], np.int64)
        images = replace(images, labels=known, class_names=listing.class_names)
    return Checked(
        images,
        tuple(entry.path for entry in entries),
        "path",
        np.array([entry.side for entry in entries], np.str_),
        tuple(opened.skipped),
        (listing.meaning.strip(), *listing.notes, *conversions_said(opened.conversions)),
        root,
    )


def _from_arrays(
    source: str, data_dir: Path | None, size: int | None, channels: str | None
) -> Checked:
    """A named set, an array file, or a folder of idx files."""
    parts, conversions, said = parts_of(source, Path(source), data_dir)
    alike = [made_alike(images, size, channels, conversions) for _, images in parts]
    name = source if source in NAMES else shown(Path(Path(source).name))
    images = replace(together(alike), source=name)
    sides = [np.full(len(one), side) for (side, _), one in zip(parts, alike, strict=True)]
    names = tuple(str(number) for number in range(len(images)))
    notes = (*said, *conversions_said(conversions))
    return Checked(images, names, "index", np.concatenate(sides), notes=notes)


def _labelled(found: Checked, tables: Sequence[Path]) -> Checked:
    """With the labels of tables, and the split that they say, in place of the source's own."""
    left_out = [name for name, _ in found.skipped]
    told = read_labels(tables, found.table_names, left_out=left_out, sides=True)
    where = ", ".join(map(shown, tables))
    classes = classes_of(Counter(told.labels.values()), where)
    labels = np.array(
        [
            classes.number_of(told.labels[name]) if name in told.labels else UNLABELLED
            for name in found.names
        ],
        np.int64,
    )
    sides = found.sides
    if told.sides:
        sides = np.array([told.sides.get(name, "") for name in found.names], np.str_)
    return replace(
        found,
        images=replace(found.images, labels=labels, class_names=classes.names),
        sides=sides,
        notes=(*found.notes, *told.notes, *classes.notes),
    )
