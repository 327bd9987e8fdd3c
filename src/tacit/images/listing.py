"""What a folder of images holds: files, classes, splits. No image is opened yet."""

import csv
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from tacit.errors import ImagesError
from tacit.images.bounded import faults_named, shown
from tacit.images.dataset import UNLABELLED, check_classes

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
LABELS = "labels.csv"
MAX_TABLE = 256 << 20
"""Bytes that labels.csv may have: some millions of rows."""

_FAULTS_LISTED = 100
_SPLITS = ("train", "test")
_LOOKS_LIKE_SPLITS = {*_SPLITS, "val", "valid", "validation"}


Stamp = tuple[int, int, int]
"""What changes when a file does: its size, and its modification and change times in ns."""


class Entry(NamedTuple):
    """One image file: its path below the folder, class number, side ("" where content decides)."""

    path: str
    stamp: Stamp
    label: int = UNLABELLED
    side: str = ""


@dataclass
class Listing:
    """The images of a folder, in the order of their paths' bytes.

    Attributes:
        root: the folder.
        entries: the images.
        class_names: in the order of the class numbers; empty without labels.
        bad: path and reason of what should be an image and cannot be one.
        n_links: links that lead out of the folder or to folders; they are not followed.
        n_others: files with other endings.
    """

    root: Path
    entries: list[Entry] = field(default_factory=list)
    class_names: tuple[str, ...] = ()
    bad: list[tuple[str, str]] = field(default_factory=list)
    n_links: int = 0
    n_others: int = 0


def list_folder(root: Path, *, classes: bool = True) -> Listing:
    """List a folder whose sub-folders are classes, or that has a labels.csv, or that is flat.

    A flat folder has no labels. If the sub-folders are `train` and `test`, they are the split, and
    their sub-folders the classes. Names that begin with a dot are passed over.

    Args:
        root: the folder.
        classes: False lists the images alone, whatever sub-folders and labels.csv say.

    Raises:
        ImagesError: there are no images, the layout is none of these, or labels.csv is wrong.
    """
    root = root.resolve()
    listing = Listing(root)
    files = dict(sorted(_walk(listing), key=lambda item: os.fsencode(item[0])))
    table = root / LABELS
    labelled: dict[str, tuple[str, str]] = {}
    if not classes:
        pass
    elif table.is_file() and _inside(table, root):
        labelled = _from_table(table, files, listing)
    else:
        labelled = _from_folders(files, root)
    if not files and not listing.bad:
        raise ImagesError(
            f"{shown(root)}: holds no images; they are files that end with {', '.join(ENDINGS)}"
        )
    names = sorted({label for label, _ in labelled.values()} - {""}, key=os.fsencode)
    check_classes(len(names), max(map(len, names), default=0), shown(root))
    numbers = {"": UNLABELLED} | {name: number for number, name in enumerate(names)}
    listing.class_names = tuple(shown(Path(name)) for name in names)
    for path, stamp in files.items():
        label, side = labelled.get(path, ("", ""))
        listing.entries.append(Entry(path, stamp, numbers[label], side))
    return listing


def _walk(listing: Listing) -> Iterator[tuple[str, Stamp]]:
    """All image files below the root; what is found on the way is noted in `listing`."""
    pending = [""]
    while pending:
        prefix = pending.pop()
        try:
            with os.scandir(listing.root / prefix) as found:
                inside = [entry for entry in found if not entry.name.startswith(".")]
        except OSError as error:
            listing.bad.append((shown(Path(prefix or ".")), error.strerror or str(error)))
            continue
        for entry in inside:
            path = prefix + entry.name
            if entry.is_symlink() and (entry.is_dir() or not _inside(entry.path, listing.root)):
                listing.n_links += 1
            elif entry.is_dir():
                pending.append(path + "/")
            elif not entry.name.lower().endswith(ENDINGS):
                listing.n_others += path != LABELS
            else:
                try:
                    status = entry.stat()
                except OSError as error:
                    listing.bad.append((shown(Path(path)), error.strerror or str(error)))
                    continue
                if stat.S_ISREG(status.st_mode):
                    yield path, (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
                else:
                    # Opening a pipe would wait for ever.
                    listing.bad.append((shown(Path(path)), "not a regular file"))


def _inside(path: str | Path, root: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(root)


def _from_folders(files: Mapping[str, Stamp], root: Path) -> dict[str, tuple[str, str]]:
    """Class and side of each file by the folders that it lies in."""
    tops = {path.split("/")[0] for path in files if "/" in path}
    flat = [path for path in files if "/" not in path]
    if tops and flat:
        raise ImagesError(
            f"{shown(root)}: {len(flat):,} images lie beside sub-folders with images. Sub-folders "
            f"are classes: put all images into one, or name their classes in {LABELS} "
            "(path,label)"
        )
    if "train" in tops and tops <= _LOOKS_LIKE_SPLITS:
        if tops != set(_SPLITS):
            raise ImagesError(
                f"{shown(root)}: its sub-folders are {', '.join(sorted(tops))}; a split of your "
                "own is made of `train` and `test`, and nothing else"
            )
        parts = {path: path.split("/") for path in files}
        depths = {len(part) > 2 for part in parts.values()}
        if len(depths) > 1:
            raise ImagesError(
                f"{shown(root)}: in `train` and `test`, images lie in sub-folders (classes) or "
                "directly (no labels), not both"
            )
        return {path: (part[1] if len(part) > 2 else "", part[0]) for path, part in parts.items()}
    return {path: (path.split("/")[0], "") for path in files if "/" in path}


def _from_table(
    table: Path, files: Mapping[str, Stamp], listing: Listing
) -> dict[str, tuple[str, str]]:
    """Class and side of each file as labels.csv says; files that it does not name have neither."""
    if (size := table.stat().st_size) > MAX_TABLE:
        raise ImagesError(f"{shown(table)}: has {size:,} bytes; {MAX_TABLE:,} are read")
    labelled: dict[str, tuple[str, str]] = {}
    missing = {name for name, _ in listing.bad}
    faults: list[str] = []
    n_faults = 0
    # Names on disk are bytes; surrogateescape lets those that are no UTF-8 match.
    with (
        faults_named(table),
        table.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream,
    ):
        rows = csv.reader(stream, strict=True)
        try:
            header = [name.strip().lower() for name in next(rows, [])]
            if header not in (["path", "label"], ["path", "label", "split"]):
                raise ImagesError(
                    f"{shown(table)}: its first line is {','.join(header)!r}; "
                    "it must be path,label or path,label,split"
                )
            for row in filter(None, rows):
                fault = _read_row(row, len(header), files, labelled, listing, missing)
                n_faults += bool(fault)
                if fault and n_faults <= _FAULTS_LISTED:
                    faults.append(f"\n  line {rows.line_num}: {fault}")
        except csv.Error as error:
            raise ImagesError(f"{shown(table)}: line {rows.line_num}: {error}") from None
    if faults:
        more = n_faults - len(faults)
        further = f"\n  and {more:,} more" if more else ""
        raise ImagesError(f"{shown(table)}: {n_faults:,} faults:{''.join(faults)}{further}")
    return labelled


def _read_row(
    row: list[str],
    n_columns: int,
    files: Mapping[str, Stamp],
    labelled: dict[str, tuple[str, str]],
    listing: Listing,
    missing: set[str],
) -> str:
    """Take one row in; what is wrong with it, or "". `missing` are the names in `listing.bad`."""
    if len(row) != n_columns:
        return f"{len(row)} values for {n_columns} columns"
    name, label, side = row[0].strip(), row[1].strip(), row[2].strip() if n_columns == 3 else ""
    readable = shown(Path(name))
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        return f"{readable!r} leads out of the folder"
    if side not in ("", *_SPLITS):
        return f"split is {side!r}; it is train, test or empty"
    if str(path) in labelled:
        return f"{readable!r} is named twice"
    if str(path) in files:
        labelled[str(path)] = (label, side)
    elif readable not in missing:
        missing.add(readable)
        listing.bad.append((readable, f"named in {LABELS}, but there is no such image"))
    return ""
