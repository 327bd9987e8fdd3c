"""How images reach the workers."""

import logging
from dataclasses import asdict

import numpy as np
import pytest

from tacit.files import Damaged, read_record, write_record
from tacit.images.arrays import Arrays, split_from_arrays
from tacit.images.dataset import Images, Split
from tacit.images.rows import RowsOf
from tacit.images.shared import mapped_from, read_images, write_images
from tacit.images.sources import open_images
from tacit.streams import numpy_stream
from tacit.studies.description.reading import parse
from tacit.studies.execution.plan import plan
from tacit.studies.execution.work import mean_image, noticing, train
from tacit.training.checkpoint import Stopped
from tacit.training.examples import Chosen


def some_pixels() -> np.ndarray:
    return numpy_stream(0, "pixels").integers(0, 256, (10, 1, 8, 8), dtype=np.uint8)


def test_images_come_back_as_they_were(tmp_path) -> None:
    train = Images(some_pixels(), np.arange(10) % 2, ("a", "b"), "noise")
    test = Images(some_pixels()[:4])
    write_images(tmp_path / "images", Split(train, test))
    back = read_images(tmp_path / "images")
    assert back.train.sha256 == train.sha256
    assert back.test.sha256 == test.sha256
    assert back.train.class_names == ("a", "b")
    assert back.test.labels is None


def test_pixels_that_are_mapped_from_a_file_are_not_copied(tmp_path) -> None:
    path = tmp_path / "pixels.npy"
    np.save(path, some_pixels())
    mapped = np.load(path, mmap_mode="r")
    assert mapped_from(mapped) == (path.resolve(), mapped.offset)
    assert mapped_from(mapped[2:]) is None
    assert mapped_from(some_pixels()) is None
    write_images(tmp_path / "images", Split(Images(mapped), Images(mapped[2:])))
    assert not (tmp_path / "images" / "train-pixels.npy").exists()
    back = read_images(tmp_path / "images")
    np.testing.assert_array_equal(back.train.pixels, some_pixels())
    np.testing.assert_array_equal(back.test.pixels, some_pixels()[2:])


@pytest.fixture(params=[(300, 1, 8, 8), (300, 8, 8), (300, 8, 8, 3)])
def rows(request, tmp_path, monkeypatch) -> Images:
    """Most images of a file that counts as large, in another order, some twice."""
    monkeypatch.setattr("tacit.images.rows.MOST_COPIED", 1000)
    monkeypatch.setattr("tacit.images.dataset.BYTES_AT_ONCE", 1000)
    pixels = numpy_stream(0, "many").integers(0, 256, request.param, dtype=np.uint8)
    np.save(tmp_path / "pixels.npy", pixels)
    whole = split_from_arrays(
        Arrays(np.load(tmp_path / "pixels.npy", mmap_mode="r"), np.arange(300) % 3), (), "arrays"
    ).train
    found = whole.take(numpy_stream(0, "rows").integers(0, 300, 250))
    assert isinstance(found.pixels, RowsOf)
    return found


def test_rows_of_a_file_come_back_as_they_were(rows, tmp_path) -> None:
    write_images(tmp_path / "images", Split(rows, rows.take(range(5))))
    back = read_images(tmp_path / "images").train
    assert back.sha256 == rows.sha256
    np.testing.assert_array_equal(back.labels, rows.labels)
    index = np.array([200, 3, 3, 0])
    found, copied = back.scaled(index), np.array(rows.pixels)[index].astype(np.float32) / 255
    np.testing.assert_array_equal(found, copied)
    assert found.flags.c_contiguous  # sums over channels depend on where numbers lie
    # Channels that lie last are put first for once, since workers read them over and over.
    last = rows.pixels.array.shape[1] == 3
    assert (tmp_path / "images" / "train-pixels.npy").exists() == last
    assert (tmp_path / "images" / "train-rows.npy").exists() != last
    if last:
        np.save(tmp_path / "copy.npy", np.array(rows.pixels, order="C"))
        left = (tmp_path / "images" / "train-pixels.npy").read_bytes()
        assert left == (tmp_path / "copy.npy").read_bytes()


def test_images_that_lie_there_are_not_written_again(rows, tmp_path) -> None:
    noticed: list[str] = []
    split = Split(rows, rows.take(range(5)))
    write_images(tmp_path / "images", split, noticed.append)
    before = {path: path.stat().st_ino for path in (tmp_path / "images").iterdir()}
    write_images(tmp_path / "images", split, noticed.append)
    assert before == {path: path.stat().st_ino for path in (tmp_path / "images").iterdir()}
    labels = tmp_path / "images" / "train-labels.npy"
    labels.write_bytes(labels.read_bytes()[:-1])
    write_images(tmp_path / "images", split, noticed.append)
    assert len(noticed) == 1
    assert read_images(tmp_path / "images").train.sha256 == rows.sha256


@pytest.mark.parametrize("rows", [(300, 1, 8, 8)], indirect=True)
@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (np.arange(249), "it names 250 images"),
        (np.arange(250.0), "of float64"),
        (np.arange(250) + 51, "not among the array's 300"),
        (np.zeros((250, 1), np.int64), "not among the array's 300"),
    ],
)
def test_rows_are_held_to_the_record_and_the_file(rows, wrong, reason, tmp_path) -> None:
    write_images(tmp_path / "images", Split(rows, rows.take(range(5))))
    np.save(tmp_path / "images" / "train-rows.npy", wrong)
    with pytest.raises(Damaged, match=reason):
        read_images(tmp_path / "images")


@pytest.mark.parametrize("at_once", [2**24, 3 * 64, 1])
def test_the_mean_image_is_the_mean_of_all(at_once, monkeypatch) -> None:
    monkeypatch.setattr("tacit.studies.execution.work.PIXELS_AT_ONCE", at_once)
    images = Images(some_pixels())
    expected = some_pixels().astype(float).mean(axis=0) / 255
    np.testing.assert_allclose(mean_image(images).numpy(), expected, atol=1e-6)


def test_chosen_examples_are_the_images_and_no_copy() -> None:
    images = Images(some_pixels(), np.arange(10) % 3, ("a", "b", "c"))
    index = np.array([7, 2, 5])
    chosen, taken = Chosen(images, index), images.take(index)
    assert len(chosen) == 3
    np.testing.assert_array_equal(chosen.labels, taken.labels)
    some = np.array([2, 0])
    np.testing.assert_array_equal(chosen.scaled(some), taken.scaled(some))
    np.testing.assert_allclose(mean_image(chosen), mean_image(taken))
    assert chosen.images.pixels is images.pixels
    assert Chosen(Images(some_pixels()), index).labels is None


def test_what_modules_log_is_noticed_once_and_only_within() -> None:
    told: list[str] = []
    logger = logging.getLogger("tacit.labels.propagation.graph")
    with noticing(told.append):
        for _ in range(2):
            logger.info("neighbours among %s codes", 5)
        logging.getLogger("faiss.loader").info("not ours")
    logger.info("afterwards")
    assert told == ["neighbours among 5 codes"]


def test_the_seconds_of_a_run_that_was_stopped_are_those_of_all_its_parts(tmp_path) -> None:
    opened = open_images("digits", train_size=80)
    images = Split(opened.train, opened.test)
    text = "title: t\nruns: {a: {learn: autoencoder, epochs: 1, updates: 30}}\nquestions: []\n"
    (job,) = plan(*parse(text, "t"), images).jobs
    (tmp_path / job.folder).mkdir(parents=True)
    told = {"device": "cpu", "report": lambda *progress: None}
    with pytest.raises(Stopped):
        train(asdict(job), tmp_path, images, stop=lambda: True, **told)
    times = tmp_path / job.folder / "times.json"
    assert read_record(times)["seconds"] > 0
    write_record(times, {"seconds": 1000.0})  # as if that had taken long
    train(asdict(job), tmp_path, images, stop=lambda: False, **told)
    found = read_record(times)
    assert 1000 < found["seconds"] < 1100
    assert found["images_per_second"] == pytest.approx(30 * 80 / found["seconds"])
