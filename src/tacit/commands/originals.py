"""Original pictures that a command names, of whatever sizes: nothing is made alike."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path

import numpy as np

from tacit.commands.inputs import class_name, is_image_folder, parts_of
from tacit.errors import ImagesError, UnreadableImagesError
from tacit.images.alike import conversions_said, left_out_said
from tacit.images.bounded import printable, shown
from tacit.images.catalog import NAMES
from tacit.images.dataset import UNLABELLED
from tacit.images.decoding import MAX_BYTES, picture, why_unreadable
from tacit.images.folders import check_missing
from tacit.images.listing import ENDINGS, list_folder
from tacit.images.originals import ImageFiles, Originals, joined, of_pictures
from tacit.images.parallel import in_order
from tacit.images.parquet import parquet_file


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
    if path.suffix.lower() == ".parquet" and path.is_file():
        return _of_table(path, skip_bad, limit, progress)
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
    found = of_pictures([path for path in paths if path not in bad])
    return Found(found, [""] * len(found), left_out_said(listed))


def _of_folder(
    path: Path, skip_bad: bool, limit: int | None, progress: Callable[[int, int], None]
) -> Found:
    listing = list_folder(path)
    check_missing(listing, skip_bad)
    if listing.bad and not skip_bad:
        raise UnreadableImagesError(listing.bad, len(listing.entries) + len(listing.bad))
    bad = list(listing.bad)
    entries = listing.entries
    names = tuple(entry.path for entry in entries)
    originals = _hashed(listing.root, names, bad, skip_bad, limit, progress)
    labels = [class_name(listing.class_names, entries[i].label) for i in originals.numbers.tolist()]
    notes = [listing.meaning.strip(), *listing.notes, *left_out_said(bad)]
    return Found(originals, labels, list(filter(None, notes)))


def _of_table(
    path: Path, skip_bad: bool, limit: int | None, progress: Callable[[int, int], None]
) -> Found:
    """The image files that a parquet table names."""
    with parquet_file(path, ImagesError) as file:
        columns = file.schema_arrow.names
        wanted = [name for name in ("path", "label") if name in columns]
        table = file.read(columns=wanted)
    if "path" not in wanted:
        raise ImagesError(
            f"{shown(path)}: its columns are {printable(', '.join(columns[:8]))}; the column path "
            "names image files"
        )
    names = table.column("path").to_pylist()
    missing = [row for row, name in enumerate(names) if not isinstance(name, str) or not name]
    if missing or not names:
        which = f"row {missing[0]} has none" if missing else "it has no rows"
        raise ImagesError(f"{shown(path)}: the column path names image files; {which}")
    given = table.column("label").to_pylist() if "label" in wanted else [None] * len(names)
    bad: list[tuple[str, str]] = []
    originals = _hashed(path.parent, tuple(names), bad, skip_bad, limit, progress)
    labels = ["" if given[i] is None else str(given[i]) for i in originals.numbers.tolist()]
    return Found(originals, labels, left_out_said(bad))


def _hashed(
    root: Path,
    names: tuple[str, ...],
    bad: list[tuple[str, str]],
    skip_bad: bool,
    limit: int | None,
    progress: Callable[[int, int], None],
) -> ImageFiles:
    """The first `limit` of the files, read once; those that cannot be read are added to `bad`."""
    looked_at = names[:limit]

    def read(name: str) -> bytes | str:
        try:
            if (root / name).stat().st_size > MAX_BYTES:
                return f"the file has more than {MAX_BYTES:,} bytes"
            data = (root / name).read_bytes()
            if skip_bad:
                picture(data, 1)
        except Exception as error:
            # A decoder may raise anything on a damaged file; all of it is reported, none is hidden.
            return why_unreadable(error)
        return hashlib.sha256(data).digest()

    rows, hashes = [], []
    for i, found in enumerate(in_order(read, looked_at)):
        if isinstance(found, str):
            bad.append((shown(Path(looked_at[i])), found))
        else:
            rows.append(i)
            hashes.append(found)
        progress(i + 1, len(looked_at))
    if not rows or (bad and not skip_bad):
        raise UnreadableImagesError(bad, len(looked_at))
    return ImageFiles(
        root, tuple(names[i] for i in rows), tuple(hashes), np.array(rows, np.int64), names
    )
