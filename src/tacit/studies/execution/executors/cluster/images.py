"""A study's images on the nodes of a cluster, each of them laid once and checked by its hash."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import ray
from filelock import FileLock
from numpy.typing import NDArray

from tacit.encoders.laid import FOLDER as FEATURES
from tacit.files import Damaged, read_record
from tacit.images.dataset import Images, Split
from tacit.images.shared import read_images, write_images
from tacit.studies.execution.executors.cluster.parcels import Parcel, pack, unpack

IMAGES, WHOLE, USED = "images", "whole", "used"


class Elsewhere(ValueError):
    """A node has no images, or others; the message says which."""


@dataclass(frozen=True)
class Side:
    """Training or test images: pixels are references to portions, one after the other."""

    shape: tuple[int, ...]
    labels: NDArray[np.int64] | None
    class_names: tuple[str, ...]
    source: str
    sha256: str
    portions: list[Any]


@dataclass(frozen=True)
class Shipped:
    """A study's images, and its features by encoders from elsewhere, in Ray's object store."""

    sides: tuple[Side, ...]
    features: Any
    features_sha256: str

    @property
    def key(self) -> str:
        """Images and features of other contents have another."""
        held = [*(side.sha256 for side in self.sides), self.features_sha256]
        return "-".join(sha256[:16] for sha256 in held)


def ship(folder: Path) -> Shipped:
    """Put what lies in a study's folder where every node can have it."""
    sides = []
    for part in read_images(folder / IMAGES):
        portions = [ray.put(np.asarray(portion)) for portion in part.portions()]
        sides.append(
            Side(
                part.pixels.shape,
                part.labels,
                part.class_names,
                part.source,
                part.sha256,
                portions,
            )
        )
    features = pack(folder / IMAGES / FEATURES)
    held = hashlib.sha256()
    for name in sorted(features.files):
        held.update(f"{name}, {features.files[name].size}\n".encode())
        held.update(features.files[name].data)
    return Shipped(tuple(sides), ray.put(features), held.hexdigest())


@contextmanager
def laid(shipped: Shipped, folder: Path) -> Iterator[None]:
    """On a node: the images lie in the folder of a study until the block is left.

    The first job of a node lays them in its temporary folder, the others find them there.

    Raises:
        Elsewhere: what arrived is not what was sent.
    """
    place = _place(shipped.key)
    with _used(place):  # until the block is left, nobody removes it
        with FileLock(place / "lock"):
            if not (place / WHOLE).exists():
                _lay(shipped, place)
        (folder / IMAGES).mkdir()
        for path in (place / IMAGES).iterdir():
            (folder / IMAGES / path.name).symlink_to(path)
        yield


def _used(place: Path) -> BinaryIO:
    """A file of the folder, which is there; nobody removes the folder before the file is closed."""
    while True:
        with suppress(FileNotFoundError):  # it was removed before it was locked
            place.mkdir(parents=True, exist_ok=True)
            used = (place / USED).open("ab")
            fcntl.flock(used.fileno(), fcntl.LOCK_SH)
            if os.path.samestat(os.fstat(used.fileno()), (place / USED).stat()):
                return used
            used.close()


def _place(key: str) -> Path:
    return Path(tempfile.gettempdir()) / f"tacit-{os.getuid()}" / key


def _lay(shipped: Shipped, place: Path) -> None:
    parts = []
    for name, side in zip(Split._fields, shipped.sides, strict=True):
        pixels: NDArray[np.uint8] = np.empty(side.shape, np.uint8)
        if pixels.size:
            file = place / f"{name}.pixels"
            with file.open("wb") as stream:
                for portion in side.portions:
                    stream.write(ray.get(portion).data)
            pixels = np.memmap(file, np.uint8, "r", shape=side.shape)
        part = Images(pixels, side.labels, side.class_names, side.source)
        _see_that(part.sha256 == side.sha256, f"{name} images arrived damaged")
        parts.append(part)
    write_images(place / IMAGES, Split(*parts))
    features: Parcel = ray.get(shipped.features)
    unpack(features, place / IMAGES / FEATURES)
    (place / WHOLE).touch()


def forget(key: str) -> bool:
    """On a node: remove what `laid` left, unless somebody uses it; whether it did."""
    place = _place(key)
    if not place.exists():
        return False
    with (place / USED).open("ab") as used:
        try:
            fcntl.flock(used.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        shutil.rmtree(place)
    return True


def check_shared(folder: Path, sha256: tuple[str, ...]) -> None:
    """On a node: the study's folder is that of whoever asks, and its images are those.

    Raises:
        Elsewhere: it is not there, or holds other images.
    """
    for name, wanted in zip(Split._fields, sha256, strict=True):
        record = folder / IMAGES / f"{name}.json"
        try:
            found = read_record(record)
        except FileNotFoundError:
            raise Elsewhere(
                f"there is no {record}: with --shared, every node has the study's folder under the "
                "same path; without it, folders travel through Ray"
            ) from None
        except Damaged as error:
            raise Elsewhere(str(error)) from None
        _see_that(found["sha256"] == wanted, f"{record} is of other images")
        if found["file"] is not None:
            file = Path(found["file"])
            try:
                status = file.stat()
            except OSError as error:
                raise Elsewhere(f"{file}, which holds the images: {error.strerror}") from None
            held = _sha256(folder, name, status.st_size, status.st_mtime_ns)
            _see_that(held == wanted, f"{file} holds other images")


@lru_cache(maxsize=16)
def _sha256(folder: Path, name: str, size: int, changed: int) -> str:
    """Of images that are mapped from a file; of the same file asked once."""
    images: Images = getattr(read_images(folder / IMAGES), name)
    return images.sha256


def _see_that(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Elsewhere(otherwise)
