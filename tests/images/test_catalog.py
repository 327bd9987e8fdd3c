import gzip
import hashlib
import os
import socket
from pathlib import Path

import numpy as np
import pytest
from mirror import Mirror, serve
from tiny_set import CONTENTS, FILES, TINY

from tacit.errors import ImagesError
from tacit.images import catalog, idx
from tacit.images.catalog import read_embedded, read_idx_set
from tacit.images.sources import open_images


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def good():
    with serve(Mirror(FILES)) as mirror:
        yield mirror


@pytest.fixture
def closed_address():
    """An address where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return f"http://127.0.0.1:{port}/sets"


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_downloaded_once_and_then_cached(good, cache):
    split, origin = read_idx_set(TINY, mirrors=[good.address])
    assert (len(split.train), len(split.test)) == (30, 6)
    assert split.train.class_names == ("a", "b", "c")
    assert split.train.labels is not None
    assert split.train.labels[:4].tolist() == [0, 1, 2, 0]
    assert origin.address == good.address
    assert sorted(good.asked) == files_in(cache) == sorted(FILES)
    again, _ = read_idx_set(TINY, mirrors=[good.address])
    assert len(good.asked) == 4
    assert again.train.sha256 == split.train.sha256


def test_a_mirror_that_is_down_is_passed_over(good, closed_address):
    split, _ = read_idx_set(TINY, mirrors=[closed_address, good.address])
    assert len(split.train) == 30


@pytest.mark.parametrize(
    "faulty",
    [
        Mirror(FILES, status=503),
        Mirror({}),
        Mirror(FILES, cut=5),
        Mirror({name: content[:-9] for name, content in FILES.items()}),
        Mirror({name: gzip.compress(b"other") for name in FILES}),
        Mirror(dict.fromkeys(FILES, b"<html>please log in</html>")),
        Mirror(dict.fromkeys(FILES, b"")),
    ],
    ids=["503", "404", "connection cut", "truncated", "wrong content", "html", "empty"],
)
def test_a_faulty_mirror_is_passed_over_and_nothing_of_it_stays(faulty, good, cache):
    with serve(faulty):
        split, _ = read_idx_set(TINY, mirrors=[faulty.address, good.address])
        assert len(split.train) == 30
        assert len(faulty.asked) == 4
    assert files_in(cache) == sorted(FILES)


def test_no_mirror_left(closed_address, cache):
    wrong = Mirror({name: gzip.compress(b"other") for name in FILES})
    with serve(wrong), pytest.raises(ImagesError) as error:
        read_idx_set(TINY, mirrors=[closed_address, wrong.address])
    message = str(error.value)
    expected = TINY.sha256[idx.TRAIN_IMAGES]
    found = hashlib.sha256(b"other").hexdigest()
    for part in (closed_address, wrong.address, idx.TRAIN_IMAGES, expected, found, "--data-dir"):
        assert part in message
    assert str(cache) not in message
    assert files_in(cache) == []


def test_a_damaged_cache_is_downloaded_again(good, cache):
    read_idx_set(TINY, mirrors=[good.address])
    [path] = cache.rglob(f"{idx.TEST_IMAGES}.gz")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    split, _ = read_idx_set(TINY, mirrors=[good.address])
    assert len(good.asked) == 5
    assert len(split.test) == 6


def test_another_compression_of_the_same_content_is_fine():
    mirror = Mirror({name: gzip.compress(gzip.decompress(data), 1) for name, data in FILES.items()})
    with serve(mirror):
        assert len(read_idx_set(TINY, mirrors=[mirror.address])[0].train) == 30


def test_a_cache_that_cannot_be_written(good, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("TACIT_CACHE", str(tmp_path / "file"))
    with pytest.raises(ImagesError, match=r"cache cannot be written.*TACIT_CACHE"):
        read_idx_set(TINY, mirrors=[good.address])


@pytest.mark.parametrize("packed", [True, False])
def test_files_of_ones_own(tmp_path, packed, cache):
    for name, content in CONTENTS.items():
        file = tmp_path / (f"{name}.gz" if packed else name)
        file.write_bytes(gzip.compress(content) if packed else content)
    split, origin = read_idx_set(TINY, data_dir=tmp_path)
    assert (len(split.train), len(split.test)) == (30, 6)
    assert origin.address == tmp_path.name
    assert files_in(cache) == []


def test_files_of_ones_own_that_are_others(tmp_path):
    for name, content in CONTENTS.items():
        (tmp_path / name).write_bytes(content)
    changed = bytearray(CONTENTS[idx.TEST_LABELS])
    changed[-1] ^= 1
    (tmp_path / idx.TEST_LABELS).write_bytes(changed)
    with pytest.raises(ImagesError) as error:
        read_idx_set(TINY, data_dir=tmp_path)
    found = hashlib.sha256(changed).hexdigest()
    for part in (str(tmp_path / idx.TEST_LABELS), TINY.sha256[idx.TEST_LABELS], found):
        assert part in str(error.value)


def test_files_that_are_missing(tmp_path):
    (tmp_path / idx.TRAIN_IMAGES).write_bytes(CONTENTS[idx.TRAIN_IMAGES])
    with pytest.raises(ImagesError) as error:
        read_idx_set(TINY, data_dir=tmp_path)
    for name in (idx.TRAIN_LABELS, idx.TEST_IMAGES, idx.TEST_LABELS):
        assert name in str(error.value)
    with pytest.raises(ImagesError, match="no folder"):
        read_idx_set(TINY, data_dir=tmp_path / "nowhere")


def test_digits():
    train, test = read_embedded("digits")
    assert (len(train), len(test), train.shape) == (1438, 359, (1, 8, 8))
    assert (train.pixels.min(), train.pixels.max()) == (0, 255)
    assert train.labels is not None
    assert test.labels is not None
    counts = np.bincount(train.labels) + np.bincount(test.labels)
    assert counts.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert np.abs(np.bincount(test.labels) - 0.2 * counts).max() < 1
    again = read_embedded("digits")
    assert again.train.sha256 == train.sha256


def test_mnist_5k():
    train, test = read_embedded("mnist-5k")
    assert (len(train), len(test), train.shape) == (4000, 1000, (1, 28, 28))
    for part, count in ((train, 400), (test, 100)):
        assert part.labels is not None
        assert np.bincount(part.labels).tolist() == [count] * 10
    # As in MNIST: a 0 has a hole, a 1 has little ink.
    zero, one = (train.pixels[train.labels == digit].mean(axis=(0, 1)) for digit in (0, 1))
    assert zero[14, 14] < 20 < 100 < one[14, 14]


@pytest.mark.mnist
@pytest.mark.skipif("TACIT_MNIST" not in os.environ, reason="TACIT_MNIST names no folder")
def test_mnist_5k_is_part_of_mnists_training_images():
    whole = open_images("mnist", data_dir=os.environ["TACIT_MNIST"]).train
    label_of = dict(zip((p.tobytes() for p in whole.pixels), whole.labels, strict=True))
    for part in read_embedded("mnist-5k"):
        assert part.labels is not None
        assert all(
            label_of[pixels.tobytes()] == label
            for pixels, label in zip(part.pixels, part.labels, strict=True)
        )


def test_the_catalog_is_complete():
    for entry in catalog.IDX_SETS.values():
        assert set(entry.sha256) == set(CONTENTS)
        assert all(len(bytes.fromhex(digest)) == 32 for digest in entry.sha256.values())
        assert len(entry.mirrors) >= 2
        assert len(entry.class_names) == 10
        assert entry.licence
        assert entry.citation


@pytest.mark.mnist
@pytest.mark.skipif("TACIT_MNIST" not in os.environ, reason="TACIT_MNIST names no folder")
def test_mnist():
    opened = open_images("mnist", data_dir=os.environ["TACIT_MNIST"], train_size=20_000)
    assert (len(opened.train), len(opened.test)) == (20_000, 10_000)
    assert opened.train.labels is not None
    shares = np.array([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]) / 3
    assert np.abs(np.bincount(opened.train.labels) - shares).max() < 1
