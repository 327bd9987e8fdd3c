import errno
import json
import os
import resource
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from image_files import MEGABYTE, memory_below, png, write_images
from PIL import Image

from tacit.errors import ImagesError, UnreadableImagesError
from tacit.images import folders
from tacit.images.dataset import UNLABELLED
from tacit.images.decoding import NO_IMAGE
from tacit.images.folders import read_folder
from tacit.images.sources import open_images

NAMES = [f"{kind}/{number}.png" for kind in ("cat", "dog") for number in range(20)]


@pytest.fixture
def folder(tmp_path):
    write_images(tmp_path / "pets", NAMES)
    return tmp_path / "pets"


@pytest.fixture
def decoded(monkeypatch):
    """The paths of the files that are decoded."""
    paths: list[str] = []
    read = folders._read

    def noted(entry, **options):
        paths.append(entry.path)
        return read(entry, **options)

    monkeypatch.setattr(folders, "_read", noted)
    return paths


def unfinished(cache: Path) -> list[str]:
    return [path.name for path in (cache / "folders").iterdir() if path.name.startswith(".")]


def test_pixels_labels_and_classes(folder):
    opened = read_folder(folder)
    assert opened.train.class_names == opened.test.class_names == ("cat", "dog")
    assert len(opened.train) + len(opened.test) == 40
    seen = set()
    for images in opened.train, opened.test:
        assert images.labels is not None
        for row, label in zip(images.pixels, images.labels, strict=True):
            seen.add((row.tobytes(), images.class_names[label]))
    for name in NAMES:
        pixels = np.asarray(Image.open(folder / name))
        assert (pixels.tobytes(), name.split("/")[0]) in seen
    assert opened.origin.address == opened.train.source == "pets"
    assert isinstance(opened.train.pixels, np.memmap)


def test_the_second_start_decodes_nothing(folder, decoded):
    first = read_folder(folder)
    assert len(decoded) == 40
    again = read_folder(folder)
    assert len(decoded) == 40
    assert (again.train.sha256, again.test.sha256) == (first.train.sha256, first.test.sha256)
    assert again.notes == first.notes


def test_what_changed_is_noticed(folder, decoded):
    first = read_folder(folder)
    stamp = (folder / NAMES[0]).stat()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / NAMES[0])
    os.utime(folder / NAMES[0], ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    changed = read_folder(folder)
    assert len(decoded) == 80
    assert changed.train.sha256 + changed.test.sha256 != first.train.sha256 + first.test.sha256
    (folder / NAMES[1]).unlink()
    assert len(read_folder(folder).train) + len(read_folder(folder).test) == 39


def test_other_wishes_are_another_cache(folder):
    assert read_folder(folder).train.shape == (1, 8, 8)
    assert read_folder(folder, size=16, channels="rgb").train.shape == (3, 16, 16)
    assert read_folder(folder).train.shape == (1, 8, 8)


def test_the_hash_does_not_depend_on_the_place_or_on_times(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "elsewhere/copy")
    here, there = read_folder(folder), read_folder(tmp_path / "elsewhere/copy")
    assert here.train.sha256 == there.train.sha256
    assert here.test.sha256 == there.test.sha256


def test_adding_images_moves_no_other_one(folder):
    before = read_folder(folder)
    write_images(folder, [f"ant/{number}.png" for number in range(30)])
    after = read_folder(folder)
    for few, many in ((before.train, after.train), (before.test, after.test)):
        assert {row.tobytes() for row in few.pixels} <= {row.tobytes() for row in many.pixels}


def test_size_and_channels_do_not_change_the_split(folder):
    plain, large = read_folder(folder), read_folder(folder, size=12)
    assert plain.train.labels is not None
    assert large.train.labels is not None
    assert plain.train.labels.tolist() == large.train.labels.tolist()


@pytest.mark.parametrize("damage", ["flip", "cut", "no record", "record", "label", "empty record"])
def test_a_damaged_cache_is_made_again(folder, cache, decoded, damage):
    first = read_folder(folder)
    [kept] = (cache / "folders").iterdir()
    train, record = kept / "train", kept / "record.json"
    content = bytearray(train.read_bytes())
    text = record.read_text()
    if damage == "flip":
        content[100] ^= 1
        train.write_bytes(content)
    elif damage == "cut":
        train.write_bytes(content[:-1])
    elif damage == "no record":
        record.unlink()
    elif damage == "record":
        record.write_text(text[: len(text) // 2])
    elif damage == "label":
        noted = json.loads(text)
        noted["labels"]["train"][0] ^= 1
        record.write_text(json.dumps(noted))
    else:
        record.write_text("{}")
    again = read_folder(folder)
    assert len(decoded) == 80
    assert (again.train.sha256, again.test.sha256) == (first.train.sha256, first.test.sha256)
    read_folder(folder)
    assert len(decoded) == 80


def spoil(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Ten good images and one of each kind of bad one, with what must be said of it."""
    write_images(folder, [f"good/{number}.png" for number in range(20)])
    noise = np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8)
    bad = folder / "bad"
    bad.mkdir()
    Image.fromarray(noise).save(bad / "whole.png")
    (bad / "cut.png").write_bytes((bad / "whole.png").read_bytes()[:-300])
    (bad / "whole.png").unlink()
    (bad / "empty.jpg").write_bytes(b"")
    (bad / "text.png").write_text("not a picture")
    (bad / "anim.bmp").write_bytes(b"GIF89a" + bytes(50))
    (bad / "bomb.png").write_bytes(png(20_000, 20_000, 1, 0, (b"\0" + bytes(2500)) * 20_000))
    with (bad / "huge.tif").open("wb") as stream:
        stream.truncate(600 * MEGABYTE)
    os.mkfifo(bad / "pipe.png")
    (bad / "locked.png").write_bytes((folder / "good/0.png").read_bytes())
    read_bytes = Path.read_bytes

    def refused(path):  # root, whom tests may run as, is never refused
        if path.name == "locked.png":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", refused)
    return {
        "bad/pipe.png": "not a regular file",
        "bad/anim.bmp": NO_IMAGE,
        "bad/bomb.png": "decoded, it would have more than twice as many pixels",
        "bad/cut.png": "it is damaged or cut short (image file is truncated",
        "bad/empty.jpg": "the file is empty",
        "bad/huge.tif": "the file has 629,145,600 bytes; the limit is 536,870,912",
        "bad/locked.png": "Permission denied",
        "bad/text.png": NO_IMAGE,
    }


def test_all_bad_images_in_one_error(tmp_path, cache, monkeypatch):
    expected = spoil(tmp_path / "in", monkeypatch)
    with memory_below(30 * MEGABYTE), pytest.raises(UnreadableImagesError) as error:
        read_folder(tmp_path / "in")
    assert [name for name, _ in error.value.files] == list(expected)
    for name, reason in expected.items():
        assert f"{name}: {reason}" in str(error.value)
    assert "--skip-bad" in str(error.value)
    assert list((cache / "folders").iterdir()) == []


def test_bad_images_are_left_out_on_demand(tmp_path, monkeypatch):
    expected = spoil(tmp_path / "in", monkeypatch)
    for _ in range(2):  # decoded, and from the cache
        opened = read_folder(tmp_path / "in", skip_bad=True)
        assert len(opened.train) + len(opened.test) == 20
        assert [name for name, _ in opened.skipped] == list(expected)
        [note] = [note for note in opened.notes if "Left out" in note]
        assert f"Left out because they cannot be read: {len(expected)}" in note
        assert "bad/empty.jpg (the file is empty)" in note
    with pytest.raises(UnreadableImagesError):
        read_folder(tmp_path / "in")


def test_nothing_but_bad_images(tmp_path):
    (tmp_path / "1.png").write_text("x")
    with pytest.raises(ImagesError, match="of 0 images"):
        read_folder(tmp_path, skip_bad=True)


def test_images_that_differ_are_an_error_that_suggests(tmp_path, cache):
    write_images(tmp_path / "in", [f"a/{number}.png" for number in range(6)], size=(40, 70))
    write_images(tmp_path / "in", ["b/1.png", "b/2.png"], size=(33, 90), mode="RGB")
    with pytest.raises(ImagesError) as error:
        read_folder(tmp_path / "in")
    for part in ("40×70 (6), 33×90 (2)", "in colour: 2 of 8", "--size 32 --channels rgb"):
        assert part in str(error.value)
    with pytest.raises(ImagesError, match="--size 50 --channels rgb"):
        read_folder(tmp_path / "in", size=50)
    assert list((cache / "folders").iterdir()) == []
    opened = read_folder(tmp_path / "in", size=32, channels="gray")
    assert opened.train.shape == (1, 32, 32)
    assert opened.conversions == {
        "resized to 32×32": 8,
        "cut to the centred square": 8,
        "converted to gray": 2,
    }


def test_a_flat_folder_has_no_labels(tmp_path):
    write_images(tmp_path, [f"{number}.png" for number in range(30)])
    opened = read_folder(tmp_path)
    assert opened.train.labels is None
    assert opened.test.labels is None
    assert opened.train.n_classes == 0


def test_a_split_of_ones_own(tmp_path):
    write_images(tmp_path, ["train/a/1.png", "train/b/2.png", "test/b/3.png"])
    opened = read_folder(tmp_path)
    assert (len(opened.train), len(opened.test)) == (2, 1)
    assert opened.test.labels is not None
    assert opened.test.labels.tolist() == [1]
    assert opened.notes == [
        "Sub-folders are training images (train) and test images (test), their sub-folders "
        "classes. 2 classes: a (1), b (2)."
    ]


def test_a_side_without_images(tmp_path):
    write_images(tmp_path, ["train/a/1.png", "train/b/2.png"])
    with pytest.raises(ImagesError, match="a split of your own is made of"):
        read_folder(tmp_path)
    (tmp_path / "train/labels.csv").write_text("path,label,split\na/1.png,x,train\nb/2.png,y,train")
    with pytest.raises(ImagesError, match="of 2 images, 2 would be learned from and 0 tested on"):
        read_folder(tmp_path / "train")


def test_unlabelled_images_are_learned_from(tmp_path):
    write_images(tmp_path, [f"{number:02}.png" for number in range(60)])
    rows = "".join(f"{number:02}.png,{number % 2}\n" for number in range(30))
    (tmp_path / "labels.csv").write_text("path,label\n" + rows)
    opened = read_folder(tmp_path)
    assert opened.train.labels is not None
    assert opened.test.labels is not None
    assert (opened.train.labels == UNLABELLED).sum() == 30
    assert (opened.test.labels == UNLABELLED).sum() == 0
    assert opened.train.class_names == ("0", "1")


def test_strange_names(tmp_path):
    strange = os.fsdecode(b"caf\xe9")
    write_images(tmp_path, [f"{strange}/🐈 {number}.png" for number in range(20)])
    (tmp_path / strange / "\n.png").write_bytes(b"")
    opened = read_folder(tmp_path, skip_bad=True)
    assert opened.train.class_names == (r"caf\xe9",)
    assert opened.train.sha256 == read_folder(tmp_path, skip_bad=True).train.sha256
    assert opened.skipped == ((r"caf\xe9/\n.png", "the file is empty"),)


def test_links_and_other_files_are_counted(tmp_path):
    write_images(tmp_path / "in", NAMES)
    write_images(tmp_path, ["out.png"])
    (tmp_path / "in/cat/out.png").symlink_to(tmp_path / "out.png")
    (tmp_path / "in/readme.txt").write_text("x")
    notes = " ".join(read_folder(tmp_path / "in").notes)
    assert "Not followed, as links out of the folder or to folders: 1 (cat/out.png)." in notes
    assert "passed over: 1 (.txt 1)." in notes
    assert "Copies" not in notes


def test_copies_and_links_to_images_are_counted(tmp_path):
    write_images(tmp_path / "in", NAMES)
    (tmp_path / "in/cat/again.png").symlink_to(tmp_path / "in" / NAMES[0])
    (tmp_path / "in/copy.png").write_bytes((tmp_path / "in" / NAMES[1]).read_bytes())
    (tmp_path / "in/copy.png").rename(tmp_path / "in/cat/copy.png")
    opened = read_folder(tmp_path / "in")
    for found in (opened, read_folder(tmp_path / "in")):  # decoded, and from the cache
        assert "Copies of another image, or links to one: 2 of 42." in " ".join(found.notes)


def test_progress(folder):
    told: list[tuple[int, int]] = []
    read_folder(folder, progress=lambda done, total: told.append((done, total)))
    assert told == [(done, 40) for done in range(1, 41)]


def test_an_interruption_leaves_nothing(folder, cache):
    def interrupt(done, total):
        if done == 5:
            raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        read_folder(folder, progress=interrupt)
    assert list((cache / "folders").iterdir()) == []
    assert threading.active_count() <= before  # a thread of others may have ended
    assert len(read_folder(folder).train) > 0


@pytest.mark.parametrize("limit", [0, 1000])
def test_a_full_disk(folder, cache, limit):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))  # larger files cannot be written
    try:
        with pytest.raises(ImagesError, match=r"cannot be written \(File too large\).*TACIT_CACHE"):
            read_folder(folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list((cache / "folders").iterdir()) == []


def test_two_at_once(folder):
    first, second = [], []
    threads = [
        threading.Thread(target=lambda into=into: into.append(read_folder(folder)))
        for into in (first, second)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert first[0].train.sha256 == second[0].train.sha256


def test_what_a_killed_process_left_is_swept_up(folder, cache):
    left = cache / "folders/.unfinished-old"
    left.mkdir(parents=True)
    fresh = cache / "folders/.unfinished-fresh"
    fresh.mkdir()
    os.utime(left, (0, 0))
    read_folder(folder)
    assert unfinished(cache) == [".unfinished-fresh"]


def test_what_another_process_finishes_meanwhile_is_no_error(folder, cache):
    """It was listed under its passing name, and is gone from there."""
    (cache / "folders").mkdir(parents=True)
    (cache / "folders/.unfinished-gone").symlink_to("nowhere")
    assert len(read_folder(folder).train) > 0


def test_memory_does_not_grow_with_the_folder(tmp_path):
    grey = np.zeros((256, 256), np.uint8)
    for number in range(300):
        grey[0, :2] = divmod(number, 256)
        path = tmp_path / f"{number}.bmp"
        Image.fromarray(grey).save(path)
    with memory_below(12 * MEGABYTE):  # the pixels are 19.7 MB
        opened = read_folder(tmp_path)
    assert len(opened.train) + len(opened.test) == 300


@pytest.mark.parametrize("turned", [0, 1])
def test_what_exif_turns_is_counted_as_it_is_read(tmp_path, turned):
    for number in range(8):
        exif = Image.Exif()
        exif[274] = 6 if number % 2 and turned else 1
        path = tmp_path / "ab"[number % 2] / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.effect_noise((16, 8), 80).save(path, exif=exif)
    write_images(tmp_path, ["a/wide.png"], size=(16, 8), mode="RGB")
    said = r"Sizes: 2, most often 16×8 \(5\), 8×16 \(4\) \(turned by EXIF: 4\)"
    with pytest.raises(ImagesError, match=said if turned else r"Sizes: 1, .*in colour: 1 of 9"):
        read_folder(tmp_path)


def test_few_grey_levels_are_named_with_what_to_do(tmp_path):
    for number in range(40):
        path = tmp_path / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        noise = np.random.default_rng(number).integers(0, 4096, (6, 6), dtype=np.uint16)
        noise[0, :2] = 0, 4095
        Image.fromarray(noise).save(path)
    [note] = [n for n in open_images(str(tmp_path)).notes if n.startswith("Few of the 256")]
    assert "all pixels lie between 0 and 16" in note
    assert "white 255 (or 65,535, or 1.0)" in note
