"""What a folder of images holds: files, classes, splits. No image is opened yet."""

import os
import re
import stat
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from tacit.errors import ImagesError
from tacit.images.bounded import shown
from tacit.images.classes import Classes, classes_of, visible
from tacit.images.dataset import UNLABELLED
from tacit.images.own import RESULTS, among_others
from tacit.images.tables import Names, errors_listed, read_tables

ENDINGS = (
    ".png", ".jpg", ".jpeg", ".jfif", ".jpe", ".bmp", ".tif", ".tiff", ".webp", ".gif",
    ".ppm", ".pgm", ".pbm", ".pnm",
)  # fmt: skip
LABELS = "labels.csv"

_LISTED = 12
_ROLES = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "val": "other",
    "valid": "other",
    "validation": "other",
    "dev": "other",
    "eval": "other",
    "evaluation": "other",
    "unlabeled": "unlabelled",
    "unlabelled": "unlabelled",
}
"""What a folder is for by its name, in capitals or not; other names are those of classes."""

_SYSTEM = ("__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found")
"""Folders that archivers and file servers leave behind; some hold small copies of the pictures."""

_TABLES = (".csv", ".tsv", ".xlsx", ".xls", ".ods")


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
        meaning: what was taken for a class and for a split, in a sentence.
        notes: further sentences for people.
        missing: what to say of each row of labels.csv that names no image.
        bad: path and reason of what should be an image and cannot be one.
        folders: sub-folders, and theirs, by their paths; others deeper down are not noted.
        links: what leads out of the folder or to folders, by its path; it is not followed.
        others: how many files have other endings, by their sub-folder and ending.
    """

    root: Path
    entries: list[Entry] = field(default_factory=list)
    class_names: tuple[str, ...] = ()
    meaning: str = ""
    notes: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    bad: list[tuple[str, str]] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    others: Counter[tuple[str, str]] = field(default_factory=Counter)


def list_folder(root: Path, *, classes: bool = True) -> Listing:
    """List a folder whose sub-folders are classes, or that has a labels.csv, or that is flat.

    A flat folder has no labels. If the sub-folders are called `train` and `test` (or `training` and
    `testing`, in capitals or not), they are the split, and their sub-folders the classes; images of
    a sub-folder `unlabeled` are learned from without labels. Names that begin with a dot, folders
    that the system leaves behind or that hold tacit's own results, and pictures that it wrote among
    others are passed over.

    Args:
        root: the folder.
        classes: False lists the images alone, whatever sub-folders and labels.csv say.

    Raises:
        ImagesError: there are no images, the layout is none of these, or labels.csv is wrong. Its
            rows that name no image are in what is returned.
    """
    root = root.resolve()
    listing = Listing(root)
    files = dict(sorted(_walk(listing), key=lambda item: os.fsencode(item[0])))
    own = among_others(root, files)
    files = {path: stamp for path, stamp in files.items() if path not in own}
    if not files and not listing.bad:
        raise ImagesError(
            f"{shown(root)}: holds no images; they are files that end with {', '.join(ENDINGS)}"
            + "".join(f". {note}" for note in _passed_over(listing))
        )
    labels: dict[str, str] = {}
    sides: dict[str, str] = {}
    named = Classes((), {"": UNLABELLED})
    if classes:
        table = _table(root)
        if table is not None:
            labels, sides = _from_table(table, files, listing)
        else:
            labels, sides = _from_folders(files, listing)
        where = f"{shown(root)}: {LABELS}" if table else shown(root)
        counts = Counter(labels.get(path, "") for path in files)
        named = classes_of(counts, where, folders=table is None)
        listing.notes += named.notes
    listing.class_names = named.names
    for path, stamp in files.items():
        label = named.number_of(labels.get(path, ""))
        listing.entries.append(Entry(path, stamp, label, sides.get(path, "")))
    if classes:
        listing.meaning += _classes_said(listing)
    elif any("/" in path for path in files):
        listing.meaning = "Sub-folders say nothing here: labels come from a table."
    if own:
        some = ", ".join(shown(Path(path)) for path in sorted(own)[:3]) + ", …" * (len(own) > 3)
        listing.notes.append(f"Pictures that tacit made, passed over: {len(own):,} ({some}).")
    listing.notes += _passed_over(listing)
    return listing


def _classes_said(listing: Listing) -> str:
    """How many images each class has."""
    counts = Counter(entry.label for entry in listing.entries)
    names = listing.class_names
    if not names:
        return ""
    said = [f"{name} ({counts[number]:,})" for number, name in enumerate(names)]
    more = ", …" if len(said) > _LISTED else ""
    without = f"; without a label: {counts[UNLABELLED]:,}" if counts[UNLABELLED] else ""
    what = "1 class" if len(names) == 1 else f"{len(names):,} classes"
    return f" {what}: {', '.join(said[:_LISTED])}{more}{without}."


def _passed_over(listing: Listing) -> list[str]:
    """What was found and is not read."""
    notes = []
    if listing.links:
        some = ", ".join(sorted(listing.links)[:3]) + ", …" * (len(listing.links) > 3)
        notes.append(
            "Not followed, as links out of the folder or to folders: "
            f"{len(listing.links):,} ({some})."
        )
    if n_others := sum(listing.others.values()):
        endings: Counter[str] = Counter()
        for (_, ending), n in listing.others.items():
            endings[ending] += n
        notes.append(
            f"Files that are no images by their ending, passed over: {n_others:,} "
            f"({_endings(endings)})."
        )
    return notes


def _endings(counts: Mapping[str, int]) -> str:
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    listed = ", ".join(f"{ending or 'without an ending'} {n:,}" for ending, n in most[:5])
    return listed + ", …" * (len(most) > 5)


def _walk(listing: Listing) -> Iterator[tuple[str, Stamp]]:
    """All image files below the root; what is found on the way is noted in `listing`."""
    pending = [""]
    while pending:
        prefix = pending.pop()
        try:
            with os.scandir(listing.root / prefix) as found:
                names = {entry.name: entry for entry in found}
        except OSError as error:
            listing.bad.append((shown(Path(prefix or ".")), error.strerror or str(error)))
            continue
        if prefix and not names.keys().isdisjoint(RESULTS):
            listing.notes.append(f"tacit's own results in {shown(Path(prefix))}, passed over.")
            continue
        if prefix and prefix.count("/") <= 2:
            listing.folders.append(prefix[:-1])
        inside = [entry for name, entry in names.items() if not name.startswith(".")]
        for entry in inside:
            path = prefix + entry.name
            if entry.is_symlink() and (entry.is_dir() or not _inside(entry.path, listing.root)):
                listing.links.append(shown(Path(path)))
            elif entry.is_dir():
                if entry.name.lower() not in _SYSTEM:
                    pending.append(path + "/")
            elif not entry.name.lower().endswith(ENDINGS):
                if path.lower() != LABELS:
                    ending = PurePosixPath(path).suffix.lower()
                    listing.others[prefix[:-1], shown(Path(ending)) if ending else ""] += 1
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


def _table(root: Path) -> Path | None:
    """The table of labels in a folder, whatever the case of its name."""
    found = sorted(path for path in root.iterdir() if path.name.lower() == LABELS)
    found = [path for path in found if path.is_file() and _inside(path, root)]
    if len(found) > 1:
        raise ImagesError(
            f"{shown(root)}: holds {' and '.join(path.name for path in found)}; keep one of them"
        )
    return found[0] if found else None


def _from_folders(
    files: Mapping[str, Stamp], listing: Listing
) -> tuple[dict[str, str], dict[str, str]]:
    """Class and side of each file by the folders that it lies in."""
    root = listing.root
    flat = [path for path in files if "/" not in path]
    tops: dict[str, list[str]] = defaultdict(list)
    for path in files:
        if "/" in path:
            tops[path.split("/")[0]].append(path)
    if tops and flat:
        raise ImagesError(
            f"{shown(root)}: {len(flat):,} images lie beside sub-folders with images "
            f"({', '.join(shown(Path(top)) for top in list(tops)[:3])}). Sub-folders are classes: "
            f"put all images into one, or name their classes in {LABELS} (path,label)"
        )
    if not tops:
        listing.meaning = "All images lie in one folder, which says nothing of classes: no labels."
        listing.notes += _tables_beside(root)
        return {}, {}
    roles = {top: _role(top) for top in tops}
    kinds = set(roles.values()) - {"", "unlabelled"}
    if kinds and all(roles.values()):
        return _from_split(tops, roles, listing)
    exact = kinds - {"like"}
    nested = [top for top in tops if roles[top] in exact and any(map(_is_deep, tops[top]))]
    if len(exact) > 1 or nested:
        looks = [top for top, role in roles.items() if role in exact]
        raise ImagesError(
            f"{shown(root)}: of its sub-folders, {_and(looks)} look like a split, and "
            f"{_and([top for top in tops if top not in looks])} like classes. Put the classes into "
            f"`train` and `test`, rename what is no split, or name all classes in {LABELS}"
        )
    classes = [top for top in tops if roles[top] != "unlabelled"]
    if len(classes) == 1:
        _check_height(root, classes[0], tops[classes[0]])
    listing.notes += _without_images(listing, 1, set(tops))
    under = {top: {p.split("/")[1] if _is_deep(p) else "" for p in tops[top]} for top in classes}
    _check_repeated(root, under)
    below = set[str]().union(*under.values()) - {""}
    if sides := {name for name in below if _role(name) in ("train", "test")}:
        raise ImagesError(
            f"{shown(root)}: folders called {_and(sides)} lie below {_and(classes[:3])}"
            f"{', …' * (len(classes) > 3)}. A split of your own stands above the classes "
            f"(train/{shown(Path(classes[0]))}, test/{shown(Path(classes[0]))}), or in {LABELS} "
            "(path,label,split)"
        )
    deeper = (
        f" Folders in them ({_and(sorted(below)[:3])}{', …' * (len(below) > 3)}) say nothing."
        if below
        else ""
    )
    listing.meaning = f"Sub-folders are classes.{deeper}"
    if len(classes) < len(tops):
        listing.meaning += f" Images in {_and(set(tops) - set(classes))} have no label."
    return {path: top for top in classes for path in tops[top]}, {}


def _role(name: str) -> str:
    """What a folder is for by its name: a side, "unlabelled", "like" one of these, or ""."""
    name = name.strip().lower()
    if name in _ROLES:
        return _ROLES[name]
    words = set(re.split(r"[^a-z]+", name)) & {word for word, r in _ROLES.items() if r != "other"}
    return "like" if words else ""


def _is_deep(path: str) -> bool:
    return path.count("/") > 1


def _and(names: "set[str] | list[str]") -> str:
    return ", ".join(shown(Path(name)) for name in (sorted(names)))


def _check_height(root: Path, only: str, paths: list[str]) -> None:
    """See that a single sub-folder is a class, and does not hold the classes."""
    below = sorted({path.split("/")[1] for path in paths if _is_deep(path)})
    if below:
        raise ImagesError(
            f"{shown(root)}: has one sub-folder, {shown(Path(only))}, and it holds folders "
            f"({_and(below[:5])}{', …' * (len(below) > 5)}). Where these are the classes, name the "
            f"folder that they lie in: {shown(root / only)}"
        )


def _check_repeated(root: Path, under: Mapping[str, set[str]]) -> None:
    """See that folders of the same names do not lie in every class: either may be the classes.

    Args:
        root: the folder.
        under: the folders in each sub-folder; "" is among them where images lie there directly.
    """
    if len(under) < 2:
        return
    repeated = set.intersection(*under.values())
    if len(repeated) < 2 or any("" in names for names in under.values()):
        return
    tops = _and(list(under)[:3]) + ", …" * (len(under) > 3)
    names = _and(sorted(repeated)[:5]) + ", …" * (len(repeated) > 5)
    raise ImagesError(
        f"{shown(root)}: {tops} all hold folders called {names}, and either may be the classes. "
        f"Put the images of each class into one folder, or name their classes in {LABELS} "
        "(path,label; a column split may say which are tested on)"
    )


def _from_split(
    tops: Mapping[str, list[str]], roles: Mapping[str, str], listing: Listing
) -> tuple[dict[str, str], dict[str, str]]:
    """Class and side where the sub-folders are training and test images."""
    root = listing.root
    of = {role: [top for top in tops if roles[top] == role] for role in set(roles.values())}
    if {*of} - {"unlabelled"} != {"train", "test"} or any(len(of[role]) > 1 for role in of):
        raise ImagesError(
            f"{shown(root)}: its sub-folders are {_and(list(tops))}; a split of your own is made "
            "of `train` and `test` (and `unlabeled` for images without labels, learned from too), "
            "once each, and nothing else. Put validation images into one of them, rename the "
            f"folders so, or name classes and split in {LABELS} (path,label,split)"
        )
    (train,), (test,) = of["train"], of["test"]
    parts = [path for top in (train, test) for path in tops[top]]
    if len({_is_deep(path) for path in parts}) > 1:
        raise ImagesError(
            f"{shown(root)}: in `{train}` and `{test}`, images lie in sub-folders (classes) or "
            "directly (no labels), not both"
        )
    labels = {path: path.split("/")[1] for path in parts if _is_deep(path)}
    if len(set(labels.values())) == 1:
        for top in (train, test):
            inside = [path.split("/", 1)[1] for path in tops[top]]
            _check_height(root / top, next(iter(labels.values())), inside)
    sides = {path: roles[top] for top in (train, test) for path in tops[top]}
    sides |= {path: "train" for top in of.get("unlabelled", ()) for path in tops[top]}
    listing.meaning = (
        f"Sub-folders are training images ({shown(Path(train))}) and test images "
        f"({shown(Path(test))})"
        + (", their sub-folders classes." if labels else "; they have no labels.")
    )
    if "unlabelled" in of:
        listing.meaning += f" Images in {_and(of['unlabelled'])} are learned from, without labels."
    if labels:
        with_images = {"/".join(path.split("/")[:2]) for path in parts}
        listing.notes += _without_images(listing, 2, with_images)
    return labels, sides


def _without_images(listing: Listing, depth: int, with_images: set[str]) -> list[str]:
    """A note on folders that would be classes, and hold no image that is read."""
    said = []
    for folder in sorted(listing.folders):
        if folder.count("/") != depth - 1 or folder in with_images:
            continue
        endings: Counter[str] = Counter()
        for (where, ending), n in listing.others.items():
            if where == folder or where.startswith(f"{folder}/"):
                endings[ending] += n
        why = _endings(endings) if endings else "no files"
        if not any(other.startswith(f"{folder}/") for other in with_images):
            said.append(f"{shown(Path(folder))} ({why})")
    if not said:
        return []
    more = f" and {len(said) - _LISTED:,} more" if len(said) > _LISTED else ""
    return [f"Folders without an image, which are no classes: {', '.join(said[:_LISTED])}{more}."]


def _tables_beside(root: Path) -> list[str]:
    """A note on files that may hold labels, and are not read."""
    found = sorted(
        p.name
        for p in root.iterdir()
        if p.is_file()
        and (p.suffix.lower() in _TABLES or p.name.lower().startswith(("label", "annotation")))
        and not p.name.lower().endswith(ENDINGS)
    )
    if not found:
        return []
    listed = ", ".join(shown(Path(name)) for name in found[:3]) + ", …" * (len(found) > 3)
    return [f"{listed}: not read; a table of labels is called {LABELS} (path,label)."]


def _from_table(
    table: Path, files: Mapping[str, Stamp], listing: Listing
) -> tuple[dict[str, str], dict[str, str]]:
    """Class and side of each file as labels.csv says; files that it does not name have neither."""
    source = shown(listing.root)
    names = Names(files, "path", shown(Path(listing.root.name)), listing.root)
    told = read_tables([table], names, left_out=_as_named(listing), sides=True)
    if told.errors:
        raise ImagesError(f"{source}: {errors_listed(told.errors, shown(Path(table.name)))}")
    deep = any("/" in path for path in files)
    if deep and not (told.sides or told.missing or any(map(visible, told.labels.values()))):
        raise ImagesError(
            f"{source}: {shown(Path(table.name))} gives no image a label, and where there is such "
            "a table sub-folders are no classes. Fill it in, or move it away where they are"
        )
    listing.missing = told.missing
    listing.notes += told.notes
    listing.meaning = (
        f"{shown(Path(table.name))} says what the images are; sub-folders say nothing."
        if deep
        else f"{shown(Path(table.name))} says what the images are."
    )
    return told.labels, told.sides


def _as_named(listing: Listing) -> list[str]:
    return [name for name, _ in listing.bad]
