"""What is fuzzed: each target hands bytes to one reader, which may raise its documented errors.

Any other error, a result that breaks the reader's promise, a crash of the process, one file that
takes more than 1,100 MiB of memory or more than 20 seconds is a finding.
"""

import json
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fuzz import seeds
from tacit.errors import ImagesError
from tacit.files import data_sha256, file_sha256
from tacit.images.arrays import read_npy, read_npz, split_from_arrays
from tacit.images.dataset import Images, Split
from tacit.images.decoding import MAX_PIXELS, decode
from tacit.images.idx import read_idx
from tacit.images.listing import list_folder
from tacit.saved.folder import CONFIG, WEIGHTS, load_saved
from tacit.studies.description.errors import StudyError
from tacit.studies.description.named import study_text
from tacit.studies.description.reading import parse
from tacit.studies.execution.plan import plan
from tacit.training.weights import ModelFileError


@dataclass(frozen=True)
class Target:
    """A reader, valid input for it, and what its errors are.

    Attributes:
        read: hands bytes to the reader and checks what comes back.
        errors: what it may raise.
        seeds: valid files.
    """

    read: Callable[[bytes], None]
    errors: tuple[type[Exception], ...]
    seeds: Callable[[], list[bytes]]

    def __call__(self, data: bytes) -> bool:
        """Whether the reader took the bytes in; errors that it must not raise pass through."""
        try:
            self.read(data)
        except self.errors as error:
            if not str(error):
                raise AssertionError("an error without a message") from error
            return False
        return True


_FOLDER = tempfile.TemporaryDirectory(prefix="tacit-fuzz-")
_SMALL = Images(np.zeros((8, 1, 8, 8), np.uint8), np.arange(8) % 2, ("a", "b"))


def _file(name: str, data: bytes) -> Path:
    path = Path(_FOLDER.name) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def read_study(data: bytes) -> None:
    """A study file, up to the plan of its jobs."""
    name, text = study_text(str(_file("study.yaml", data)))
    study, questions = parse(text, name)
    try:
        plan(study, questions, Split(_SMALL, _SMALL))
    except ValueError as error:  # as `studies.command.prepare` has it
        raise StudyError(name, [str(error)]) from None


def read_idx_file(data: bytes) -> None:
    """An idx file, plain or packed."""
    array = read_idx(_file("images-idx3-ubyte", data))
    assert array.size >= 1
    np.asarray(array).sum()


def read_picture(data: bytes) -> None:
    """An image file; the last byte says which size and channels are wished for."""
    wish = data[-1] if data else 0
    size, channels = (None, 1, 16, 300)[wish % 4], (None, "gray", "rgb")[wish // 4 % 3]
    try:
        pixels, kinds = decode(data, size=size, channels=channels)
    except Exception as error:
        # Decoders may raise anything on a damaged file, as `decode` says: what counts is that the
        # process lives, in bounded memory and time, and what comes back.
        raise ImagesError(str(error) or type(error).__name__) from None
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 3
    assert pixels.shape[0] in (1, 3)
    assert 0 < pixels[0].size <= MAX_PIXELS
    assert all(kinds)


def read_arrays(data: bytes) -> None:
    """A .npy or .npz file, up to images."""
    packed = data[:2] == b"PK"
    path = _file("x.npz" if packed else "x.npy", data)
    train, *_ = split_from_arrays(read_npz(path) if packed else read_npy(path), (), "x")
    assert len(train) >= 1


def read_model(data: bytes) -> None:
    """A model folder whose checksums are forged, so that they hide nothing."""
    (length,) = struct.unpack("<H", data[:2].ljust(2, b"\0"))
    config, weights = data[2 : 2 + length], data[2 + length :]
    weights_path = _file(f"model/{WEIGHTS}", weights)
    try:
        table = json.loads(config)
        table.pop("sha256", None)
        table["weights_sha256"] = file_sha256(weights_path)
        config = json.dumps(table | {"sha256": data_sha256(table)}).encode()
    except (ValueError, TypeError, AttributeError, RecursionError):
        pass  # no configuration: as it is
    _file(f"model/{CONFIG}", config)
    saved = load_saved(weights_path.parent)
    assert all(np.isfinite(p.shape).all() for p in saved.model.parameters())


def read_labels(data: bytes) -> None:
    """A labels.csv beside three images."""
    table = _file("folder/labels.csv", data)
    root = table.parent.resolve()
    for name in ("cat/1.png", "dog/2.png", "3.png"):
        if not (root / name).exists():
            _file(f"folder/{name}", b"")
    listing = list_folder(root)
    for entry in listing.entries:
        assert (root / entry.path).resolve().is_relative_to(root)
    assert len(listing.entries) == 3


TARGETS = {
    "study": Target(read_study, (StudyError,), seeds.studies),
    "idx": Target(read_idx_file, (ImagesError,), seeds.idx_files),
    "picture": Target(read_picture, (ImagesError,), seeds.pictures),
    "arrays": Target(read_arrays, (ImagesError,), seeds.arrays),
    "model": Target(read_model, (ModelFileError,), seeds.models),
    "labels": Target(read_labels, (ImagesError,), seeds.tables),
}
