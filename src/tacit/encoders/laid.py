"""Features of a study's images as files that its workers read."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tacit.encoders.base import About, Encoder, Features, Nodes
from tacit.encoders.making import Progress
from tacit.errors import EncoderError
from tacit.files import Damaged, file_sha256, read_record, write_array, write_record
from tacit.images.dataset import Split
from tacit.images.originals import Originals, joined

FOLDER = "features"


@dataclass(frozen=True)
class Encoded:
    """What an encoder made of training and test images, (N, D) and (M, D)."""

    about: About
    train: Features
    test: Features


def originals_of(images: Split) -> Originals:
    """The pictures of training and test images, one after the other.

    Raises:
        EncoderError: nobody knows them any more.
    """
    train, test = images.train.originals, images.test.originals
    if train is None or (test is None and len(images.test)):
        raise EncoderError(
            f"{images.train.source}: only the images as they were made alike are known; encoders "
            "from elsewhere read original pictures"
        )
    return train if test is None or not len(test) else joined(train, test)


def encoded(
    encoder: Encoder,
    images: Split,
    progress: Progress | None = None,
    nodes: Nodes | None = None,
) -> Encoded:
    """The features of a study's images, made where they are not there yet.

    Raises:
        ImagesError: as `Encoder.features`.
    """
    features = encoder.features(originals_of(images), progress, nodes)
    n = len(images.train)
    return Encoded(encoder.about, features[:n], features[n:])


def lay(folder: Path, found: Mapping[str, Encoded], images: Split) -> None:
    """Write features where workers find them by the encoder's key.

    What lies there whole stays, unless it is of other images.
    """
    for one in found.values():
        name = one.about.key[:16]
        parts = {
            f"{name}-{side}.npy": partial(write_array, array=np.asarray(features), durable=False)
            for side, features in (("train", one.train), ("test", one.test))
        }
        said = {"images": images.sha256, "encoder": one.about.plain()}
        lay_files(folder / FOLDER, name, said, parts)


def lay_files(
    folder: Path,
    name: str,
    said: Mapping[str, Any],
    parts: Mapping[str, Callable[[Path], object]],
) -> None:
    """Write files, and in ``NAME.json`` what is said of them and their checksums.

    Where they lie whole already and the same is said of them, they stay.

    parts: by the name of each file what writes it, whole or not at all.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / f"{name}.json"
    try:
        sums = {part: file_sha256(folder / part) for part in parts}
        if read_record(record) == {**said, "files": sums}:
            return
    except (FileNotFoundError, Damaged):
        pass
    record.unlink(missing_ok=True)
    for part, write in parts.items():
        write(folder / part)
    sums = {part: file_sha256(folder / part) for part in parts}
    write_record(record, {**said, "files": sums}, durable=False)


def read_laid(folder: Path, key: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What `lay` wrote: codes of training and test images.

    Raises:
        FileNotFoundError: there is nothing of this key. Damaged: it is not what was written.
    """
    folder = folder / FOLDER
    files = read_record(folder / f"{key[:16]}.json")["files"]

    def side(name: str) -> NDArray[np.float32]:
        path = folder / f"{key[:16]}-{name}.npy"
        if file_sha256(path) != files.get(path.name):
            raise Damaged(f"{path} is damaged: its checksum does not fit")
        return np.load(path, allow_pickle=False).astype(np.float32)

    return side("train"), side("test")


def laid_by(folder: Path, key: str) -> dict[str, Any]:
    """What is known of the encoder whose features `lay` wrote, as `About.plain` has it.

    Raises:
        FileNotFoundError: there is nothing of this key.
    """
    found: dict[str, Any] = read_record(folder / FOLDER / f"{key[:16]}.json")["encoder"]
    return found


def with_features(images: Split, folder: Path, keys: Iterable[str]) -> Split:
    """The images with the features that `lay` wrote, as networks learn from them.

    They are less their mean over the training images, and divided by their root mean square there:
    one number for all of them, so that dimensions that hold nothing stay small.

    Raises:
        FileNotFoundError, Damaged: as `read_laid`.
    """
    train, test = dict(images.train.features), dict(images.test.features)
    for key in keys:
        own, others = read_laid(folder, key)
        mean, scale = mean_and_scale(own)
        train[key], test[key] = (own - mean) / scale, (others - mean) / scale
    return Split(replace(images.train, features=train), replace(images.test, features=test))


def mean_and_scale(features: NDArray[np.float32]) -> tuple[NDArray[np.float32], np.float32]:
    """The mean of features, (D,), and the root mean square of what they differ from it by."""
    mean = features.mean(axis=0, dtype=np.float64).astype(np.float32)
    centred = features - mean
    square = float(np.square(centred, dtype=np.float32).mean(dtype=np.float64))
    return mean, np.float32(square**0.5 or 1.0)
