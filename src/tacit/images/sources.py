"""One door to all images: a named set, a folder, or a file."""

import difflib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from tacit.errors import ImagesError
from tacit.images import catalog, idx
from tacit.images.alike import check_wishes, conversions_said, made_alike
from tacit.images.arrays import Arrays, read_npy, read_npz, split_from_arrays
from tacit.images.bounded import errors_named, shown
from tacit.images.copies import one_label_each
from tacit.images.dataset import UNLABELLED
from tacit.images.folders import read_folder
from tacit.images.listing import ENDINGS
from tacit.images.opened import Opened, own_files
from tacit.images.splits import found_in_both, sides_by_content, stratified_subset
from tacit.images.values import as_array, few_levels
from tacit.streams import numpy_stream

_ARCHIVES = (".zip", ".tar", ".tgz", ".bz2", ".xz", ".7z", ".rar")


def open_images(
    source: str | os.PathLike[str] | ArrayLike | tuple[ArrayLike, ArrayLike] | Opened,
    *,
    data_dir: str | Path | None = None,
    train_size: int | None = None,
    train_most: int | None = None,
    size: int | None = None,
    channels: str | None = None,
    skip_bad: bool = False,
    duplicates: Literal["keep", "remove"] = "keep",
    progress: Callable[[int, int], None] | None = None,
    mirrors: Sequence[str] | None = None,
) -> Opened:
    """The images of `source`, split into training and test images.

    Args:
        source: a named set (`catalog.NAMES`; a folder of that name is "./mnist"); a folder of
            images (`listing.list_folder` says what its sub-folders and its `labels.csv` mean); a
            folder of idx files with MNIST's names; a .npy, .npz or idx file. Without a split of
            their own, images are split by content, about 80 to 20 (`splits.in_test`). Or arrays:
            images, or (images, labels), as `arrays.split_from_arrays` says; or what this function
            gave.
        data_dir: a folder that holds a named set's files; nothing is downloaded then.
        train_size: how many training images to take, stratified by class; None for all.
        train_most: take at most so many, where no `train_size` is given.
        size: make the images squares of this side (their centred square, resized).
        channels: "gray" or "rgb": make the images so.
        skip_bad: leave unreadable images of a folder out, and list them, instead of stopping.
        duplicates: "remove" leaves training images out whose pixels are those of a test image, and
            all copies of a picture that has two labels; the former are counted in any case, the
            latter an error.
        progress: called with (done, total) images while a folder is decoded.
        mirrors: addresses to download a named set from, in place of the published ones.

    Raises:
        ImagesError: the source is unknown or cannot be used as asked; the message says why and
            what would work.
    """
    check_wishes(size, channels)
    if not isinstance(source, str | os.PathLike):
        if data_dir is not None:
            raise ImagesError("`data_dir` is given with images; it belongs to a named set")
        opened = (
            source if isinstance(source, Opened) else _from_arrays(_in_memory(source), "arrays")
        )
        return _as_asked(opened, size, channels, duplicates, train_size, train_most)
    source = os.fspath(source)
    entry = catalog.IDX_SETS.get(source)
    if entry is not None:
        split, origin = catalog.read_idx_set(
            entry, data_dir=None if data_dir is None else Path(data_dir), mirrors=mirrors
        )
        opened = Opened(split.train, split.test, origin)
    elif data_dir is not None:
        raise ImagesError(
            f"`data_dir` is given, but {source!r} is no set that is downloaded; "
            f"these are {', '.join(catalog.IDX_SETS)}"
        )
    elif source in catalog.EMBEDDED:
        opened = Opened(*catalog.read_embedded(source), catalog.EMBEDDED[source])
    else:
        opened = _from_path(source, size, channels, skip_bad, progress)
    return _as_asked(opened, size, channels, duplicates, train_size, train_most)


def _in_memory(source: ArrayLike | tuple[ArrayLike, ArrayLike]) -> Arrays:
    """Images, or a pair of images and labels."""
    if not isinstance(source, tuple):
        return Arrays(as_array(source, "arrays"))
    if len(source) != 2:
        raise ImagesError(
            f"images are a tuple of {len(source)}; it is images, or the pair (images, labels)"
        )
    x, y = source
    return Arrays(as_array(x, "arrays"), np.asarray(as_array(y, "labels")))


def _as_asked(
    opened: Opened,
    size: int | None,
    channels: str | None,
    duplicates: Literal["keep", "remove"],
    train_size: int | None,
    most: int | None,
) -> Opened:
    """Made alike, copies dealt with, a subset taken, and what is there then described.

    most: training images that are taken where no size is asked for.
    """
    remove = duplicates == "remove"
    done = [note for note in opened.notes if note not in opened.present]
    opened = _alike(replace(opened, notes=done), size, channels)
    # Who wrote the labels of a published set is not asked to mend them.
    opened = one_label_each(opened, remove=remove, refuse=opened.origin.is_users)
    opened = _without_copies(opened) if remove else opened
    if train_size is None and most is not None:
        train_size = min(most, len(opened.train))
    opened = _taken(opened, train_size)
    present = tuple(_described(opened))
    return replace(opened, notes=[*opened.notes, *present], present=present)


def _from_path(
    source: str,
    size: int | None,
    channels: str | None,
    skip_bad: bool,
    progress: Callable[[int, int], None] | None,
) -> Opened:
    path = Path(source)
    with errors_named(path):
        if not source or not path.exists():
            raise ImagesError(_unknown(source))
        path = path.resolve()
        in_idx = path.is_dir() and idx.find_idx(path, idx.TRAIN_IMAGES) is not None
        if not (path.is_dir() or path.is_file()):
            raise ImagesError(f"{shown(path)}: neither a file nor a folder")
    name = shown(Path(path.name))
    if in_idx:
        return _from_arrays(idx.read_idx_set(path), name)
    if path.is_dir():
        return read_folder(path, size=size, channels=channels, skip_bad=skip_bad, progress=progress)
    suffix = path.suffix.lower()
    if suffix in ENDINGS:
        raise ImagesError(f"{shown(path)}: one image; name the folder of images, or an array file")
    if suffix in _ARCHIVES:
        raise ImagesError(f"{shown(path)}: an archive; unpack it, and name the folder of images")
    if suffix == ".npy":
        return _from_arrays(read_npy(path), name)
    if suffix == ".npz":
        return _from_arrays(read_npz(path), name)
    return _from_arrays(_idx_pair(path), name)


def _idx_pair(path: Path) -> Arrays:
    """The images of an idx file with the labels that lie beside it under the matching name."""
    name = path.name.removesuffix(".gz")
    partner = name.replace("images-idx3", "labels-idx1").replace("images.idx3", "labels.idx1")
    labels = idx.find_idx(path.parent, partner) if partner != name else None
    return Arrays(*idx.read_idx_pair(path, labels))


def _from_arrays(arrays: Arrays, name: str) -> Opened:
    images, test, conversions, notes = split_from_arrays(arrays, (), name)
    names = [str(number) for number in range(len(images))]
    if test is not None:
        names_test = [f"{number} of the test images" for number in range(len(test))]
        return Opened(images, test, own_files(name), notes, conversions, (), (names, names_test))
    whole = Opened(images, images, own_files(name), notes, conversions, (), (names, names))
    opened = whole.taken(*sides_by_content(images))
    return opened.read_so("The test images, about a fifth, were chosen by content.")


def _alike(opened: Opened, size: int | None, channels: str | None) -> Opened:
    conversions = dict(opened.conversions)
    train = made_alike(opened.train, size, channels, conversions)
    test = made_alike(opened.test, size, channels, conversions)
    return replace(opened, train=train, test=test, conversions=conversions)


def _without_copies(opened: Opened) -> Opened:
    """Without the training images that are test images too; the test set stays as it is."""
    copies = found_in_both(opened.test, opened.train)
    if not len(copies):
        return opened
    if len(copies) == len(opened.train):
        raise ImagesError(
            f"{opened.origin.name}: every training image is a copy of a test image; with "
            "duplicates removed nothing is left to learn from"
        )
    left = np.setdiff1d(np.arange(len(opened.train)), copies)
    note = f"{_images(len(copies))} left out of the training set as a copy of a test image."
    return replace(opened.taken(left), notes=[*opened.notes, note])


def _taken(opened: Opened, train_size: int | None) -> Opened:
    """Take the subset of the training images that is asked for."""
    train = opened.train
    if train_size is not None and not 1 <= train_size <= len(train):
        raise ImagesError(
            f"`train_size` is {train_size:,}; {opened.origin.name} has {len(train):,} training "
            "images, of which 1 to all can be taken"
        )
    if train_size is None or train_size == len(train):
        return opened
    labels = np.zeros(len(train), np.int64) if train.labels is None else train.labels
    note = (
        f"{train_size:,} of the {len(train):,} training images were taken"
        f"{'' if train.labels is None else ', stratified by class'}."
    )
    rows = stratified_subset(labels, train_size, numpy_stream(0, "train size"))
    return opened.taken(rows).read_so(note)


def _described(opened: Opened) -> Iterator[str]:
    """What a reader should know of the images as they are."""
    train, test = opened.train, opened.test
    yield from conversions_said(opened.conversions)
    if few := few_levels(chain(train.portions(), test.portions())):
        yield few
    if copies := len(found_in_both(train, test)):
        yield (
            f"{_images(copies)} of the test set {'is a copy' if copies == 1 else 'are copies'} "
            "of a training image."
        )
    unlabelled = 0 if train.labels is None else int((train.labels == UNLABELLED).sum())
    if unlabelled:
        yield f"{_images(unlabelled)} without a label among the training images."
    for images, side in ((train, "training"), (test, "test")):
        present = set() if images.labels is None else set(images.labels.tolist())
        absent = [name for number, name in enumerate(images.class_names) if number not in present]
        if absent:
            yield f"Without a {side} image: class {', '.join(absent)}."


def _images(n: int) -> str:
    return f"{n:,} image{'' if n == 1 else 's'}"


def _unknown(source: str) -> str:
    near = difflib.get_close_matches(source, catalog.NAMES, n=1)
    guess = f" Did you mean {near[0]!r}?" if near else ""
    return (
        f"{source!r} is neither a named set ({', '.join(catalog.NAMES)}) nor an existing file or "
        f"folder.{guess}"
    )
