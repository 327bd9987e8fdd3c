"""One reader for all tables of labels: what spreadsheets, scripts and other machines write."""

import gzip
import unicodedata
from pathlib import PureWindowsPath

import pytest
from image_files import write_images

from tacit.commands.learn.pool import open_pool
from tacit.commands.learn.table import read_labels
from tacit.errors import ImagesError
from tacit.images.sources import open_images

PATHS = [f"sub/{n:02}.png" if n % 2 else f"{n:02}.png" for n in range(40)]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    root = tmp_path_factory.mktemp("work") / "pictures"
    write_images(root, PATHS)
    return root


def rows(form: str = "{path},{label}", head: str = "path,label", n: int = 30) -> str:
    lines = [form.format(path=path, label=number % 3) for number, path in enumerate(PATHS[:n])]
    return "\n".join([head, *lines]) + "\n"


def both(root, text):
    """What `tacit run` and `tacit learn` make of one table: classes and labels by path."""
    data = text if isinstance(text, bytes) else text.encode()
    (root / "labels.csv").write_bytes(data)
    opened = open_images(str(root))
    given = read_labels([root / "labels.csv"], pool := open_pool(str(root)))
    by_run = {}
    for images, names in zip((opened.train, opened.test), opened.names, strict=True):
        assert images.labels is not None
        by_run |= dict(zip(names, images.labels.tolist(), strict=True))
    labelled = zip(given.labelled.index.tolist(), given.labelled.y.tolist(), strict=True)
    by_learn = {pool.names[row]: label for row, label in labelled}
    assert opened.train.class_names == given.class_names
    assert {path: label for path, label in by_run.items() if label >= 0} == by_learn
    return given.class_names, by_learn, [*opened.notes, *given.notes]


@pytest.mark.parametrize(
    "text",
    [
        rows(),
        rows("{path};{label}", "path;label"),
        rows("{path}\t{label}", "PATH\tLabel"),
        rows("{path}|{label}", "path|label"),
        "sep=;\n" + rows("{path};{label}", "path;label"),
        rows("{label},{path}", "label,path"),
        rows('"{path}","{label}","a, b"', "path,label,note"),
        rows() + rows().split("\n", 1)[1],
        rows() + ",\n",
        rows("{path},{label},", "path,label"),
        rows(".\\{path},{label}").replace("sub/", "sub\\"),
        rows("pictures/{path},{label}"),
        rows("{path},{label}.0"),
        "\ufeff" + rows().replace("\n", "\r\n"),
        rows() + f"{PATHS[35]},nan\n",
        "\n \n" + rows("{path};{label}", "path;label"),
    ],
)
def test_one_table_says_the_same_to_run_and_learn(pictures, text) -> None:
    names, labels, _ = both(pictures, text)
    assert names == ("0", "1", "2")
    assert labels == {path: number % 3 for number, path in enumerate(PATHS[:30])}


def test_absolute_paths_of_this_and_other_machines(pictures) -> None:
    windows = PureWindowsPath(r"C:\Users\me\pictures")
    elsewhere = "".join(f"{windows / path},{n % 3}\n" for n, path in enumerate(PATHS[:30]))
    for text in (
        rows(f"{pictures}/" + "{path},{label}"),
        "path,label\n" + elsewhere,
        rows("/home/nobody/at/all/pictures/{path},{label}"),
    ):
        assert both(pictures, text)[1] == {path: n % 3 for n, path in enumerate(PATHS[:30])}


def test_paths_in_another_composition_of_accents(tmp_path) -> None:
    paths = [f"caf\u00e9/{n}.png" for n in range(20)]
    write_images(tmp_path / "in", [unicodedata.normalize("NFD", path) for path in paths])
    text = "path,label\n" + "".join(f"{path},{n % 2}\n" for n, path in enumerate(paths[:10]))
    assert len(both(tmp_path / "in", text)[1]) == 10


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (rows().encode("utf-16"), "is UTF-16 text; save it as CSV in UTF-8"),
        (b"PK\3\4", "workbook"),
        (rows().encode("utf-32"), "is UTF-32 text"),
        (gzip.compress(rows().encode()), "is compressed with gzip"),
        (b"", "is empty; its first line names the columns"),
        (rows() + f'{PATHS[35]},"{"x" * 200_000}', "is a quotation mark opened there"),
        (rows() + f"{PATHS[35].upper()},1\n", f"did you mean '{PATHS[35]}'"),
        (rows() + f"{PATHS[35][:-4]},1\n", f"did you mean '{PATHS[35]}'"),
        (rows("{path},caff\u00e8").encode("cp1252"), "no UTF-8; in cp1252.* 'caff\u00e8'"),
        (rows() + "gone.png,1\n", r"1 error in .*line 32: there is no image 'gone\.png'"),
        (rows() + "sub/00.png,1\n", r"did you mean '"),
        (rows() + "../up.png,1\n", "leads out of the folder"),
        (rows() + "C:\\other\\1.png,1\n", "leads out of the folder"),
        (rows() + f"{PATHS[0]},2\n", r"'00\.png' is '2' here and '0' in labels\.csv, line 2"),
        (
            rows().replace("\n00.png,0", "\n00.png,Zero").replace("02.png,2", "02.png,zero"),
            "'Zero'",
        ),
        (rows(head="file,label"), "has to name the columns path and label"),
        (rows("{path},{label},x"), "3 values for 2 columns"),
    ],
)
def test_one_table_is_refused_alike(pictures, text, said) -> None:
    (pictures / "labels.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ImagesError, match=f"(?s){said}") as refused:
        open_images(str(pictures))
    assert "cannot be read;" not in str(refused.value)
    pool = open_pool(str(pictures))
    with pytest.raises(ImagesError, match=f"(?s){said}"):
        read_labels([pictures / "labels.csv"], pool)


def test_rows_of_images_that_are_not_there_are_left_out_on_demand(pictures) -> None:
    (pictures / "labels.csv").write_text(rows() + "gone.png,1\n")
    opened = open_images(str(pictures), skip_bad=True)
    assert "Rows of labels.csv left out, as they name no image: 1." in opened.notes
    assert opened.skipped == ()


def test_a_split_in_the_table(pictures) -> None:
    head = "path,label,split"
    text = rows("{path},{label},Training", head, 20)
    text += "".join(f"{path},{n % 3},testing\n" for n, path in enumerate(PATHS[20:]))
    (pictures / "labels.csv").write_text(text)
    opened = open_images(str(pictures))
    assert [sorted(names) for names in opened.names] == [sorted(PATHS[:20]), sorted(PATHS[20:])]
    (pictures / "labels.csv").write_text(text + f"{PATHS[0]},0,test\n")
    with pytest.raises(ImagesError, match="is of test here and of train in"):
        open_images(str(pictures))


def test_a_table_in_capitals_is_read_and_two_are_refused(tmp_path) -> None:
    write_images(tmp_path, PATHS)
    (tmp_path / "Labels.CSV").write_text(rows())
    assert open_images(str(tmp_path)).train.class_names == ("0", "1", "2")
    (tmp_path / "labels.csv").write_text(rows())
    with pytest.raises(ImagesError, match="keep one of them"):
        open_images(str(tmp_path))


def test_a_table_of_another_name_is_named(tmp_path) -> None:
    write_images(tmp_path, [f"{n}.png" for n in range(30)])
    (tmp_path / "train.csv").write_text("id,class\n")
    opened = open_images(str(tmp_path))
    assert any(note.startswith("train.csv: not read") for note in opened.notes)
