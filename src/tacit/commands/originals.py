"""Original pictures that a command names, of whatever sizes: nothing is made alike."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path

import numpy as np

from tacit.commands.inputs import class_name, is_image_folder, parts_of
from tacit.errors import ImagesError, UnreadableImagesError
from tacit.images.alike import conversions_said
from tacit.images.bounded import shown
from tacit.images.catalog import NAMES
from tacit.images.dataset import UNLABELLED
from tacit.images.decoding import MAX_BYTES, picture, why_unreadable
from tacit.images.folders import check_missing
from tacit.images.listing import ENDINGS, Entry, list_folder
from tacit.images.originals import ImageFiles, Originals, joined, of_pictures
from tacit.images.parallel import in_order


@dataclass(frozen=True)
class Found:
    """Pictures in their order, with the names of their classes, "" where unknown."""

    originals: Originals
    labels: list[str]
    notes: list[str] = field(default_factory=list)


def originals_of(
    source: str,
    data_dir: Path | None,
    skip_bad: bool,
    limit: int | None,
    progress: Callable[[int, int], None],
) -> Found:
    """The pictures called `source`: all of a folder, a named set or an array file.

    Args:
        skip_bad: leave files that cannot be read out; otherwise none is decoded yet.
        limit: only the first so many.
        progress: called with (done, total) while files are read.

    Raises:
        ImagesError: they cannot be used.
    """
    path = Path(source)
    if source not in NAMES and is_image_folder(source, data_dir):
        return _of_folder(path, skip_bad, limit, progress)
    found, conversions, notes = parts_of(source, path, data_dir)
    parts = [images for _, images in found]
    known = [images.originals for images in parts if images.originals is not None]
    labels = [
        class_name(images.class_names, int(label))
        for images in parts
        for label in (
            images.labels if images.labels is not None else np.full(len(images), UNLABELLED)
        )
    ]
    originals = reduce(joined, known)
    said = [*notes, *conversions_said(conversions)]
    return Found(originals.take(np.arange(len(originals))[:limit]), labels[:limit], said)


def named_originals(
    sources: Sequence[str],
    data_dir: Path | None,
    skip_bad: bool,
    limit: int | None,
    progress: Callable[[int, int], None],
) -> Found:
    """As `originals_of`; several sources are image files."""
    if not all(Path(one).suffix.lower() in ENDINGS for one in sources):
        if len(sources) > 1:
            odd = next(one for one in sources if Path(one).suffix.lower() not in ENDINGS)
            raise ImagesError(
                f"{odd} is no image file; several sources can be named where all are files that "
                f"end with {', '.join(ENDINGS)}"
            )
        return originals_of(sources[0], data_dir, skip_bad, limit, progress)
    paths = [Path(one) for one in sources][:limit]
    bad = {}
    for number, path in enumerate(paths):
        try:
            picture(path.read_bytes(), 1)
        except Exception as error:
            # A decoder may raise anything on a damaged file; all of it is reported, none is hidden.
            bad[path] = str(error) or type(error).__name__
        progress(number + 1, len(paths))
    listed = [(shown(path), reason) for path, reason in bad.items()]
    if len(bad) == len(paths) or (bad and not skip_bad):
        raise UnreadableImagesError(listed, len(paths))
    notes = [
        f"Left out because they cannot be read: {len(bad)} "
        f"({'; '.join(f'{name} ({reason})' for name, reason in listed)})."
    ]
    found = of_pictures([path for path in paths if path not in bad])
    return Found(found, [""] * len(found), notes if bad else [])


def _of_folder(
    path: Path, skip_bad: bool, limit: int | None, progress: Callable[[int, int], None]
) -> Found:
    listing = list_folder(path)
    check_missing(listing, skip_bad)
    if listing.bad and not skip_bad:
        raise UnreadableImagesError(listing.bad, len(listing.entries) + len(listing.bad))
    bad = list(listing.bad)
    entries = listing.entries[:limit]

    def read(entry: Entry) -> bytes | str:
        try:
            if entry.stamp[0] > MAX_BYTES:
                return f"the file has more than {MAX_BYTES:,} bytes"
            data = (listing.root / entry.path).read_bytes()
            if skip_bad:
                picture(data, 1)
        except Exception as error:
            # A decoder may raise anything on a damaged file; all of it is reported, none is hidden.
            return why_unreadable(error)
        return hashlib.sha256(data).digest()

    rows, hashes = [], []
    for i, found in enumerate(in_order(read, entries)):
        if isinstance(found, str):
            bad.append((shown(Path(entries[i].path)), found))
        else:
            rows.append(i)
            hashes.append(found)
        progress(i + 1, len(entries))
    if not rows or (bad and not skip_bad):
        raise UnreadableImagesError(bad, len(entries))
    names = tuple(entry.path for entry in listing.entries)
    originals = ImageFiles(
        listing.root,
        tuple(names[i] for i in rows),
        tuple(hashes),
        np.array(rows, np.int64),
        names,
    )
    labels = [class_name(listing.class_names, entries[i].label) for i in rows]
    listed = "; ".join(f"{name} ({reason})" for name, reason in bad)
    left_out = f"Left out because they cannot be read: {len(bad)} ({listed})."
    notes = [listing.meaning.strip(), *listing.notes, *([left_out] if bad else [])]
    return Found(originals, labels, list(filter(None, notes)))
