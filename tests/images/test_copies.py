"""Copies of a picture with two labels stop `tacit run` as they stop `tacit learn`."""

import shutil

import numpy as np
import pytest
from image_files import write_images

from tacit.commands.learn.pool import open_pool
from tacit.commands.learn.table import read_labels
from tacit.errors import ImagesError
from tacit.images.copies import contradicting, one_label_each
from tacit.images.dataset import Images
from tacit.images.opened import Opened, own_files
from tacit.images.sources import open_images

NAMES = [f"{kind}/{n:02}.png" for kind in ("cat", "dog") for n in range(30)]


@pytest.fixture
def pets(tmp_path):
    write_images(tmp_path / "pets", NAMES)
    shutil.copy(tmp_path / "pets/cat/03.png", tmp_path / "pets/dog/copy.png")
    shutil.copy(tmp_path / "pets/cat/04.png", tmp_path / "pets/cat/copy.png")
    return tmp_path / "pets"


def test_run_and_learn_stop_alike(pets) -> None:
    with pytest.raises(ImagesError, match=r"(?s)dog/copy\.png.*same picture.*cat/03\.png") as run:
        open_images(str(pets))
    assert "--remove-duplicates" in str(run.value)
    lines = [f"{name},{name[:3]}\n" for name in ("cat/03.png", "cat/05.png", "dog/copy.png")]
    (pets.parent / "t.csv").write_text("path,label\n" + "".join(lines))
    with pytest.raises(ImagesError, match=r"(?s)dog/copy\.png.*cat/03\.png.*same picture"):
        read_labels([pets.parent / "t.csv"], open_pool(str(pets)))


def test_all_copies_are_left_out_on_demand(pets) -> None:
    opened = open_images(str(pets), duplicates="remove")
    names = {name for side in opened.names for name in side}
    assert {"cat/03.png", "dog/copy.png"} & names == set()
    assert names == {*NAMES, "cat/copy.png"} - {"cat/03.png"}
    for images, side in zip((opened.train, opened.test), opened.names, strict=True):
        assert images.labels is not None
        assert [images.class_names[y] for y in images.labels] == [name[:3] for name in side]
    assert "Left out, as copies of one picture with different labels: 2 images." in opened.notes


def test_arrays_name_images_by_their_number(tmp_path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (60, 6, 6), dtype=np.uint8)
    x[41] = x[7]
    np.savez(tmp_path / "x.npz", x=x, y=np.arange(60) % 2)
    open_images(str(tmp_path / "x.npz"))  # 7 and 41 are both odd
    np.savez(tmp_path / "x.npz", x=x, y=np.arange(60) // 30)
    with pytest.raises(ImagesError, match=r"'41' is '1' and, the same picture, '7' is '0'"):
        open_images(str(tmp_path / "x.npz"))
    y = np.arange(60) // 30
    y[7] = -1
    np.savez(tmp_path / "x.npz", x=x, y=y)
    open_images(str(tmp_path / "x.npz"))


def test_a_published_set_is_only_noted() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (10, 1, 4, 4), dtype=np.uint8)
    pixels[9] = pixels[2]
    images = Images(pixels, np.arange(10) % 2, ("a", "b"))
    opened = Opened(images.take(range(8)), images.take(range(8, 10)), own_files("x"))
    noted = one_label_each(opened, remove=False, refuse=False)
    assert noted.notes == ["Images with another label than a copy of them: 1."]
    assert len(noted.train) == 8


def test_pairs_are_those_of_a_slow_search() -> None:
    rng = np.random.default_rng(0)
    keys, labels = rng.integers(0, 9, 60).tolist(), rng.integers(0, 2, 60).tolist()
    slow = [
        (i, keys.index(key)) for i, key in enumerate(keys) if labels[i] != labels[keys.index(key)]
    ]
    assert contradicting(keys, labels) == slow
