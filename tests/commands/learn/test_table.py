"""Tables of labels that people wrote, on images that they brought: every error named."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tacit.commands.learn.pool import open_pool
from tacit.commands.learn.table import read_labels
from tacit.errors import ImagesError, UnreadableImagesError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Eight pictures below a folder, of which two are the same."""
    root = tmp_path_factory.mktemp("pictures")
    (root / "sub").mkdir()
    rng = np.random.default_rng(0)
    for i in range(8):
        name = f"sub/{i}.png" if i > 5 else f"{i}.png"
        Image.fromarray(rng.integers(0, 255, (6, 6), dtype=np.uint8)).save(root / name)
    (root / "7.png").write_bytes((root / "0.png").read_bytes())
    return root


@pytest.fixture(scope="module")
def pool(folder):
    return open_pool(str(folder))


@pytest.fixture
def read(tmp_path, pool):
    def from_text(*texts: str):
        tables = []
        for number, text in enumerate(texts):
            tables.append(tmp_path / f"labels-{number}.csv")
            tables[-1].write_text(text)
        return read_labels(tables, pool)

    return from_text


def test_a_folder_is_a_pool_whatever_its_layout(pool, folder) -> None:
    assert pool.names == tuple(sorted(str(p.relative_to(folder)) for p in folder.rglob("*.png")))
    assert pool.column == "path"
    for number, name in enumerate(pool.names):
        with Image.open(folder / name) as picture:
            np.testing.assert_array_equal(pool.images.pixels[number, 0], np.asarray(picture))
    assert pool.images.labels is None
    assert len(pool.opened.test) == 0


def test_labels_by_path_with_other_columns_in_several_tables(read, pool) -> None:
    given = read(
        "label,path,why\ndog,./1.png,it barks\n,2.png,unsure\n", "path,label\nsub/6.png,cat\n"
    )
    assert given.class_names == ("cat", "dog")
    assert [pool.names[row] for row in given.labelled.index] == ["1.png", "sub/6.png"]
    assert given.labelled.y.tolist() == [1, 0]
    assert "One label only: cat, dog." in given.notes[0]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\N{BOM}"])
def test_what_spreadsheets_write_is_read(tmp_path, pool, separator, end, mark) -> None:
    rows = [
        ["path", "label", "why"],
        ["1.png", "a cat", "whiskers, four"],
        ["sub/6.png", "dog", ""],
    ]
    table = tmp_path / "labels.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        file.write(mark)
        csv.writer(file, delimiter=separator, lineterminator=end).writerows(rows)
    given = read_labels([table], pool)
    assert given.class_names == ("a cat", "dog")
    assert [pool.names[row] for row in given.labelled.index] == ["1.png", "sub/6.png"]


def test_a_path_may_begin_elsewhere(folder, pool) -> None:
    """Absolute, where the table lies, and as Windows writes it; never out of the folder."""
    table = folder.parent / "labels.csv"
    for one, other in (
        (folder / "1.png", folder / "sub" / "6.png"),
        (f"{folder.name}/1.png", f"./{folder.name}/sub/../sub/6.png"),
        ("1.png", "sub\\6.png"),
        (f"{folder.name}\\1.png", f"{folder.name}\\sub\\6.png"),
    ):
        table.write_text(f"path,label\n{one},a\n{other},b\n")
        given = read_labels([table], pool)
        assert [pool.names[row] for row in given.labelled.index] == ["1.png", "sub/6.png"]
    for wrong in (folder.parent / "1.png", "../1.png", "sub/../../1.png"):
        table.write_text(f"path,label\n{wrong},a\n2.png,b\n")
        with pytest.raises(ImagesError, match="leads out of the folder"):
            read_labels([table], pool)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("path,label\n1.png,a\n".encode("utf-16"), "is UTF-16 text"),
        (b"PK\3\4\0\0", "is a workbook or another zip archive"),
        (b"path,label\n\0", "is no plain text"),
    ],
)
def test_what_is_no_plain_text_is_said_to_be_none(tmp_path, pool, content, said) -> None:
    (tmp_path / "labels.csv").write_bytes(content)
    with pytest.raises(ImagesError, match=rf"labels\.csv: {said}; save it as CSV in UTF-8"):
        read_labels([tmp_path / "labels.csv"], pool)


def test_class_numbers_are_in_the_order_of_numbers(tmp_path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((5, 4, 4)))
    (tmp_path / "y.csv").write_text("index,label\n0,10\n3,9\n4,10\n")
    pool = open_pool(str(tmp_path / "x.npy"))
    given = read_labels([tmp_path / "y.csv"], pool)
    assert given.class_names == ("9", "10")
    assert given.counts == [1, 2]


def test_training_images_of_a_file_come_before_its_test_images(tmp_path) -> None:
    x = np.arange(5, dtype=np.uint8).repeat(16).reshape(5, 4, 4)
    np.savez(tmp_path / "two.npz", x_train=x[:3], y_train=[1, 2, 3], x_test=x[3:], y_test=[4, 4])
    pool = open_pool(str(tmp_path / "two.npz"))
    assert pool.images.pixels[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert pool.images.labels is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,label\n9.png,cat\n1.png,dog\n", "no image '9.png' in"),
        ("path,label\nsub/0.png,cat\n1.png,dog\n", "did you mean"),
        ("path,label\n1.png,cat\n1.png,dog\n", "line 3: '1.png' is 'dog' here and 'cat' in labels"),
        ("path,label\n0.png,cat\n7.png,dog\n", "'0.png', the same picture, is 'cat'"),
        ("path,label\n1.png,cat\n2.png,cat\n", "2 labels, all of class 'cat'"),
        ("path,label\n", "no label"),
        ("index,label\n1,cat\n", "has to name the columns path and label"),
        ("path,label,label\n1.png,a,b\n", "once each"),
        ("path,label\n1.png,cat,3\n", "3 values for 2 columns"),
        ('path,label\n1.png,"cat\n', "line"),
    ],
)
def test_faults_are_named(read, text, said) -> None:
    with pytest.raises(ImagesError) as caught:
        read(text)
    assert said in str(caught.value)


def test_all_faults_are_told_at_once(read) -> None:
    with pytest.raises(ImagesError, match="3 errors in the labels") as caught:
        read("path,label\nx.png,a\n1.png,a\n1.png,b\n", "path,label\ny.png,a\n")
    lines = str(caught.value).splitlines()[1:]
    assert [line.split(":")[0].strip() for line in lines] == [
        "labels-0.csv, line 2",
        "labels-0.csv, line 4",
        "labels-1.csv, line 2",
    ]


def test_the_same_label_again_is_no_fault(read) -> None:
    given = read("path,label\n1.png,a\n2.png,b\n1.png,a\n")
    assert given.counts == [1, 1]
    assert "again, with the same label: 1" in given.notes[0]


def test_where_all_have_labels_the_study_is_named(read, pool) -> None:
    rows = "".join(f"{name},{i % 2}\n" for i, name in enumerate(pool.names) if name != "7.png")
    with pytest.raises(ImagesError, match="tacit run label-efficiency"):
        read(f"path,label\n{rows}7.png,{0}\n")


def test_indices_out_of_range_are_named(tmp_path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((3, 4, 4)))
    pool = open_pool(str(tmp_path / "x.npy"))
    for wrong in ("3", "-1", "one", "1.0"):
        (tmp_path / "y.csv").write_text(f"index,label\n{wrong},a\n")
        with pytest.raises(ImagesError, match="numbered 0 to 2"):
            read_labels([tmp_path / "y.csv"], pool)


def test_unreadable_images_stop_or_are_left_out_with_their_labels(tmp_path) -> None:
    for name in "abc":
        Image.fromarray(np.full((5, 5), ord(name), np.uint8)).save(tmp_path / f"{name}.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(UnreadableImagesError, match=r"bad\.png"):
        open_pool(str(tmp_path))
    pool = open_pool(str(tmp_path), skip_bad=True)
    assert pool.names == ("a.png", "b.png", "c.png")
    (tmp_path / "t.csv").write_text("path,label\na.png,x\nbad.png,x\nb.png,y\n")
    given = read_labels([tmp_path / "t.csv"], pool)
    assert given.counts == [1, 1]
    assert any("left out as unreadable: 1" in note for note in given.notes)


def test_sources_that_are_none_are_named(tmp_path) -> None:
    with pytest.raises(ImagesError, match="Did you mean 'digits'"):
        open_pool("digit")
    with pytest.raises(ImagesError, match="no set that is downloaded"):
        open_pool(str(tmp_path), data_dir=Path("x"))
    with pytest.raises(ImagesError, match="holds no images"):
        open_pool(str(tmp_path))
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(UnreadableImagesError):
        open_pool(str(tmp_path), skip_bad=True)
