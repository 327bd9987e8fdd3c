"""The same study is the same to the bit, wherever and however its jobs run."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small import STUDIES, content, run_small, some_digits

from commands import start
from tacit.images.sources import open_images


def test_in_another_folder_and_in_processes_or_not(undisturbed, here, tmp_path: Path) -> None:
    _, expected = undisturbed("stages")
    run_small("stages", tmp_path / "elsewhere" / "stages", some_digits())
    assert content(tmp_path / "elsewhere" / "stages") == expected


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_two_jobs_at_once(undisturbed, name: str, tmp_path: Path) -> None:
    _, expected = undisturbed(name)
    run_small(name, tmp_path / name, some_digits(), at_once=2)
    assert content(tmp_path / name) == expected


def as_folder(place: Path, order: np.ndarray, table: bool) -> Path:
    """60 + 40 digits as files, written in this order; labels by folder or by a table."""
    digits = some_digits()
    folder = place / "images"
    lines = []
    for number in order.tolist():
        images, row = (digits.train, number) if number < 60 else (digits.test, number - 60)
        label = images.class_names[images.labels[row]]
        path = Path(f"{number:03d}.png") if table else Path(label, f"{number:03d}.png")
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(images.pixels[row, 0]).save(folder / path)
        lines.append(f"{path},{label}\n")
    if table:
        (folder / "labels.csv").write_text("path,label\n" + "".join(lines))
    return folder


@pytest.mark.parametrize("table", [False, True])
def test_files_written_and_listed_in_another_order(
    table: bool, here, tmp_path: Path, monkeypatch
) -> None:
    found = []
    for number, order in enumerate((np.arange(100), np.arange(100)[::-1])):
        place = tmp_path / str(number)
        monkeypatch.setenv("TACIT_CACHE", str(place / "cache"))
        opened = open_images(str(as_folder(place, order, table)))
        found.append((opened.train.sha256, opened.test.sha256))
        if not table:
            run_small("stages", place / "stages", opened)
            left = content(place / "stages")
            # The records of images say where their pixels lie, which is another place here.
            found[-1] += ({path: left[path] for path in left if not path.startswith("images/")},)
    assert found[0] == found[1]


@pytest.mark.slow
def test_the_command_twice(tmp_path: Path) -> None:
    study = tmp_path / "labels.yaml"
    study.write_text(STUDIES["labels"])
    made = []
    for out, jobs in (("first", "1"), ("second", "2")):
        process = start(study, tmp_path / out, "--jobs", jobs)
        said, _ = process.communicate(timeout=600)
        assert process.returncode == 0, said
        made.append(content(tmp_path / out / "labels"))
    assert made[0] == made[1]
    shutil.rmtree(tmp_path / "second")
