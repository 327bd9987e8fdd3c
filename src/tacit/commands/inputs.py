"""Images that a command reads: their names, their labels where known, their pixels in batches."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tacit.errors import ImagesError, UnreadableImagesError
from tacit.images import idx
from tacit.images.alike import conversions_said, left_out_said, made_alike
from tacit.images.arrays import Arrays, read_npy, read_npz, split_from_arrays
from tacit.images.bounded import errors_named, shown
from tacit.images.catalog import IDX_SETS, NAMES
from tacit.images.dataset import UNLABELLED, Images
from tacit.images.decoding import MAX_BYTES, decode, why_unreadable
from tacit.images.folders import check_missing
from tacit.images.listing import ENDINGS, list_folder
from tacit.images.parallel import in_order
from tacit.images.shared import read_images
from tacit.images.sources import open_images
from tacit.images.values import few_levels
from tacit.models.networks import Shape

BATCH = 200
LISTED = 100


Read = tuple[NDArray[np.uint8], Sequence[str]]


class Batch(NamedTuple):
    """Names, labels ("" where unknown) and pixels, uint8 (n, C, H, W), of some images."""

    names: list[str]
    labels: list[str]
    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class Inputs:
    """Images in their order.

    Attributes:
        names: of the images.
        labels: the names of their classes, "" where unknown.
        read: the pixels of one image, by its number, and the kinds of conversion applied; or why
            it cannot be read.
        skip_bad: leave unreadable images out.
        known: what is known of the images before they are read, for people.
        shape: channels, height and width that each has to have; None where they are in memory or
            mapped, and all are known to have them.
        conversions: how many images each kind was applied to.
        skipped: name and reason of those that were left out.
        extent: the smallest and the largest value read.
    """

    names: Sequence[str]
    labels: Sequence[str]
    read: Callable[[int], Read | str]
    skip_bad: bool = False
    known: tuple[str, ...] = ()
    shape: Shape | None = None
    conversions: Counter[str] = field(default_factory=Counter)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    extent: NDArray[np.uint8] = field(default_factory=lambda: np.array([255, 0], np.uint8))

    def __len__(self) -> int:
        return len(self.names)

    @property
    def labelled(self) -> bool:
        """Whether any class is known."""
        return any(self.labels)

    @property
    def notes(self) -> list[str]:
        """What was done to the images that were read, for people."""
        notes = conversions_said(self.conversions) + left_out_said(self.skipped)
        return notes + [note for note in [few_levels([self.extent])] if note]

    def first(self, n: int) -> "Inputs":
        """The first `n` images, or all."""
        return replace(self, names=self.names[:n], labels=self.labels[:n])

    def batches(self) -> Iterator[Batch]:
        """All images, some at a time.

        Raises:
            UnreadableImagesError: at the end, naming all that cannot be read, where they are not
                to be left out, or are all.
            ImagesError: at the end, naming all that have another shape, likewise.
        """
        bad: list[tuple[str, str]] = []
        unlike: list[tuple[str, str]] = []
        for start in range(0, len(self), BATCH):
            numbers = range(start, min(start + BATCH, len(self)))
            found = list(zip(numbers, in_order(self.read, numbers), strict=True))
            bad += [(self.names[i], read) for i, read in found if isinstance(read, str)]
            good = [(i, *read) for i, read in found if not isinstance(read, str)]
            if self.shape is not None:
                unlike += [
                    (self.names[i], f"it is {shape_said(pixels.shape)}")
                    for i, pixels, _ in good
                    if pixels.shape != self.shape
                ]
                good = [one for one in good if one[1].shape == self.shape]
            self.conversions.update(kind for _, _, kinds in good for kind in kinds)
            for _, pixels, _ in good:
                low, high = min(self.extent[0], pixels.min()), max(self.extent[1], pixels.max())
                self.extent[:] = low, high
            if good and (self.skip_bad or not (bad or unlike)):
                yield Batch(
                    [self.names[i] for i, *_ in good],
                    [self.labels[i] for i, *_ in good],
                    np.stack([pixels for _, pixels, _ in good]),
                )
        if bad and (not self.skip_bad or len(bad) == len(self)):
            raise UnreadableImagesError(bad, len(self))
        if unlike and (not self.skip_bad or len(bad) + len(unlike) == len(self)):
            assert self.shape is not None
            listed = "".join(f"\n  {name}: {what}" for name, what in unlike[:LISTED])
            more = f"\n  and {len(unlike) - LISTED:,} more" if len(unlike) > LISTED else ""
            raise ImagesError(
                f"{len(unlike):,} of {len(self):,} images have another size or other channels than "
                f"the model reads, which are {shape_said(self.shape)}; make them so, or leave them "
                f"out with --skip-bad:{listed}{more}"
            )
        self.skipped.extend(bad + unlike)


def shape_said(shape: tuple[int, ...]) -> str:
    """Channels, height and width in words.

    >>> shape_said((1, 20, 30))
    'gray, 30×20 pixels'
    """
    channels, height, width = shape
    return f"{'gray' if channels == 1 else 'rgb'}, {width}×{height} pixels"


def study_inputs(folder: Path) -> Inputs:
    """The test images of a study."""
    return _from_images([("test", read_images(folder / "images").test)])


def read_inputs(
    sources: Sequence[str],
    shape: Shape,
    *,
    data_dir: Path | None,
    skip_bad: bool,
    as_they_are: bool = False,
) -> Inputs:
    """The images that are named, made alike to those that a model of `shape` reads.

    Args:
        sources: one named set, folder or array file (as `tacit.images.sources.open_images` takes),
            or image files.
        shape: channels, height, width. Image files are cut and resized where it is square.
        as_they_are: refuse images of another shape instead.

    Raises:
        ImagesError: they cannot be used.
    """
    paths = [Path(source) for source in sources]
    if all(path.suffix.lower() in ENDINGS for path in paths):
        for path in paths:
            with errors_named(path):
                if not path.is_file():
                    raise ImagesError(f"{shown(path)}: there is no such file")
        names = [shown(path) for path in paths]
        return _from_files(paths, names, [""] * len(paths), shape, skip_bad, as_they_are)
    if len(sources) > 1:
        odd = next(path for path in paths if path.suffix.lower() not in ENDINGS)
        raise ImagesError(
            f"{shown(odd)} is no image file; several sources can be named where all are files that "
            f"end with {', '.join(ENDINGS)}"
        )
    source, path = sources[0], paths[0]
    if source not in NAMES and path.is_dir() and idx.find_idx(path, idx.TRAIN_IMAGES) is None:
        listing = list_folder(path)
        check_missing(listing, skip_bad)
        if listing.bad and not skip_bad:
            raise UnreadableImagesError(listing.bad, len(listing.entries) + len(listing.bad))
        inputs = _from_files(
            [listing.root / entry.path for entry in listing.entries],
            [shown(Path(entry.path)) for entry in listing.entries],
            [class_name(listing.class_names, entry.label) for entry in listing.entries],
            shape,
            skip_bad,
            as_they_are,
        )
        return replace(inputs, known=(listing.meaning, *listing.notes))
    found = parts_of(source, path, data_dir)
    own = found.parts[0][1].shape
    if as_they_are and own != shape:
        raise ImagesError(
            f"{source}: images are {shape_said(own)}, and the model reads {shape_said(shape)}"
        )
    return _alike(found, shape)


def is_image_folder(source: str, data_dir: Path | None) -> bool:
    """Whether a path that is no named set is a folder of pictures, not an array or idx files.

    Raises:
        ImagesError: there is no such path, or `data_dir` is given for it.
    """
    path = Path(source)
    with errors_named(path):
        if not source or not path.exists():
            open_images(source)  # says what there is
        folder = path.is_dir() and idx.find_idx(path, idx.TRAIN_IMAGES) is None
    if data_dir is not None:
        raise ImagesError(
            f"`data_dir` is given, but {source!r} is no set that is downloaded; "
            f"these are {', '.join(IDX_SETS)}"
        )
    return folder


class Parts(NamedTuple):
    """The images of a source: training and test images by name, or all of them, called ""."""

    parts: list[tuple[str, Images]]
    conversions: dict[str, int]
    notes: list[str]


def parts_of(source: str, path: Path, data_dir: Path | None, *, labels: bool = True) -> Parts:
    """The images of a named set or an array file, in the order of the file.

    labels: whether those of an array file are looked at.
    """
    arrays: Arrays | None = None
    if source not in NAMES and path.is_file():
        suffix = path.suffix.lower()
        if suffix in (".npy", ".npz"):
            arrays = read_npy(path) if suffix == ".npy" else read_npz(path)
        else:
            arrays = Arrays(*idx.read_idx_pair(path, None))
    if arrays is None:
        opened = open_images(source, data_dir=data_dir)
        parts = [("train", opened.train), ("test", opened.test)]
        converted = conversions_said(opened.conversions)
        notes = [note for note in opened.notes if note not in converted]
        return Parts(parts, dict(opened.conversions), notes)
    if not labels:
        arrays = arrays._replace(y=None, y_test=None)
    images, test, conversions, notes = split_from_arrays(arrays, (), shown(Path(path.name)))
    parts = [("", images)] if test is None else [("train", images), ("test", test)]
    return Parts(parts, conversions, notes)


def _alike(found: Parts, shape: Shape) -> Inputs:
    channels, height, width = shape
    conversions = dict(found.conversions)
    made = [
        (
            name,
            made_alike(
                images,
                height if height == width else None,
                "rgb" if channels == 3 else "gray",
                conversions,
            ),
        )
        for name, images in found.parts
    ]
    if made[0][1].shape != shape:
        raise ImagesError(
            f"images are {shape_said(made[0][1].shape)}, and the model reads {shape_said(shape)}"
        )
    inputs = _from_images(made)
    return replace(inputs, known=tuple(found.notes), conversions=Counter(conversions))


def _from_images(parts: list[tuple[str, Images]]) -> Inputs:
    names: list[str] = []
    labels: list[str] = []
    places: list[tuple[Images, int]] = []
    for prefix, images in parts:
        names += [f"{prefix}/{i}" if prefix else str(i) for i in range(len(images))]
        known = images.labels if images.labels is not None else [UNLABELLED] * len(images)
        labels += [class_name(images.class_names, int(label)) for label in known]
        places += [(images, i) for i in range(len(images))]

    def read(number: int) -> Read:
        images, i = places[number]
        return np.asarray(images.pixels[i]), ()

    return Inputs(names, labels, read)


def class_name(names: Sequence[str], label: int) -> str:
    """The name of a class by its number, "" where there is none."""
    return "" if label == UNLABELLED or not names else names[label]


def _from_files(
    paths: list[Path],
    names: list[str],
    labels: list[str],
    shape: Shape,
    skip_bad: bool,
    as_they_are: bool,
) -> Inputs:
    channels, height, width = shape
    size = height if height == width and not as_they_are else None
    colour = None if as_they_are else "rgb" if channels == 3 else "gray"

    def read(number: int) -> Read | str:
        path = paths[number]
        try:
            if path.stat().st_size > MAX_BYTES:
                return f"the file has more than {MAX_BYTES:,} bytes"
            pixels, kinds = decode(path.read_bytes(), size=size, channels=colour)
        except Exception as error:
            # A decoder may raise anything on a damaged file; all of it is reported, none is hidden.
            return why_unreadable(error)
        return pixels, kinds

    return Inputs(names, labels, read, skip_bad, shape=shape)
