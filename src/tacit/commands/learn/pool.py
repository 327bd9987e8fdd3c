"""All images of a source in their order, with the names that a table of labels calls them by."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from rich.console import Console

from tacit.commands.inputs import is_image_folder, parts_of
from tacit.errors import ImagesError
from tacit.images.alike import check_wishes, conversions_said, made_alike
from tacit.images.bounded import shown
from tacit.images.catalog import NAMES
from tacit.images.dataset import Images
from tacit.images.folders import read_folder
from tacit.images.listing import list_folder
from tacit.images.opened import Opened, own_files
from tacit.images.sources import open_images
from tacit.images.splits import content_hashes, together
from tacit.images.values import few_levels
from tacit.studies.execution.progress import reading
from tacit.studies.options import Reading


@dataclass(frozen=True)
class Pool:
    """Images without labels, none kept apart.

    Attributes:
        images: all of them.
        names: of each: the path below the folder, or its number.
        column: what the names are called in a table: "path" or "index".
        opened: where they come from, and what was done to them; nothing is tested on.
        skipped: names of the images that were left out.
        root: the folder that they lie in, resolved; None where they lie in none.
    """

    images: Images
    names: tuple[str, ...]
    column: Literal["path", "index"]
    opened: Opened
    skipped: tuple[str, ...] = ()
    root: Path | None = None

    @cached_property
    def contents(self) -> list[bytes]:
        """What each image holds, as a hash."""
        return list(content_hashes(self.images))


def read_pool(source: str, options: Reading, console: Console) -> Pool:
    """`open_pool` as the options of a command have it, with its progress shown."""
    with reading(console) as progress:
        return open_pool(
            source,
            data_dir=options.data_dir,
            size=options.size,
            channels=options.channels,
            skip_bad=options.skip_bad,
            progress=progress,
        )


def open_pool(
    source: str,
    *,
    data_dir: Path | None = None,
    size: int | None = None,
    channels: str | None = None,
    skip_bad: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Pool:
    """The images called `source` (see `tacit.images.sources.open_images`), whatever their labels.

    Of a folder the sub-folders and a labels.csv say nothing; of a named set or an array file the
    training images come first.

    Raises:
        ImagesError: they cannot be used; the message says why and what would work.
    """
    check_wishes(size, channels)
    path = Path(source)
    if source not in NAMES:
        if is_image_folder(source, data_dir):
            return _from_folder(path.resolve(), size, channels, skip_bad, progress)
        found, conversions, _ = parts_of(source, path, data_dir, labels=False)
        parts = [images for _, images in found]
        origin = own_files(shown(Path(path.name)))
    else:
        named = open_images(source, data_dir=data_dir)
        parts, origin = [named.train, named.test], named.origin
        conversions = dict(named.conversions)
    whole = together([made_alike(images, size, channels, conversions) for images in parts])
    images = Images(whole.pixels, source=origin.name, originals=whole.originals)
    notes = conversions_said(conversions)
    notes += filter(None, [few_levels(images.portions())])
    return Pool(
        images,
        tuple(str(number) for number in range(len(images))),
        "index",
        Opened(images, _none(images), origin, notes, conversions),
    )


def _from_folder(
    root: Path,
    size: int | None,
    channels: str | None,
    skip_bad: bool,
    progress: Callable[[int, int], None] | None,
) -> Pool:
    opened = read_folder(
        root, size=size, channels=channels, skip_bad=skip_bad, progress=progress, whole=True
    )
    left_out = {name for name, _ in opened.skipped}
    paths = [entry.path for entry in list_folder(root, classes=False).entries]
    names = tuple(path for path in paths if shown(Path(path)) not in left_out)
    if len(names) != len(opened.train):
        raise ImagesError(f"{shown(root)} changed while it was read; run the command again")
    kinds = conversions_said(opened.conversions)
    kinds += filter(None, [few_levels(opened.train.portions())])
    opened = replace(opened, notes=[*opened.notes, *kinds])
    return Pool(opened.train, names, "path", opened, tuple(sorted(left_out)), root)


def _none(images: Images) -> Images:
    return Images(np.empty((0, *images.shape), np.uint8), source=images.source)
