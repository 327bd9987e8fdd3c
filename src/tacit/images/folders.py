"""A folder of images, decoded once, in parallel, into a cache that is mapped into memory."""

import hashlib
import os
import shutil
import statistics
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import PIL
from numpy.typing import NDArray

from tacit.errors import ImagesError, UnlikeImagesError, UnreadableImagesError
from tacit.images.alike import left_out_said
from tacit.images.bounded import shown
from tacit.images.cache import cache_folder, new_folder
from tacit.images.dataset import UNLABELLED, Split
from tacit.images.decoding import (
    MAX_BYTES,
    decode,
    looks_grey,
    open_header,
    upright_size,
    why_unreadable,
)
from tacit.images.listing import LABELS, Entry, Listing, list_folder
from tacit.images.opened import Opened, own_files
from tacit.images.originals import ImageFiles
from tacit.images.parallel import in_order
from tacit.images.pixelcache import SIDES, PixelWriter, Stored, finish, stored
from tacit.images.splits import both_sides, in_test
from tacit.images.tables import errors_listed

_VERSION = 5
"""Raised when decoding or the record changes: an older cache is not taken for a newer one."""

_USUAL_SIDES = (8, 16, 28, 32, 48, 64, 96, 128, 192, 256)

Progress = Callable[[int, int], None]


class _Decoded(NamedTuple):
    """An image file: SHA-256 of its bytes, pixels, and the kinds of conversion applied."""

    content: bytes
    pixels: NDArray[np.uint8]
    kinds: list[str]


def read_folder(
    root: Path,
    *,
    size: int | None = None,
    channels: str | None = None,
    skip_bad: bool = False,
    progress: Progress | None = None,
    whole: bool = False,
) -> Opened:
    """The images of a folder; arguments and layouts as in `sources.open_images`.

    With `whole` all of them are training images, in the order of `list_folder` and without labels,
    whatever the layout.

    The pixels are written to the cache once, training and test images apart, and mapped into
    memory: a folder may be larger than memory. The cache is found again by the path, size and
    times of every file, and used only while it holds what was written.

    Raises:
        UnreadableImagesError: images cannot be read, and `skip_bad` is False.
        ImagesError: the layout, `labels.csv` or the images' shapes do not fit.
    """
    listing = list_folder(root, classes=not whole)
    check_missing(listing, skip_bad)
    source = shown(Path(root.name))
    folder = cache_folder("folders") / (_key(listing, size, channels) + "-whole" * whole)
    kept = stored(folder, listing.class_names, source)
    if kept is None:
        shutil.rmtree(folder, ignore_errors=True)
        kept = _build(folder, listing, source, size, channels, skip_bad, progress, whole)
    if kept.skipped and not skip_bad:
        raise UnreadableImagesError(kept.skipped, len(listing.entries))
    how_read = _how_read(listing, kept, whole)
    return Opened(
        *_with_originals(listing, kept),
        own_files(source),
        [*how_read, *_notes(listing, kept, whole)],
        kept.conversions,
        kept.skipped,
        tuple([listing.entries[number].path for number in kept.entries[side]] for side in SIDES),
        how_read=how_read,
    )


def _with_originals(listing: Listing, kept: Stored) -> Split:
    """The images with the files that they come from."""
    paths = tuple(entry.path for entry in listing.entries)
    return Split(
        *(
            images.with_originals(
                ImageFiles(
                    listing.root,
                    tuple(paths[number] for number in kept.entries[side]),
                    tuple(kept.contents[side]),
                    np.array(kept.entries[side], np.int64),
                    paths,
                )
            )
            for side, images in zip(SIDES, kept.split, strict=True)
        )
    )


def check_missing(listing: Listing, skip_bad: bool) -> None:
    """See that every row of labels.csv names an image.

    Raises:
        ImagesError: some do not, and are not to be left out.
    """
    if listing.missing and not skip_bad:
        raise ImagesError(
            f"{shown(listing.root)}: {errors_listed(listing.missing, LABELS)}\n"
            "Mend these rows, or leave them out with skip_bad (--skip-bad)"
        )


def _key(listing: Listing, size: int | None, channels: str | None) -> str:
    """The name of the cache of a folder as it is now, read as asked."""
    digest = hashlib.sha256(repr((_VERSION, PIL.__version__, size, channels)).encode())
    digest.update(os.fsencode(listing.root))
    digest.update(repr((listing.class_names, listing.bad, listing.entries)).encode())
    return digest.hexdigest()


def _build(
    folder: Path,
    listing: Listing,
    source: str,
    size: int | None,
    channels: str | None,
    skip_bad: bool,
    progress: Progress | None,
    whole: bool,
) -> Stored:
    """Decode all images into a new cache."""
    skipped = list(listing.bad)
    contents: set[bytes] = set()
    read = partial(_read, root=listing.root, size=size, channels=channels)
    with new_folder(folder) as unfinished, warnings.catch_warnings():
        # Pillow warns of oddities in files that it reads nevertheless.
        warnings.simplefilter("ignore")
        with PixelWriter(unfinished) as writer, closing(in_order(read, listing.entries)) as results:
            for number, (entry, result) in enumerate(zip(listing.entries, results, strict=True)):
                if isinstance(result, str):
                    skipped.append((shown(Path(entry.path)), result))
                elif not writer.add(
                    "train" if whole else _side(entry, result.content, listing),
                    result.pixels,
                    entry.label,
                    result.kinds,
                    number,
                    result.content,
                ):
                    raise _unlike(listing, size, channels)
                else:
                    contents.add(result.content)
                if progress:
                    progress(number + 1, len(listing.entries))
        if skipped and not skip_bad:
            raise UnreadableImagesError(skipped, len(listing.entries))
        if whole and not writer.labels["train"]:
            raise UnreadableImagesError(skipped, len(listing.entries))
        if not whole:
            both_sides(len(writer.labels["train"]), len(writer.labels["test"]), source)
        n_copies = sum(map(len, writer.labels.values())) - len(contents)
        finish(writer, listing.class_names, source, skipped, n_copies)
    kept = stored(folder, listing.class_names, source)
    if kept is None:
        raise ImagesError(f"{shown(folder)}: the cache does not hold what was written to it")
    return kept


def _read(entry: Entry, *, root: Path, size: int | None, channels: str | None) -> _Decoded | str:
    """One image file decoded, or why it cannot be."""
    n_bytes, *_ = entry.stamp
    if n_bytes > MAX_BYTES:
        return f"the file has {n_bytes:,} bytes; the limit is {MAX_BYTES:,}"
    if n_bytes == 0:
        return "the file is empty"
    try:
        data = (root / entry.path).read_bytes()
        pixels, kinds = decode(data, size=size, channels=channels)
    except Exception as error:
        # A decoder may raise anything on a damaged file; all of it is reported, none is hidden.
        return why_unreadable(error)
    return _Decoded(hashlib.sha256(data).digest(), pixels, kinds)


def _side(entry: Entry, content: bytes, listing: Listing) -> str:
    """Learned from or tested on: as the user says, else by the file's content.

    Where only some images have labels, those without are learned from: they can test no answer.
    """
    if entry.side:
        return entry.side
    unlabelled = bool(listing.class_names) and entry.label == UNLABELLED
    return "test" if in_test(content) and not unlabelled else "train"


def _unlike(listing: Listing, size: int | None, channels: str | None) -> UnlikeImagesError:
    """What to say of images of different shapes; only their headers are read."""

    def header(entry: Entry) -> tuple[tuple[int, int], bool, bool] | None:
        try:
            image = open_header((listing.root / entry.path).read_bytes())
            size = upright_size(image)
            return size, size != image.size, not looks_grey(image)
        except Exception:  # unreadable images are reported once all others fit
            return None

    headers = [found for found in in_order(header, listing.entries) if found]
    shapes = Counter(shape for shape, *_ in headers)
    turned = sum(turned for _, turned, _ in headers)
    shorter = statistics.median(min(shape) for shape, *_ in headers)
    if size is None:
        size = max((side for side in _USUAL_SIDES if side <= shorter), default=_USUAL_SIDES[0])
    in_colour = any(colour for *_, colour in headers) if channels is None else channels == "rgb"
    proposed: Literal["gray", "rgb"] = "rgb" if in_colour else "gray"
    exif = f" (turned by EXIF: {turned:,})" if turned else ""
    common = ", ".join(f"{w}×{h} ({n:,})" for (w, h), n in shapes.most_common(3))
    message = (
        f"{shown(listing.root)}: the images differ in size or channels. Sizes: {len(shapes):,}, "
        f"most often {common}{exif}; in colour: {sum(colour for *_, colour in headers):,} of "
        f"{len(headers):,}. Make them alike with, for example, --size {size} --channels {proposed}"
    )
    return UnlikeImagesError(message, size, proposed)


def _how_read(listing: Listing, kept: Stored, whole: bool) -> tuple[str, ...]:
    """What the folder's layout was taken to mean, and which images are to test on."""
    n_train, n_test = map(len, kept.split)
    notes = [listing.meaning.strip()] if listing.meaning else []
    if not whole and not any(entry.side for entry in listing.entries):
        notes.append(
            f"{n_test:,} of {n_train + n_test:,} images, chosen by their content, are test images."
        )
    return tuple(notes)


def _notes(listing: Listing, kept: Stored, whole: bool) -> list[str]:
    """What a reader of a report should know of what was left out, and of copies."""
    n_train, n_test = map(len, kept.split)
    notes = [*left_out_said(kept.skipped)]
    if kept.n_copies:
        notes.append(
            f"Copies of another image, or links to one: {kept.n_copies:,} of {n_train + n_test:,}. "
            + "They are on the same side of the split. " * (not whole)
            + "Intervals over images count each of them, and are narrower for it."
        )
    if listing.missing:
        notes.append(f"Rows of {LABELS} left out, as they name no image: {len(listing.missing):,}.")
    notes += listing.notes
    return notes
