"""``tacit check`` as people use it: a clean folder, one with everything wrong, two people."""

import csv
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from tacit.cli import run_command
from tacit.errors import UnlikeImagesError
from tacit.images.folders import read_folder

EACH = 40
WRONG = {"0/003.png": "4", "1/005.png": "0", "4/007.png": "0"}
"""Where pictures are put that are of another class."""


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def digits() -> dict[str, list[np.ndarray]]:
    """Pictures of three digits that are easily told apart, 16 pixels high."""
    found = load_digits()
    pixels = np.rint(found.images * 255 / 16).astype(np.uint8).repeat(2, 1).repeat(2, 2)
    return {name: list(pixels[found.target == int(name)]) for name in ("0", "1", "4")}


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("TACIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def folder(root: Path, digits: dict[str, list[np.ndarray]]) -> Path:
    for name, pictures in digits.items():
        (root / name).mkdir(parents=True)
        for i, picture in enumerate(pictures[:EACH]):
            Image.fromarray(picture).save(root / name / f"{i:03d}.png")
    return root


def spoil(root: Path, digits: dict[str, list[np.ndarray]]) -> None:
    """Put in one of everything that is looked for."""
    for number, (name, of) in enumerate(WRONG.items()):
        Image.fromarray(digits[of][EACH + number]).save(root / name)
    brighter = np.clip(0.8 * digits["1"][10].astype(float) + 30, 0, 255).astype(np.uint8)
    Image.fromarray(brighter).save(root / "1" / "brighter.png")
    shutil.copy(root / "4" / "001.png", root / "4" / "equal.png")
    shutil.copy(root / "0" / "002.png", root / "4" / "torn.png")
    Image.fromarray(np.full((16, 16), 90, np.uint8)).save(root / "0" / "empty.png")
    (root / "1" / "broken.png").write_bytes(b"no picture")


def test_one_class_is_counted_as_one(place, digits, capsys) -> None:
    folder(place / "one", {"0": digits["0"][:8]})
    assert run_command(["check", "one"]) == 0
    assert "8 images of one · 8 with a label, 1 class\n" in capsys.readouterr().out


def test_in_a_clean_folder_nothing_is_surely_wrong(place, digits, capsys) -> None:
    folder(place / "clean", digits)
    assert run_command(["check", "clean"]) == 0
    told = capsys.readouterr().out
    assert "120 images of clean · 120 with a label, 3 classes" in told
    assert "Odd pictures: none found." in told
    assert {path.name for path in (place / "tacit-out/check").iterdir()} >= {
        "mislabelled.csv", "copies.csv", "odd.csv", "check.html",
    }  # fmt: skip
    assert run_command(["check", "clean"]) == 0  # once more, over its own tables


@pytest.fixture
def spoilt(place, digits) -> Path:
    spoil(folder(place / "spoilt", digits), digits)
    return place


def test_everything_that_is_wrong_is_listed(spoilt, capsys) -> None:
    assert run_command(["check", "spoilt", "--out", "out"]) == 1
    out = spoilt / "out"
    wrong = {row["path"]: row for row in rows_of(out / "mislabelled.csv")}
    assert {name: wrong[name]["fits"] for name in WRONG} == WRONG
    assert all(float(wrong[name]["wrong"]) > 0.8 for name in WRONG)
    pairs = {(row["path"], row["other path"]): row for row in rows_of(out / "copies.csv")}
    assert {pair for pair, row in pairs.items() if row["sure"] == "1"} == {
        ("1/010.png", "1/brighter.png"), ("4/001.png", "4/equal.png"), ("0/002.png", "4/torn.png"),
    }  # fmt: skip
    assert pairs["0/002.png", "4/torn.png"]["labels differ"] == "1"
    assert {row["leak"] for row in pairs.values()} == {"0"}
    odd = {(row["path"], row["kind"]) for row in rows_of(out / "odd.csv") if row["sure"] == "1"}
    assert odd == {("0/empty.png", "empty"), ("1/broken.png", "unreadable")}
    told = capsys.readouterr().out
    assert "1 with two labels" in told
    assert "1 unreadable, 1 empty" in told
    page = (out / "check.html").read_text()
    assert page.count("<img") > 8
    assert '<div class="column">' in page  # which the report's styles hold in the middle
    assert "body { display: grid" not in page  # that is for pages with contents at the side
    assert not re.findall(r"""(?:src|href)=["'](?!data:image/|#)""", page)
    assert "0/empty.png" in page
    assert "1/broken.png" in page


def test_a_leak_between_training_and_test_images_is_said(place, digits, capsys) -> None:
    folder(place / "set" / "train", digits)
    for name, pictures in digits.items():
        (place / "set" / "test" / name).mkdir(parents=True)
        for i, picture in enumerate(pictures[60:66]):
            Image.fromarray(picture).save(place / "set" / "test" / name / f"{i}.png")
    assert run_command(["check", "set"]) == 0
    shutil.copy(place / "set/train/1/000.png", place / "set/test/1/again.png")
    assert run_command(["check", "set"]) == 1
    assert "1 between training and test images" in capsys.readouterr().out
    (pair,) = [row for row in rows_of(place / "tacit-out/check/copies.csv") if row["sure"] == "1"]
    assert (pair["split"], pair["other split"], pair["leak"]) == ("test", "train", "1")


def test_strict_counts_what_is_suspected(place, digits) -> None:
    root = folder(place / "set", digits)
    (root / "0/008.png").unlink()
    Image.fromarray(255 - digits["0"][8]).save(root / "0/008.png")  # bright, and like nothing else
    assert run_command(["check", "set"]) == 0
    assert rows_of(place / "tacit-out/check/odd.csv")[0]["path"] == "0/008.png"
    assert run_command(["check", "set", "--strict"]) == 1


def test_a_broken_file_does_not_count_where_it_may_be_skipped(place, digits) -> None:
    root = folder(place / "set", digits)
    (root / "1/broken.png").write_bytes(b"no picture")
    assert run_command(["check", "set"]) == 1
    assert run_command(["check", "set", "--skip-bad"]) == 0
    assert rows_of(place / "tacit-out/check/odd.csv")[0]["kind"] == "unreadable"


def test_two_people_are_compared(place, digits, capsys) -> None:
    folder(place / "set", digits)
    names = [f"{name}/{i:03d}.png" for name in digits for i in range(EACH)]
    for person, errs in (("ada", ["0/001.png"]), ("ben", ["4/002.png", "4/003.png"])):
        lines = [f"{name},{'1' if name in errs else name[0]}" for name in names]
        (place / f"{person}.csv").write_text("path,label\n" + "\n".join(lines) + "\n")
    told = ["--labels", "ada.csv", "--beside", "ben.csv"]
    assert run_command(["check", "set", *told]) == 1
    rows = rows_of(place / "tacit-out/check/disagreements.csv")
    assert [(row["path"], row["label"], row["other label"]) for row in rows] == [
        ("0/001.png", "1", "0"), ("4/002.png", "4", "1"), ("4/003.png", "4", "1"),
    ]  # fmt: skip
    assert [row["likelier"] for row in rows] == ["0", "4", "4"]
    assert "3 of 120 labelled differently; they agree on 97.5 %" in capsys.readouterr().out
    shutil.copy(place / "ben.csv", place / "ada.csv")
    run_command(["check", "set", "--labels", "ada.csv", "--beside", "ben.csv"])
    assert "0 of 120 labelled differently" in capsys.readouterr().out
    assert run_command(["check", "set"]) == 0
    assert not (place / "tacit-out/check/disagreements.csv").exists()


def test_images_of_many_sizes_are_made_alike(place, digits) -> None:
    root = folder(place / "set", digits)
    Image.fromarray(digits["0"][50]).resize((20, 24)).save(root / "0/larger.png")
    with pytest.raises(UnlikeImagesError) as unlike:
        read_folder(root)
    assert (unlike.value.size, unlike.value.channels) == (16, "gray")
    assert run_command(["check", "set"]) == 0


def test_images_without_labels_are_looked_at_all_the_same(place, capsys) -> None:
    images = np.random.default_rng(0).integers(0, 256, (30, 8, 8)).astype(np.uint8)
    images[4] = images[20]
    np.save(place / "noise.npy", images)
    assert run_command(["check", "noise.npy"]) == 1
    assert "Labels: not judged, no image has a label." in capsys.readouterr().out
    assert [row["index"] for row in rows_of(place / "tacit-out/check/copies.csv")] == ["4"]


def test_labels_that_were_not_judged_are_no_clean_bill(place, digits) -> None:
    folder(place / "set", {"0": digits["0"][:20]})
    assert run_command(["check", "set"]) == 0
    page = (place / "tacit-out/check/check.html").read_text(encoding="utf-8")
    assert "Nothing was found, but labels were not judged." in page


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["nowhere"], "nowhere"),
        (["x.npy", "--run", "vae"], "--run names a run of --model, which is not given"),
        (["x.npy", "--seed", "-1"], "--seed is -1; it is 0 to"),
        (["x.npy", "--out", "x.npy"], "--out is x.npy, a file; name a folder"),
        (["x.npy", "--out", "mine"], "--out is mine, which holds other things"),
        (["x.npy", "--beside", "t.csv"], "has no labels to compare it with"),
        (["x.npy", "--labels", "t.csv"], "there is no image '99'"),
        (["x.npy", "--model", "nothing"], "nothing"),
        (["two.npy"], "two.npy has 2 images; three or more can be compared"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_with_exit_code_2(place, words, error, capsys) -> None:
    np.save(place / "x.npy", np.random.default_rng(0).integers(0, 256, (5, 8, 8)).astype(np.uint8))
    np.save(place / "two.npy", np.zeros((2, 8, 8), np.uint8))
    (place / "t.csv").write_text("index,label\n99,a\n")
    (place / "mine").mkdir()
    (place / "mine" / "letter.txt").write_text("dear")
    assert run_command(["check", *words]) == 2
    assert error in capsys.readouterr().err


def test_a_table_that_was_changed_is_not_written_over(place) -> None:
    np.save(place / "x.npy", np.random.default_rng(0).integers(0, 256, (9, 8, 8)).astype(np.uint8))
    assert run_command(["check", "x.npy", "--out", "out"]) in (0, 1)
    (place / "out/odd.csv").write_text("mine")
    assert run_command(["check", "x.npy", "--out", "out"]) == 2
    assert (place / "out/odd.csv").read_text() == "mine"
