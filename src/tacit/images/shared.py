"""A study's images as files that its workers map into memory, all of them the same."""

import math
import mmap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tacit.files import (
    Damaged,
    file_sha256,
    read_record,
    verify_file,
    write_atomically,
    write_record,
)
from tacit.images.arrays import read_npy
from tacit.images.cache import is_passing
from tacit.images.dataset import UNLABELLED, Images, Split
from tacit.images.rows import RowsOf

Notice = Callable[[str], None]


def write_images(folder: Path, images: Split, notice: Notice = lambda text: None) -> None:
    """Lay the images where workers map them into memory.

    Pixels that are mapped from a file already, such as the cache of an image folder, stay there
    (unless that cache vanishes with this process): the record says where, and `NAME-rows.npy` which
    of them, if not all. `notice` is told of what
    was there and is damaged; it is written anew.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in zip(images._fields, images, strict=True):
        mapped = mapped_from(part.pixels)
        if mapped is not None and is_passing(mapped[0]):
            mapped = None
        record: dict[str, Any] = {
            "class_names": list(part.class_names),
            "source": part.source,
            "sha256": part.sha256,
            "shape": list(part.pixels.shape),
            "labelled": part.labels is not None,
            "file": None if mapped is None else str(mapped[0]),
            "offset": 0 if mapped is None else mapped[1],
        }
        written: dict[str, Images | NDArray[np.int64]] = {}
        if mapped is None:
            written[f"{name}-pixels.npy"] = part
        elif isinstance(part.pixels, RowsOf):
            record["of"] = len(part.pixels.array)
            written[f"{name}-rows.npy"] = part.pixels.index
        if part.labels is not None:
            written[f"{name}-labels.npy"] = part.labels
        path = folder / f"{name}.json"
        if _lies_there(path, record, notice):
            continue
        path.unlink(missing_ok=True)
        for file, content in written.items():
            _write_array(folder / file, content)
        files = {file: file_sha256(folder / file) for file in written}
        write_record(path, record | {"files": files}, durable=False)


def _lies_there(path: Path, record: dict[str, Any], notice: Notice) -> bool:
    """Whether images of this record were written before, and are what was written."""
    if not path.exists():
        return False
    try:
        found = read_record(path)
        files = found.pop("files")
        for file, sha256 in files.items():
            verify_file(path.parent / file, sha256)
    except Damaged as error:
        notice(f"{error}: the images are written again")
        return False
    return bool(found == record)


def mapped_from(pixels: NDArray[np.uint8] | RowsOf) -> tuple[Path, int] | None:
    """The file that pixels, or what they are rows of, are mapped from, and where in it they begin.

    None where they are not mapped, or do not lie there one after another in the order of the axes.
    """
    whole = pixels.array if isinstance(pixels, RowsOf) else pixels
    if not isinstance(whole, np.memmap) or whole.filename is None or not whole.flags.c_contiguous:
        return None
    if whole is pixels and not isinstance(whole.base, mmap.mmap):
        return None  # a part of a map, or one of another shape: the folder gets a copy of its own
    first = whole
    while isinstance(first.base, np.memmap):
        first = first.base
    if not isinstance(first.base, mmap.mmap):
        return None
    return Path(whole.filename).resolve(), first.offset + whole.ctypes.data - first.ctypes.data


def _write_array(path: Path, content: Images | NDArray[np.int64]) -> None:
    """Write an array, or the pixels of images, as NumPy does, a portion at a time."""

    def write(file: Path) -> None:
        with file.open("wb") as stream:
            if not isinstance(content, Images):
                np.save(stream, content, allow_pickle=False)
                return
            header = {"descr": "|u1", "fortran_order": False, "shape": content.pixels.shape}
            np.lib.format.write_array_header_1_0(stream, header)
            for portion in content.portions():
                stream.write(portion.data)

    write_atomically(path, write, durable=False)


def read_images(folder: Path) -> Split:
    """What `write_images` laid there, mapped into memory.

    Raises:
        FileNotFoundError: the file that pixels were mapped from is gone.
        Damaged: a record is not what was written.
    """
    return Split(*(_laid(folder, name) for name in Split._fields))


def _laid(folder: Path, name: str) -> Images:
    """One side of the split; a record is believed where the files that it names bear it out."""
    record = read_record(folder / f"{name}.json")
    try:
        if record["shape"][0] == 0:  # no file of images is empty; a study may test on none
            labels = np.empty(0, np.int64) if record["labelled"] else None
            return Images(np.empty(record["shape"], np.uint8), labels, *_named(record))
        pixels: NDArray[Any] | RowsOf
        if record["file"] is None:
            pixels = read_npy(folder / f"{name}-pixels.npy").x
        else:
            file, offset = Path(record["file"]), record["offset"]
            shape = (record.get("of", record["shape"][0]), *record["shape"][1:])
            if not file.exists():
                raise FileNotFoundError(f"{file}: the images were there, and are gone")
            if not file.is_file() or offset + math.prod(shape) > file.stat().st_size:
                raise Damaged(f"{file} holds no {shape} bytes from {offset} on")
            pixels = np.memmap(file, np.uint8, "r", offset, shape)
            if "of" in record:
                pixels = _rows_of(pixels, folder / f"{name}-rows.npy", record["shape"][0])
        class_names, source = _named(record)
        labels = np.array(read_npy(folder / f"{name}-labels.npy").x) if record["labelled"] else None
        known = {UNLABELLED, *range(len(class_names))}
        if labels is not None and not (
            labels.dtype == np.int64 and set(np.unique(labels).tolist()) <= known
        ):
            raise Damaged(f"{folder / name}-labels.npy names other classes than {class_names}")
        return Images(pixels, labels, class_names, source)
    except Damaged:
        raise
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise Damaged(f"{folder / name}.json: {error}") from None


def _rows_of(pixels: NDArray[np.uint8], path: Path, n: int) -> RowsOf:
    """The rows of `pixels` that a file names, which are `n`."""
    rows = np.array(read_npy(path).x)
    if rows.dtype != np.int64 or len(rows) != n:
        raise Damaged(f"{path} holds {len(rows)} of {rows.dtype}; it names {n} images")
    return RowsOf(pixels, rows)


def _named(record: dict[str, Any]) -> tuple[tuple[str, ...], str]:
    """The names of the classes, and of the images' source."""
    return tuple(map(str, record["class_names"])), str(record["source"])
