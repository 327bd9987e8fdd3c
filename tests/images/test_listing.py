import errno
import os

import numpy as np
import pytest
from image_files import write_images
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tacit.commands.outputs import write_grid, write_pictures
from tacit.errors import ImagesError
from tacit.images.dataset import UNLABELLED
from tacit.images.listing import list_folder
from tacit.images.own import mark


def listed(folder):
    return {
        entry.path: (listing.class_names[entry.label] if entry.label >= 0 else None, entry.side)
        for listing in [list_folder(folder)]
        for entry in listing.entries
    }


def table(folder, text):
    (folder / "labels.csv").write_bytes(text if isinstance(text, bytes) else text.encode())


def test_sub_folders_are_classes(tmp_path):
    write_images(tmp_path, ["dog/1.png", "cat/deep/er/2.PNG", "cat/3.bmp", "ant/x y.tif"])
    (tmp_path / "empty").mkdir()
    assert listed(tmp_path) == {
        "ant/x y.tif": ("ant", ""),
        "cat/3.bmp": ("cat", ""),
        "cat/deep/er/2.PNG": ("cat", ""),
        "dog/1.png": ("dog", ""),
    }
    assert list_folder(tmp_path).class_names == ("ant", "cat", "dog")


def test_a_flat_folder_has_no_labels(tmp_path):
    write_images(tmp_path, [f"{number}.png" for number in range(20)])
    listing = list_folder(tmp_path)
    assert listing.class_names == ()
    assert {entry.label for entry in listing.entries} == {UNLABELLED}


def test_train_and_test_are_no_classes(tmp_path):
    write_images(tmp_path, ["train/a/1.png", "train/b/2.png", "test/a/3.png"])
    assert listed(tmp_path) == {
        "train/a/1.png": ("a", "train"),
        "train/b/2.png": ("b", "train"),
        "test/a/3.png": ("a", "test"),
    }
    write_images(tmp_path, ["val/a/4.png"])
    with pytest.raises(ImagesError, match="test, train, val; a split of your own"):
        list_folder(tmp_path)


def test_train_and_test_without_classes(tmp_path):
    write_images(tmp_path, ["train/1.png", "test/2.png"])
    assert listed(tmp_path) == {"train/1.png": (None, "train"), "test/2.png": (None, "test")}
    write_images(tmp_path, ["test/a/3.png"])
    with pytest.raises(ImagesError, match="not both"):
        list_folder(tmp_path)


def test_images_beside_sub_folders(tmp_path):
    write_images(tmp_path, ["1.png", "a/2.png"])
    with pytest.raises(ImagesError, match=r"1 images lie beside sub-folders.*labels\.csv"):
        list_folder(tmp_path)


def test_nothing_there(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(ImagesError, match=r"holds no images; they are files that end with \.png"):
        list_folder(tmp_path)


def test_order_is_by_bytes_whatever_the_disk_says(tmp_path, monkeypatch):
    names = ["b/é.png", "b/z.png", "a/10.png", "a/9.png", "B/1.png", "a-b/1.png"]
    write_images(tmp_path, names)
    expected = [entry.path for entry in list_folder(tmp_path).entries]
    assert expected == sorted(names, key=os.fsencode)
    scandir = os.scandir

    class Backwards:
        def __init__(self, path):
            with scandir(path) as found:
                self.found = list(found)[::-1]

        def __enter__(self):
            return iter(self.found)

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(os, "scandir", Backwards)
    assert [entry.path for entry in list_folder(tmp_path).entries] == expected


def test_names_of_every_kind(tmp_path):
    bad = os.fsdecode(b"\xff\xfe")
    write_images(tmp_path, [f"{bad}/{bad}.png", "🐈 cat/🐈 1.png", "new\nline/1.png"])
    listing = list_folder(tmp_path)
    assert listing.class_names == ("new line", "🐈 cat", r"\xff\xfe")
    assert [entry.label for entry in listing.entries] == [0, 1, 2]
    assert all(name.encode() for name in listing.class_names)


def test_links_are_followed_inside_only(tmp_path):
    folder, outside = tmp_path / "in", tmp_path / "out"
    write_images(folder, ["a/1.png"])
    write_images(outside, ["2.png"])
    (folder / "a/inside.png").symlink_to(folder / "a/1.png")
    (folder / "a/outside.png").symlink_to(outside / "2.png")
    (folder / "out").symlink_to(outside)
    (folder / "a/loop").symlink_to(folder)
    (folder / "a/broken.png").symlink_to(folder / "nowhere.png")
    listing = list_folder(folder)
    assert [entry.path for entry in listing.entries] == ["a/1.png", "a/inside.png"]
    assert sorted(listing.links) == ["a/loop", "a/outside.png", "out"]
    assert [name for name, _ in listing.bad] == ["a/broken.png"]


def test_a_folder_that_is_a_link_itself(tmp_path):
    write_images(tmp_path / "real", ["a/1.png"])
    (tmp_path / "real/a/2.png").symlink_to("1.png")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert len(list_folder(tmp_path / "link").entries) == 2


def test_what_is_passed_over(tmp_path):
    write_images(tmp_path, ["a/1.png", ".hidden/2.png", "a/.3.png"])
    (tmp_path / "a/Thumbs.db").write_bytes(b"")
    os.mkfifo(tmp_path / "a/pipe.png")
    listing = list_folder(tmp_path)
    assert [entry.path for entry in listing.entries] == ["a/1.png"]
    assert listing.others == {("a", ".db"): 1}
    assert listing.bad == [("a/pipe.png", "not a regular file")]


def test_a_table(tmp_path):
    write_images(tmp_path, ["1.png", "2.png", "sub/3.png", "4.png"])
    table(tmp_path, '\ufeffPath, label\n1.png,cat\n"./2.png","a, ""b"""\nsub/3.png,\n')
    assert listed(tmp_path) == {
        "1.png": ("cat", ""),
        "2.png": ('a, "b"', ""),
        "sub/3.png": (None, ""),
        "4.png": (None, ""),
    }


def test_a_table_with_a_split(tmp_path):
    write_images(tmp_path, ["1.png", "2.png", "3.png"])
    table(tmp_path, "path,label,split\r\n1.png,a,train\r\n2.png,b,test\r\n3.png,a,\r\n")
    assert listed(tmp_path) == {
        "1.png": ("a", "train"),
        "2.png": ("b", "test"),
        "3.png": ("a", ""),
    }


def test_a_table_of_names_that_are_no_utf8(tmp_path):
    name = os.fsdecode(b"\xff.png")
    write_images(tmp_path, [name])
    table(tmp_path, b"path,label\n\xff.png,x\n")
    assert listed(tmp_path) == {name: ("x", "")}


def test_all_faults_of_a_table_at_once(tmp_path):
    write_images(tmp_path / "in", ["1.png", "2.png"])
    write_images(tmp_path, ["secret.png"])
    table(
        tmp_path / "in",
        "path,label,split\n../secret.png,a,\n/etc/secret.png,a,\nx/../../secret.png,a,\n"
        "1.png,a\n1.png,a,val\n2.png,a,\n./2.png,b,\n,a,\n",
    )
    with pytest.raises(ImagesError) as error:
        list_folder(tmp_path / "in")
    for part in (
        "4 errors",
        "line 5: 2 values for 3 columns",
        "line 6: split is 'val'; it is train, test or empty",
        "line 8: './2.png' is 'b' here and 'a' in labels.csv, line 7; an image has one label",
        "line 9: a label of no image",
    ):
        assert part in str(error.value)


def test_labels_for_images_that_do_not_exist(tmp_path):
    write_images(tmp_path, ["1.png"])
    (tmp_path / "out.png").symlink_to("/etc/hostname")
    table(
        tmp_path,
        "path,label\n1.png,a\n9.png,b\nout.png,b\n../secret.png,a\n/etc/secret.png,a\n"
        "x/../../secret.png,a\n",
    )
    listing = list_folder(tmp_path)
    assert listing.bad == []
    assert [error.split("; did")[0] for error in listing.missing] == [
        f"labels.csv, line 3: there is no image '9.png' in {tmp_path.name}",
        f"labels.csv, line 4: there is no image 'out.png' in {tmp_path.name}",
        f"labels.csv, line 5: '../secret.png' leads out of the folder {tmp_path.name}",
        f"labels.csv, line 6: '/etc/secret.png' leads out of the folder {tmp_path.name}",
        f"labels.csv, line 7: 'x/../../secret.png' leads out of the folder {tmp_path.name}",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; its first line names"),
        ("1.png,a\n", r"its first line is '1\.png,a'; it has to name the columns path"),
        ('path,label\n"1.png,a\n', "line 2"),
        ("path,label\n" + "x" * 200_000 + ",a\n", "line 2 is no line of a table"),
    ],
)
def test_what_is_no_table(tmp_path, text, message):
    write_images(tmp_path, ["1.png"])
    table(tmp_path, text)
    with pytest.raises(ImagesError, match=message):
        list_folder(tmp_path)


def test_a_sub_folder_without_permission(tmp_path, monkeypatch):
    write_images(tmp_path, ["a/1.png", "b/2.png"])
    scandir = os.scandir

    def locked(path):  # root, whom tests may run as, is never refused
        if str(path).endswith("b"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", locked)
    assert list_folder(tmp_path).bad == [("b", "Permission denied")]


def test_pictures_that_tacit_wrote_are_no_class(tmp_path) -> None:
    for name in ("a/1.png", "b/2.png", "mine/3.png"):
        (tmp_path / name).parent.mkdir()
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / name)
    made = np.zeros((2, 1, 4, 4), np.float32)
    write_pictures(tmp_path / "samples", ["x", "y"], made)
    write_pictures(tmp_path / "mine", ["x", "y"], made)
    listing = list_folder(tmp_path)
    assert listing.class_names == ("a", "b", "mine")
    assert "tacit's own results in samples, passed over." in listing.notes


def noise(path, **options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(str(path))).integers(0, 256, (4, 4), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)


@pytest.mark.parametrize("name", ["made.png", "a/made.PNG", "a/b/made.png"])
def test_a_grid_that_tacit_drew_among_pictures_is_none_of_them(tmp_path, name) -> None:
    for other in ("a/1.png", "a/b/2.png", "c/3.png"):
        noise(tmp_path / other)
    write_grid(tmp_path / name, [[np.zeros((1, 4, 4), np.float32)]])
    listing = list_folder(tmp_path)
    assert [entry.path for entry in listing.entries] == ["a/1.png", "a/b/2.png", "c/3.png"]
    assert f"Pictures that tacit made, passed over: 1 ({name})." in listing.notes


def test_a_class_of_pictures_by_tacit_alone_is_somebodys_choice(tmp_path) -> None:
    for name in ("real/1.png", "real/2.png"):
        noise(tmp_path / name, pnginfo=PngInfo())
    for name in ("made/1.png", "made/2.png"):
        noise(tmp_path / name, pnginfo=mark())
    noise(tmp_path / "above.png", pnginfo=mark())
    assert list_folder(tmp_path).class_names == ("made", "real")
    assert len(list_folder(tmp_path / "made").entries) == 2
