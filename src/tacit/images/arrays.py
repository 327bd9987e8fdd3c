"""Images from arrays: in memory, .npy and .npz."""

import math
import re
import zipfile
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tacit.errors import ImagesError
from tacit.images.alike import count
from tacit.images.bounded import errors_named, read_exactly, shown
from tacit.images.classes import classes_of, missing_in
from tacit.images.dataset import MAX_CLASSES, UNLABELLED, Images, check_classes
from tacit.images.originals import Originals, of_arrays
from tacit.images.values import range_of

_KEYS = {
    "x": ("x", "images", "x_train"),
    "y": ("y", "labels", "y_train"),
    "x_test": ("x_test",),
    "y_test": ("y_test",),
}
_ROWS = 1024
_MAX_HEADER = 10_000
_HEADER = re.compile(
    r"\s*\{\s*'descr'\s*:\s*'([<>|=]?[biufU]\d{1,6})'\s*,"
    r"\s*'fortran_order'\s*:\s*(True|False)\s*,"
    r"\s*'shape'\s*:\s*\(((?:\s*\d{1,19}\s*,)*(?:\s*\d{1,19})?\s*)\)\s*,?\s*\}\s*"
)
"""What NumPy writes above an array. Its own reader evaluates the text; this one matches it."""


class Arrays(NamedTuple):
    """Images and labels as a file holds them; None for what it does not hold."""

    x: NDArray[Any]
    y: NDArray[Any] | None = None
    x_test: NDArray[Any] | None = None
    y_test: NDArray[Any] | None = None


class FromArrays(NamedTuple):
    """Training images, test images where there are any, and what was done to them and is said."""

    train: Images
    test: Images | None
    conversions: dict[str, int]
    notes: list[str]


def split_from_arrays(arrays: Arrays, class_names: tuple[str, ...], source: str) -> FromArrays:
    """Images from arrays, with how many were converted how.

    Images are (n, h, w), (n, h, w, c) or (n, c, h, w) with one or three channels; what the values
    mean is said in `values.range_of`. Labels are (n,), whole numbers (also as floating-point
    values), booleans or names; -1, NaN and what `classes.MISSING` lists mean that an image has
    none. Those of both sides are numbered together, so that a class has the same number in both.

    Args:
        arrays: as a file or a user gives them.
        class_names: of the class numbers 0, 1, … Without them, the classes are the distinct labels
            in order, named after themselves.
        source: where they come from, for people to read.

    Raises:
        ImagesError: the shape, the values or the labels are none of these.
    """
    conversions: dict[str, int] = {}
    x = _pixels(arrays.x, source, conversions)
    x_test = None if arrays.x_test is None else _pixels(arrays.x_test, source, conversions)
    if x_test is not None and x_test.shape[1:] != x.shape[1:]:
        raise ImagesError(
            f"{source}: training images are of shape {x.shape[1:]}, test images of "
            f"{x_test.shape[1:]} (channels, height, width)"
        )
    for images, labels in ((x, arrays.y), (x_test, arrays.y_test)):
        if labels is not None and (images is None or labels.shape != (len(images),)):
            one_hot = images is not None and labels.ndim == 2 and len(labels) == len(images)
            way = "y.argmax(axis=1)" if one_hot and labels.shape[1] > 1 else "y[:, 0]"
            raise ImagesError(
                f"{source}: {0 if images is None else len(images):,} images have labels of shape "
                f"{labels.shape}; there is one label for each image"
                + f" ({way} makes it so)"
                * one_hot
            )
    own, *others = of_arrays(*(part for part in (x, x_test) if part is not None))
    own_test = others[0] if others else None
    given = [y for y in (arrays.y, arrays.y_test) if y is not None]
    if not given:
        test = None if x_test is None else Images(x_test, source=source, originals=own_test)
        return FromArrays(Images(x, source=source, originals=own), test, conversions, [])
    numbers, class_names, notes = _encode(np.concatenate(given), class_names, source)

    def images_of(
        pixels: NDArray[np.uint8], y: NDArray[Any] | None, start: int, originals: Originals | None
    ) -> Images:
        unlabelled = np.full(len(pixels), UNLABELLED, np.int64)
        labels = unlabelled if y is None else numbers[start : start + len(y)]
        return Images(pixels, labels, class_names, source, originals)

    n_first = 0 if arrays.y is None else len(arrays.y)
    test = None if x_test is None else images_of(x_test, arrays.y_test, n_first, own_test)
    return FromArrays(images_of(x, arrays.y, 0, own), test, conversions, notes)


def read_npy(path: Path) -> Arrays:
    """The memory-mapped array of a .npy file: images without labels.

    Raises:
        ImagesError: it is no .npy file, needs pickle, or its header lies about its size.
    """
    with errors_named(path):
        with path.open("rb") as file:
            shape, fortran, dtype = _npy_header(file, path)
            offset = file.tell()
        promised = offset + math.prod(shape) * dtype.itemsize
        if path.stat().st_size != promised:
            raise ImagesError(
                f"{shown(path)}: holds {path.stat().st_size:,} bytes, but its header "
                f"(shape {shape}, {dtype}) promises {promised:,}"
            )
        flat = np.memmap(path, dtype, mode="r", offset=offset)
        return Arrays(flat.reshape(shape, order="F" if fortran else "C"))


def read_npz(path: Path) -> Arrays:
    """The arrays of a .npz file: `x` or `images`, and where there are any `y` or `labels`.

    `x_train`, `y_train`, `x_test`, `y_test` are read too.

    Raises:
        ImagesError: it is no .npz file, lacks images, needs pickle, or a header lies.
    """
    with errors_named(path), zipfile.ZipFile(path) as archive:
        members = {Path(info.filename).stem: info for info in archive.infolist()}
        found = {
            role: next((members[key] for key in keys if key in members), None)
            for role, keys in _KEYS.items()
        }
        if found["x"] is None:
            raise ImagesError(
                f"{shown(path)}: holds {', '.join(sorted(members)) or 'nothing'}; "
                "images are looked for under x or images, labels under y or labels"
            )
        read: dict[str, NDArray[Any]] = {}
        for role, info in found.items():
            if info is not None:
                unfolded = sum(array.nbytes for array in read.values())
                read[role] = _read_member(archive, info, path, unfolded)
        return Arrays(**read)


def _read_member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, before: int
) -> NDArray[Any]:
    if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ImagesError(f"{shown(path)}: {info.filename!r} is not as NumPy writes it")
    with archive.open(info) as stream:
        shape, fortran, dtype = _npy_header(stream, path)
        data = read_exactly(stream, math.prod(shape) * dtype.itemsize, path, before)
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


def _npy_header(stream: IO[bytes], path: Path) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether in Fortran's order, and type; nothing is allocated, evaluated or unpickled."""
    start = stream.read(8)
    length = stream.read({1: 2, 2: 4}.get(start[6], 0) if len(start) == 8 else 0)
    if start[:6] != b"\x93NUMPY" or not length:
        raise ImagesError(f"{shown(path)}: no .npy array of version 1 or 2")
    text = stream.read(min(int.from_bytes(length, "little"), _MAX_HEADER)).decode("latin-1")
    header = _HEADER.fullmatch(text)
    if header is None:
        raise ImagesError(
            f"{shown(path)}: its header is {text.strip()[:100]!r}; images and labels are plain "
            "numbers (labels may be text), nothing that needs pickle"
        )
    dtype, order, sides = header.groups()
    shape = tuple(int(side) for side in sides.split(",") if side.strip())
    if 0 in shape:
        raise ImagesError(f"{shown(path)}: is empty; its shape is {shape}")
    try:
        found = np.dtype(dtype)
    except TypeError:
        raise ImagesError(f"{shown(path)}: there is no type {dtype}") from None
    if found.itemsize == 0:
        raise ImagesError(f"{shown(path)}: is empty; its values ({dtype}) have no bytes")
    return shape, order == "True", found


def _pixels(x: NDArray[Any], source: str, conversions: dict[str, int]) -> NDArray[np.uint8]:
    """Any of the layouts and types as uint8, (n, c, h, w); bytes stay where they are."""
    if x.ndim == 3:
        x = x[:, None]
    elif x.ndim == 4 and x.shape[1] not in (1, 3) and x.shape[3] in (1, 3):
        x = np.moveaxis(x, 3, 1)
    if x.ndim != 4 or x.shape[1] not in (1, 3) or 0 in x.shape:
        raise ImagesError(
            f"{source}: the array has the shape {x.shape}; images are (n, h, w), (n, h, w, c) or "
            "(n, c, h, w) with c = 1 or 3, at least one"
        )
    meaning = range_of(x, source)
    if not meaning.kind:
        return x
    pixels = np.empty(x.shape, np.uint8)
    for start in range(0, len(x), _ROWS):
        pixels[start : start + _ROWS] = meaning.to_bytes(x[start : start + _ROWS])
    count(conversions, meaning.kind, len(x))
    return pixels


def _encode(
    y: NDArray[Any], class_names: tuple[str, ...], source: str
) -> tuple[NDArray[np.int64], tuple[str, ...], list[str]]:
    """Class numbers, class names, and what is to be said of the labels."""
    gone = missing_in(y)
    numbers = np.full(len(y), UNLABELLED, np.int64)
    if gone.all():
        return numbers, class_names, []
    numbers[~gone], names, notes = _encode_known(_whole(y[~gone], source), class_names, source)
    return numbers, names, notes


def _encode_known(
    y: NDArray[Any], class_names: tuple[str, ...], source: str
) -> tuple[NDArray[np.int64], tuple[str, ...], list[str]]:
    """`_encode` of names or whole numbers."""
    text = y.dtype.kind == "U"
    missing = y == ("" if text else UNLABELLED)
    if class_names:
        known: dict[Any, int] = (
            {name: number for number, name in enumerate(class_names)}
            if text
            else {number: number for number in range(len(class_names))}
        )
        unknown = set(y[~missing].tolist()) - known.keys()
        if unknown:
            raise ImagesError(
                f"{source}: label {min(unknown)!r} is none of the {len(class_names):,} classes "
                f"({', '.join(map(repr, known))})"
            )
        known[y.dtype.type() if text else UNLABELLED] = UNLABELLED
        return np.array([known[label] for label in y.tolist()], np.int64), class_names, []
    spellings, inverse, counts = np.unique(y, return_inverse=True, return_counts=True)
    check_classes(
        len(spellings), max((len(str(v)) for v in spellings[:MAX_CLASSES]), default=0), source
    )
    found = classes_of(
        dict(zip(map(str, spellings.tolist()), counts.tolist(), strict=True)), source
    )
    numbers = np.array([found.number_of(str(value)) for value in spellings.tolist()], np.int64)
    notes = list(found.notes) if text else []  # -1 in numbers is no label by definition
    return numbers[inverse.reshape(-1)], found.names, notes


def _whole(y: NDArray[Any], source: str) -> NDArray[Any]:
    """Labels as names or as whole numbers; a table read by pandas has them as 0.0, 1.0, or objects.

    y: without missing labels, at least one.
    """
    if y.dtype.kind == "O":
        y = _of_one_type(y, source)
    if y.dtype.kind == "b":
        return y.astype(np.str_)
    if y.dtype.kind == "f":
        if np.isinf(y).any() or (y != np.rint(y)).any():
            raise ImagesError(
                f"{source}: labels are {y.dtype}, not all of them whole; they are whole numbers or "
                "names of classes (tacit does not learn measurements)"
            )
        y = y.astype(np.int64)
    if y.dtype.kind not in "iuU":
        raise ImagesError(f"{source}: labels are {y.dtype}; they are whole numbers or names")
    if y.dtype.kind == "i" and y.size and y.min() < UNLABELLED:
        raise ImagesError(
            f"{source}: a label is {y.min()}; whole numbers are 0 or more, and -1 for no label"
        )
    return y


def _of_one_type(y: NDArray[Any], source: str) -> NDArray[Any]:
    """Objects as an array of their type, where they are all text, all numbers or all booleans."""
    labels = y.tolist()
    kinds: dict[str, Any] = {}
    for label in labels:
        kinds.setdefault(np.asarray(label).dtype.kind, label)
    if kinds.keys() <= {"U"} or kinds.keys() <= {"b"} or kinds.keys() <= set("iuf"):
        return np.array(labels)
    if len(kinds) > 1:
        some = " and ".join(f"{label!r:.40}" for label in list(kinds.values())[:2])
        raise ImagesError(
            f"{source}: labels are of several types, such as {some}; give all of them as text, or "
            "all as whole numbers"
        )
    (one,) = kinds.values()
    raise ImagesError(f"{source}: labels are such as {one!r:.60}; they are whole numbers or names")
