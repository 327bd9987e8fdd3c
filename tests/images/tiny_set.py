"""A named set of 30 training and 6 test images."""

import gzip
import hashlib

import numpy as np
from image_files import idx_bytes

from tacit.images import idx
from tacit.images.catalog import IdxSet

_RNG = np.random.default_rng(0)
CONTENTS = {
    idx.TRAIN_IMAGES: idx_bytes(_RNG.integers(0, 256, (30, 8, 8), dtype="u1")),
    idx.TRAIN_LABELS: idx_bytes(np.arange(30, dtype="u1") % 3),
    idx.TEST_IMAGES: idx_bytes(_RNG.integers(0, 256, (6, 8, 8), dtype="u1")),
    idx.TEST_LABELS: idx_bytes(np.arange(6, dtype="u1") % 3),
}
TINY = IdxSet(
    "tiny",
    mirrors=(),
    sha256={name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()},
    class_names=("a", "b", "c"),
    licence="none",
    citation="",
)
FILES = {f"{name}.gz": gzip.compress(content) for name, content in CONTENTS.items()}
