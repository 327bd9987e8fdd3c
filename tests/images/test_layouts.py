"""What a folder means: one rule, and a sentence that says it."""

import pytest
from image_files import write_images

from tacit.errors import ImagesError
from tacit.images.listing import list_folder


def made(root, *folders, n=3):
    write_images(root, [f"{folder}/{i}.png" for folder in folders for i in range(n)])
    return root


@pytest.mark.parametrize(
    ("train", "test"),
    [("train", "test"), ("Train", "Test"), ("TRAINING", "TESTING"), ("training", "test")],
)
def test_splits_in_all_spellings(tmp_path, train, test) -> None:
    made(tmp_path, f"{train}/cat", f"{train}/dog", f"{test}/cat", f"{test}/dog")
    listing = list_folder(tmp_path)
    assert listing.class_names == ("cat", "dog")
    assert {(e.path.split("/")[0], e.side) for e in listing.entries} == {
        (train, "train"),
        (test, "test"),
    }
    assert listing.meaning == (
        f"Sub-folders are training images ({train}) and test images ({test}), their sub-folders "
        "classes. 2 classes: cat (6), dog (6)."
    )


@pytest.mark.parametrize("inside", ["", "/any"])
def test_unlabelled_images_beside_a_split(tmp_path, inside) -> None:
    made(tmp_path, "train/a", "train/b", "test/a", f"Unlabeled{inside}")
    listing = list_folder(tmp_path)
    assert listing.class_names == ("a", "b")
    assert [(e.label, e.side) for e in listing.entries if e.path[0] == "U"] == [(-1, "train")] * 3
    assert "Images in Unlabeled are learned from, without labels." in listing.meaning
    assert "without a label: 3" in listing.meaning


def test_unlabelled_images_beside_classes(tmp_path) -> None:
    listing = list_folder(made(tmp_path, "cat", "dog", "unlabelled"))
    assert listing.class_names == ("cat", "dog")
    assert "Images in unlabelled have no label" in listing.meaning


@pytest.mark.parametrize(
    "tops",
    [
        ("val", "test"),
        ("train", "dev"),
        ("TRAIN", "VAL"),
        ("train",),
        ("test",),
        ("Train", "train", "test"),
        ("train", "val", "test"),
        ("train", "validation"),
        ("seg_train", "seg_test"),
        ("train", "test_images"),
        ("train", "unlabeled"),
    ],
)
def test_what_looks_like_a_split_and_is_none_is_refused(tmp_path, tops) -> None:
    made(tmp_path, *(f"{top}/{name}" for top in tops for name in ("cat", "dog")))
    with pytest.raises(ImagesError, match="a split of your own is made of `train` and `test`"):
        list_folder(tmp_path)


@pytest.mark.parametrize(
    "folders",
    [("train", "test", "cats", "dogs"), ("train/cat", "train/dog", "other"), ("val", "test", "a")],
)
def test_a_split_beside_classes_is_refused(tmp_path, folders) -> None:
    with pytest.raises(ImagesError, match=r"look like a split, and .* like classes"):
        list_folder(made(tmp_path, *folders))


def test_a_train_may_be_a_vehicle(tmp_path) -> None:
    listing = list_folder(made(tmp_path, "train", "bus", "train_station"))
    assert listing.class_names == ("bus", "train", "train_station")


@pytest.mark.parametrize(
    ("folders", "name"),
    [
        (("data/cat", "data/dog"), "data"),
        (("a/b/cat", "a/b/dog"), "a"),
        (("train/images/cat", "train/images/dog", "test/images/cat"), "images"),
    ],
)
def test_one_folder_too_high_is_refused(tmp_path, folders, name) -> None:
    with pytest.raises(ImagesError, match=f"has one sub-folder, {name}, and it holds folders"):
        list_folder(made(tmp_path, *folders))


def test_folders_in_classes_are_said_to_say_nothing(tmp_path) -> None:
    listing = list_folder(made(tmp_path, "cat/left", "cat/right", "dog/left"))
    assert listing.meaning == (
        "Sub-folders are classes. Folders in them (left, right) say nothing. 2 classes: cat (6), "
        "dog (3)."
    )


@pytest.mark.parametrize(
    "folders",
    [
        ("fold1/a", "fold1/b", "fold2/a", "fold2/b"),
        ("tr/a", "tr/b", "te/a", "te/b", "te/c"),
        ("cat/images", "cat/masks", "dog/images", "dog/masks"),
    ],
)
def test_the_same_folders_in_every_one_are_refused(tmp_path, folders) -> None:
    with pytest.raises(ImagesError, match="either may be the classes"):
        list_folder(made(tmp_path, *folders))


def test_what_a_file_server_leaves_behind_is_no_image(tmp_path) -> None:
    made(tmp_path, "cat", "dog", "cat/@eaDir/0.png", "__MACOSX/cat")
    listing = list_folder(tmp_path)
    assert len(listing.entries) == 6
    assert listing.meaning == "Sub-folders are classes. 2 classes: cat (3), dog (3)."
    assert not listing.notes


def test_classes_are_in_the_order_of_their_numbers(tmp_path) -> None:
    listing = list_folder(made(tmp_path, *map(str, range(12)), "other", n=1))
    assert listing.class_names == (*map(str, range(12)), "other")


def test_two_folders_of_one_class_are_refused(tmp_path) -> None:
    with pytest.raises(ImagesError, match=r"'Cat' \(3\) and 'cat' \(3\)"):
        list_folder(made(tmp_path, "Cat", "cat", "dog"))


def test_folders_that_differ_in_what_nobody_sees_are_one_class(tmp_path) -> None:
    listing = list_folder(made(tmp_path, "cat", "cat ", "caf\u00e9", "cafe\u0301"))
    assert listing.class_names == ("caf\u00e9", "cat")
    assert "'cat ' (3) is 'cat'" in " ".join(listing.notes)


def test_classes_without_an_image_are_named(tmp_path) -> None:
    made(tmp_path, "a", "b")
    (tmp_path / "empty").mkdir()
    (tmp_path / "phone").mkdir()
    for n in range(4):
        (tmp_path / f"phone/{n}.HEIC").write_bytes(b"x")
    (tmp_path / "phone/notes.txt").write_bytes(b"x")
    assert (
        "Folders without an image, which are no classes: empty (no files), phone (.heic 4, .txt 1)."
    ) in list_folder(tmp_path).notes


def test_a_class_without_an_image_in_a_split_is_named(tmp_path) -> None:
    made(tmp_path, "train/a", "train/b", "test/a")
    (tmp_path / "test/b").mkdir()
    assert "test/b (no files)" in " ".join(list_folder(tmp_path).notes)


@pytest.mark.parametrize("mark", ["tacit-out/mini/.holder.json", "mine/study.json"])
def test_tacits_own_results_are_no_images(tmp_path, mark) -> None:
    made(tmp_path, "a", "b")
    folder = (tmp_path / mark).parent
    made(folder, "figures", "data/pages")
    (tmp_path / mark).write_text("{}")
    listing = list_folder(tmp_path)
    assert listing.class_names == ("a", "b")
    assert len(listing.entries) == 6
    assert any(note.startswith("tacit's own results in") for note in listing.notes)
    whole = list_folder(tmp_path, classes=False)
    assert len(whole.entries) == 6


@pytest.mark.parametrize("ending", [".jfif", ".JPE", ".gif", ".ppm", ".pgm", ".WebP", ".TIF"])
def test_endings_in_any_case(tmp_path, ending) -> None:
    made(tmp_path, "a", "b")
    (tmp_path / f"a/x{ending}").write_bytes(b"x")
    assert f"a/x{ending}" in {entry.path for entry in list_folder(tmp_path).entries}


def test_nothing_but_links_is_said_to_be_links(tmp_path) -> None:
    made(tmp_path / "store", "a", "b")
    (tmp_path / "in").mkdir()
    for name in "ab":
        (tmp_path / "in" / name).symlink_to(tmp_path / "store" / name)
    with pytest.raises(ImagesError, match=r"holds no images.*Not followed, as links.*2 \(a, b\)"):
        list_folder(tmp_path / "in")


@pytest.mark.parametrize("folders", [("cat/train", "cat/test"), ("bottle/train/good", "tile/Test")])
def test_a_split_below_the_classes_is_refused(tmp_path, folders) -> None:
    with pytest.raises(ImagesError, match=r"A split of your own stands above the classes"):
        list_folder(made(tmp_path, *folders, "dog/train"))


def test_a_table_without_a_label_takes_no_classes_away(tmp_path) -> None:
    made(tmp_path, "a", "b")
    (tmp_path / "labels.csv").write_text("path,label\na/0.png,\n")
    with pytest.raises(ImagesError, match=r"labels\.csv gives no image a label"):
        list_folder(tmp_path)
    (tmp_path / "labels.csv").write_text("path,label,split\na/0.png,,test\n")
    assert list_folder(tmp_path).class_names == ()


@pytest.mark.parametrize("name", ["labels.txt", "Labels.json", "annotations.xml", "x.csv"])
def test_what_may_hold_labels_is_named(tmp_path, name) -> None:
    write_images(tmp_path, ["1.png", "2.png"])
    (tmp_path / name).write_text("?")
    assert any(note.startswith(f"{name}: not read") for note in list_folder(tmp_path).notes)
