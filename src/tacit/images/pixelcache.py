"""Decoded images on disk: pixels as plain bytes, mapped when read, checked by their hash."""

import hashlib
import json
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tacit.errors import ImagesError
from tacit.images.alike import count
from tacit.images.bounded import shown
from tacit.images.cache import writing
from tacit.images.dataset import Images, Split

SIDES = ("train", "test")
_RECORD = "record.json"


class Stored(NamedTuple):
    """What a cache holds: images, kinds of conversion with their number, and what was left out.

    `n_copies` images have the same bytes as another one before them. Of each image of a side
    `entries` says which of the listing it is, and `contents` the SHA-256 of its file.
    """

    split: Split
    conversions: dict[str, int]
    skipped: tuple[tuple[str, str], ...]
    n_copies: int
    entries: dict[str, list[int]]
    contents: dict[str, list[bytes]]


class PixelWriter(AbstractContextManager["PixelWriter"]):
    """Writes images one after another, training and test images into files of their own.

    Plain writes, not a map: on a full disk they fail with an error instead of a signal.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shape: tuple[int, ...] | None = None
        self.labels: dict[str, list[int]] = {side: [] for side in SIDES}
        self.entries: dict[str, list[int]] = {side: [] for side in SIDES}
        self.contents: dict[str, list[bytes]] = {side: [] for side in SIDES}
        self.conversions: dict[str, int] = {}
        self._stack = ExitStack()

    def __enter__(self) -> "PixelWriter":
        with writing(self.folder):
            self._files = {
                side: self._stack.enter_context((self.folder / side).open("wb")) for side in SIDES
            }
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with writing(self.folder):
            self._stack.close()

    def add(
        self,
        side: str,
        pixels: NDArray[np.uint8],
        label: int,
        kinds: list[str],
        entry: int,
        content: bytes,
    ) -> bool:
        """Write one image, (C, H, W); False where it has not the shape of the first one.

        entry: which of the listing it is. content: the SHA-256 of its file.
        """
        self.shape = self.shape or pixels.shape
        if pixels.shape != self.shape:
            return False
        with writing(self.folder):
            self._files[side].write(np.ascontiguousarray(pixels).data)
        self.labels[side].append(label)
        self.entries[side].append(entry)
        self.contents[side].append(content)
        for kind in kinds:
            count(self.conversions, kind, 1)
        return True


def finish(
    writer: PixelWriter,
    class_names: tuple[str, ...],
    source: str,
    skipped: list[tuple[str, str]],
    n_copies: int,
) -> None:
    """Note what was written, with its hashes; the writer must have been left."""
    record: dict[str, Any] = {
        "shape": writer.shape,
        "labels": writer.labels,
        "entries": writer.entries,
        "contents": {s: [found.hex() for found in writer.contents[s]] for s in SIDES},
        "conversions": writer.conversions,
        "skipped": skipped,
        "copies": n_copies,
    }
    split = _map(writer.folder, record, class_names, source)
    record["sha256"] = [images.sha256 for images in split]
    record["record"] = _own(record)
    with writing(writer.folder):
        (writer.folder / _RECORD).write_text(json.dumps(record), "utf-8")


def _own(record: dict[str, Any]) -> str:
    """The hash of a record without this hash."""
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def stored(folder: Path, class_names: tuple[str, ...], source: str) -> Stored | None:
    """What the cache in `folder` holds; None where it is missing or not what was written."""
    try:
        record = json.loads((folder / _RECORD).read_text("utf-8"))
        if record.pop("record") != _own(record):
            return None
        split = _map(folder, record, class_names, source)
        if [images.sha256 for images in split] != record["sha256"]:
            return None
        skipped = tuple((str(name), str(reason)) for name, reason in record["skipped"])
        entries = {side: [int(number) for number in record["entries"][side]] for side in SIDES}
        contents = {side: [bytes.fromhex(h) for h in record["contents"][side]] for side in SIDES}
        if any(
            {len(entries[side]), len(contents[side])} != {len(images)}
            for side, images in zip(SIDES, split, strict=True)
        ):
            return None
        conversions, n_copies = dict(record["conversions"]), int(record["copies"])
        return Stored(split, conversions, skipped, n_copies, entries, contents)
    except (OSError, ValueError, TypeError, KeyError, OverflowError, AttributeError):
        # Whatever damage raises, the answer is the same: the cache is made again.
        return None


def _map(folder: Path, record: dict[str, Any], class_names: tuple[str, ...], source: str) -> Split:
    def side(name: str) -> Images:
        labels = np.array(record["labels"][name], np.int64)
        shape = (len(labels), *record["shape"])
        path = folder / name
        if path.stat().st_size != np.prod(shape, dtype=object):
            raise ImagesError(f"{shown(path)}: has not the size that was written")
        # No empty file can be mapped.
        pixels = (
            np.memmap(path, np.uint8, "r", shape=shape)
            if len(labels)
            else np.empty(shape, np.uint8)
        )
        return Images(pixels, labels if class_names else None, class_names, source)

    return Split(*(side(name) for name in SIDES))
