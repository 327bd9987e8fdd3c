"""``tacit label`` as people use it: what is said before and after the page, and what is left."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

pytest.importorskip("starlette", reason="the page's tests need the extra [page]")

from tacit.cli import run_command
from tacit.commands import label

N = 90
DIGITS = load_digits()


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """Ninety digits and their features."""
    monkeypatch.setenv("TACIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    np.save("digits.npy", np.rint(DIGITS.images[:N] * 255 / 16).astype(np.uint8))
    np.save("codes.npy", DIGITS.data[:N].astype(np.float32))
    return tmp_path


@pytest.fixture
def labelled(monkeypatch) -> Callable[[int], None]:
    """In place of the page and a person: the first so many images are labelled."""

    def so_many(n: int) -> None:
        def serve(shown: Any, *more: Any) -> int:
            for row in range(n):
                shown.session.answer([row], label=str(DIGITS.target[row]))
            shown.session.close()
            return 0

        monkeypatch.setattr(label, "_serve", serve)

    return so_many


SOURCE = ["digits.npy", "--encoder", "features:codes.npy", "--labels", "labels.csv"]


def test_what_learn_makes_of_the_labels_stands_in_out_and_learn_finds_it_done(
    place, labelled, capsys
) -> None:
    labelled(20)
    assert run_command(["label", *SOURCE, "--out", "few"]) == 0
    told = capsys.readouterr().out
    assert "Learning from 20 labels into few: tacit learn digits.npy --labels labels.csv" in told
    made = {path.name for path in (place / "few").iterdir()}
    assert made >= {"predictions.csv", "label-next.csv", "report.html", "results.json"}
    before = (place / "few/predictions.csv").read_bytes()
    assert run_command(["learn", *SOURCE, "--out", "few"]) == 0
    done, of = map(int, re.findall(r"(\d+) of (\d+) jobs were done before", _out(capsys))[0])
    assert done == of > 0
    assert (place / "few/predictions.csv").read_bytes() == before


@pytest.mark.slow
def test_representations_that_were_learned_are_not_learned_again(
    place, labelled, capsys, monkeypatch
) -> None:
    options = label.learn_options
    quick = {"pairs": "vae.logistic,pixels.nearest", "epochs": 1}
    monkeypatch.setattr(label, "learn_options", lambda given: replace(options(given), **quick))
    labelled(20)
    own = ["digits.npy", "--labels", "labels.csv"]
    assert run_command(["label", *own, "--out", "few"]) == 0
    files = set(place.glob("few/**/*.safetensors")) - set(place.glob("few/model/*"))
    weights = {path: path.stat().st_mtime_ns for path in files}
    assert weights
    _out(capsys)
    again = ["--pairs", quick["pairs"], "--epochs", "1"]
    assert run_command(["learn", *own, *again, "--out", "few"]) == 0
    done, of = map(int, re.findall(r"(\d+) of (\d+) jobs were done before", _out(capsys))[0])
    assert done == of
    labelled(30)  # with more labels measurements change, and representations do not
    assert run_command(["label", *own, "--out", "few"]) == 0
    assert "1 of 3 jobs were done before" in _out(capsys)
    assert weights == {path: path.stat().st_mtime_ns for path in weights}


def test_with_too_few_labels_nothing_is_learned_and_that_is_said(place, labelled, capsys) -> None:
    labelled(1)
    assert run_command(["label", *SOURCE, "--out", "few"]) == 0
    assert "Nothing is learned into few: that takes labels of two classes." in _out(capsys)
    assert not (place / "few").exists()


def test_where_nothing_was_answered_no_table_is_named_to_go_on_with(
    place, labelled, capsys
) -> None:
    labelled(0)
    assert run_command(["label", *SOURCE]) == 0
    told = _out(capsys)
    assert "No image was answered, so that labels.csv was not made." in told
    assert "Next:" not in told
    assert not (place / "labels.csv").exists()


def test_a_table_that_was_removed_meanwhile_is_there_at_the_end(
    place, labelled, capsys, monkeypatch
) -> None:
    labelled(5)
    serve = label._serve

    def then_removed(*given: Any) -> int:
        serve(*given)
        (place / "labels.csv").unlink()
        return 0

    monkeypatch.setattr(label, "_serve", then_removed)
    assert run_command(["label", *SOURCE]) == 0
    assert len((place / "labels.csv").read_text().splitlines()) == 6


def test_without_out_the_next_command_is_said(place, labelled, capsys) -> None:
    labelled(5)
    assert run_command(["label", *SOURCE]) == 0
    assert "Next: tacit learn digits.npy --labels labels.csv --encoder features:codes.npy" in _out(
        capsys
    )


def test_a_folder_that_holds_other_things_is_refused_before_the_page_opens(place, capsys) -> None:
    (place / "mine").mkdir()
    (place / "mine" / "letter.txt").write_text("dear")
    assert run_command(["label", *SOURCE, "--out", "mine"]) == 2
    assert "--out is mine, which holds other things" in capsys.readouterr().err


def test_how_far_two_people_agree_is_said_at_the_start(place, labelled, capsys) -> None:
    labelled(10)
    (place / "theirs.csv").write_text("index,label\n3,3\n4,9\n50,1\n")
    assert run_command(["label", *SOURCE, "--beside", "theirs.csv"]) == 0
    assert "labels.csv and theirs.csv: no image has a label in both yet." in _out(capsys)
    assert run_command(["label", *SOURCE, "--beside", "theirs.csv"]) == 0
    assert "labels.csv and theirs.csv: 1 of 2 labelled differently" in _out(capsys)


def test_pictures_of_many_sizes_are_made_alike_and_learn_is_told(place, labelled, capsys) -> None:
    (place / "pictures").mkdir()
    for i in range(12):
        pixels = np.rint(DIGITS.images[i] * 255 / 16).astype(np.uint8)
        side = 8 + 4 * (i % 3)
        Image.fromarray(pixels).resize((side, side)).save(place / "pictures" / f"{i:02d}.png")
    labelled(3)
    assert run_command(["label", "pictures", "--labels", "labels.csv"]) == 0
    told = _out(capsys)
    size, channels = re.findall(r"Next: .* --size (\d+) --channels (\w+)", told)[0]
    assert channels == "gray"
    assert 8 <= int(size) <= 16


def _out(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.replace("\n", " ")
