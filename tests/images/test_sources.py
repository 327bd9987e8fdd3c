import gzip
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from image_files import write_idx, write_images
from tiny_set import FILES, TINY

from tacit.errors import ImagesError
from tacit.images import catalog, idx
from tacit.images.opened import own_files
from tacit.images.sources import open_images

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (50, 8, 8), dtype=np.uint8)


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """A named set of 30 and 6 images, and the folder with its files."""
    monkeypatch.setitem(catalog.IDX_SETS, "tiny", TINY)
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_digits():
    opened = open_images("digits")
    assert (len(opened.train), len(opened.test)) == (1438, 359)
    assert opened.origin.name == "digits"
    assert opened.notes == []


def test_a_named_set_from_a_folder(tiny):
    opened = open_images("tiny", data_dir=tiny)
    assert (len(opened.train), len(opened.test)) == (30, 6)
    assert opened.origin.licence == "none"


def test_a_subset_is_stratified_noted_and_always_the_same(tiny):
    opened = open_images("tiny", data_dir=tiny, train_size=12)
    assert opened.train.labels is not None
    assert np.bincount(opened.train.labels).tolist() == [4, 4, 4]
    assert len(opened.test) == 6
    assert opened.notes == ["12 of the 30 training images were taken, stratified by class."]
    again = open_images("tiny", data_dir=tiny, train_size=12)
    assert again.train.sha256 == opened.train.sha256
    assert open_images("tiny", data_dir=tiny, train_size=30).notes == []


@pytest.mark.parametrize("size", [0, -5, 31])
def test_a_subset_that_cannot_be_had(tiny, size):
    with pytest.raises(ImagesError, match=f"`train_size` is {size}; tiny has 30 training images"):
        open_images("tiny", data_dir=tiny, train_size=size)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("mnits", "Did you mean 'mnist'"),
        ("fashion_mnist", "Did you mean 'fashion-mnist'"),
        (
            "no/such/folder",
            r"neither a named set \(digits, fashion-mnist, mnist, mnist-5k\) nor an existing",
        ),
        ("", "neither a named set"),
        ("a\0b", "neither a named set"),
    ],
)
def test_unknown_sources(source, message):
    with pytest.raises(ImagesError, match=message):
        open_images(source)


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"size": 0}, "`size` is 0; the side of an image is 1 to 1024 pixels"),
        ({"size": -8}, "`size` is -8"),
        ({"size": 5000}, "`size` is 5000"),
        ({"channels": "grey"}, r"`channels` is 'grey'; the choices are gray and rgb"),
        ({"data_dir": "."}, "no set that is downloaded; these are mnist, fashion-mnist"),
    ],
)
def test_wishes_that_cannot_be_granted(wishes, message):
    with pytest.raises(ImagesError, match=message):
        open_images("digits", **wishes)


def test_a_folder(tmp_path):
    write_images(tmp_path / "pets", [f"{kind}/{n}.png" for kind in "ab" for n in range(20)])
    opened = open_images(str(tmp_path / "pets"), size=16, channels="rgb")
    assert opened.train.shape == opened.test.shape == (3, 16, 16)
    assert "40 images: resized to 16×16." in opened.notes
    assert opened.origin.address == "pets"
    assert not any(str(tmp_path) in note for note in opened.notes)


def test_numpy_files(tmp_path):
    np.save(tmp_path / "x.npy", BYTES)
    np.savez(tmp_path / "x.npz", x=BYTES, y=np.arange(50) % 2)
    plain, labelled = (open_images(str(tmp_path / name)) for name in ("x.npy", "x.npz"))
    assert len(plain.train) + len(plain.test) == 50
    np.testing.assert_array_equal(plain.train.pixels, labelled.train.pixels)
    assert plain.train.labels is None
    assert labelled.train.class_names == ("0", "1")
    assert plain.notes == ["The test images, about a fifth, were chosen by content."]


def test_numpy_files_with_a_split(tmp_path):
    y = np.arange(50) % 2
    np.savez(tmp_path / "x.npz", x=BYTES / 255, y=y, x_test=BYTES[:3] / 255, y_test=y[:3])
    opened = open_images(str(tmp_path / "x.npz"))
    assert (len(opened.train), len(opened.test)) == (50, 3)
    assert opened.notes == [
        "53 images: float64 values to 8 bits.",
        "3 images of the test set are copies of a training image.",
    ]


def test_what_lacks_is_said(tmp_path):
    y, y_test = np.arange(50) % 3, np.array([0, -1, 0])
    y[:5] = -1
    np.savez(tmp_path / "x.npz", x=BYTES, y=y, x_test=BYTES[:3] ^ 1, y_test=y_test)
    assert open_images(str(tmp_path / "x.npz")).notes == [
        "5 images without a label among the training images.",
        "Without a test image: class 1, 2.",
    ]


def test_idx_files(tmp_path):
    images = write_idx(tmp_path / f"{idx.TRAIN_IMAGES}.gz", BYTES)
    write_idx(tmp_path / idx.TRAIN_LABELS, np.arange(50, dtype="u1") % 3)
    alone = open_images(str(images))
    assert alone.train.class_names == ("0", "1", "2")
    assert len(alone.train) + len(alone.test) == 50
    write_idx(tmp_path / idx.TEST_IMAGES, BYTES[:5] ^ 1)
    write_idx(tmp_path / idx.TEST_LABELS, np.arange(5, dtype="u1") % 3)
    together = open_images(str(tmp_path))
    assert (len(together.train), len(together.test)) == (50, 5)


def test_a_file_that_is_no_images(tmp_path):
    for name, content in (("x.npy", b"x"), ("x.npz", b"x"), ("x.idx", b"x"), ("x.gz", b"\x1f\x8b")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ImagesError, match=name):
            open_images(str(tmp_path / name))
    (tmp_path / "late.gz").write_bytes(gzip.compress(b"\0\0\x08\x01\0\0\0\1x"))
    with pytest.raises(ImagesError, match="images are bytes of 3 or 4 dimensions"):
        open_images(str(tmp_path / "late.gz"))


def test_other_sets_are_made_alike_too(tiny):
    opened = open_images("tiny", data_dir=tiny, size=12, channels="rgb")
    assert opened.train.shape == opened.test.shape == (3, 12, 12)
    assert opened.conversions == {"resized to 12×12": 36, "converted to rgb": 36}
    plain = open_images("tiny", data_dir=tiny, size=8, channels="gray")
    assert plain.conversions == {}


def test_nothing_heavy_is_imported():
    code = (
        "import sys, tacit.images.sources; "
        "print({'torch', 'sklearn', 'scipy', 'pooch', 'requests'} & set(sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "set()"


def test_opening_what_was_opened_says_nothing_twice(tmp_path):
    write_images(tmp_path / "p", [f"{kind}/{i}.png" for kind in "abc" for i in range(12)])
    (tmp_path / "p/a/copy.png").write_bytes((tmp_path / "p/a/0.png").read_bytes())
    once = open_images(tmp_path / "p", size=6)
    again = open_images(once, size=6)
    assert again.notes == once.notes
    assert "37 images: resized to 6×6." in once.notes
    fewer = open_images(again, train_size=2)
    assert sum(note.startswith("Without a training image") for note in fewer.notes) == 1
    assert sum("were taken" in note for note in fewer.notes) == 1


def test_a_published_set_that_was_opened_is_not_to_be_mended():
    named = open_images("digits")
    pixels = np.concatenate([named.train.pixels[:1]] * 2 + [named.train.pixels[2:]])
    assert named.train.labels is not None
    assert named.train.labels[0] != named.train.labels[1]
    odd = replace(named, train=replace(named.train, pixels=pixels))
    noted = open_images(odd)
    assert "Images with another label than a copy of them: 1." in noted.notes
    assert open_images(noted).notes == noted.notes
    with pytest.raises(ImagesError, match="has another label than a copy"):
        open_images(replace(odd, origin=own_files("mine")))


@pytest.mark.parametrize(
    ("name", "said"),
    [("one.png", "one image; name the folder"), ("a.zip", "an archive; unpack it")],
)
def test_files_of_another_kind_are_told_what_they_are(tmp_path, name, said):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ImagesError, match=said):
        open_images(tmp_path / name)
