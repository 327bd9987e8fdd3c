"""A folder as people have it, from the command to the page: icons, few and uneven, with alpha."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tacit.cli import run_command
from tacit.streams import numpy_stream
from tacit.studies.description.named import study_text

CLASSES = {"actions": 36, "apps": 24, "folder icons": 16, "emblèmes 🙂": 5}
SIDE = 14


def icon(rng: np.random.Generator, number: int) -> Image.Image:
    """A coloured disc or square on nothing: every pixel outside is transparent."""
    y, x = np.mgrid[:SIDE, :SIDE] - rng.uniform(5, 8, (2, 1, 1))
    inside = (np.hypot(y, x) < 5) if number % 2 else (np.maximum(abs(y), abs(x)) < 4)
    pixels = np.zeros((SIDE, SIDE, 4), np.uint8)
    pixels[inside] = [*rng.integers(0, 256, 3), 255]
    return Image.fromarray(pixels)


@pytest.fixture(scope="module")
def icons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sub-folders of PNGs: RGBA, palettes, one larger, links, and one file that is no image."""
    place = tmp_path_factory.mktemp("own images")
    folder = place / "icons"
    for number, (name, count) in enumerate(CLASSES.items()):
        (folder / name).mkdir(parents=True)
        rng = numpy_stream(0, "icons", number)
        for i in range(count):
            image = icon(rng, number)
            if i % 3 == 2:
                image = image.quantize(8)
            if i == 0:
                image = image.resize((20, 16))
            image.save(folder / name / f"icon {i}.png")
    (folder / "apps" / "same.png").symlink_to(folder / "apps" / "icon 1.png")
    icon(numpy_stream(0, "outside"), 0).save(place / "outside.png")
    (folder / "apps" / "outside.png").symlink_to(place / "outside.png")
    (folder / "actions" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n, and no more")
    (folder / "index.theme").write_text("[Icon Theme]\n")
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TACIT_CACHE", str(tmp_path / "cache"))


def small(name: str, folder: Path) -> Path:
    """A built-in study with few updates and draws, and a small code."""
    text = study_text(name)[1]
    text = re.sub(r"updates: (1000|1500)", "updates: 12", text).replace(
        "updates: 500", "updates: 0"
    )
    text = text.replace("draws: 10", "draws: 2").replace("code: 200", "code: 4")
    text = text.replace("samples: 1000", "samples: 100").replace(
        "[vae, per-image, per-image-5]}", "[vae, per-image, per-image-5], refine_steps: 10}"
    )
    text = text.replace("inference-method: {", "inference-method: {refined: 8, ")
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def run(study: Path, icons: Path, out: Path, *options: str) -> int:
    images = ["--images", str(icons), "--size", "12", "--channels", "rgb"]
    return run_command(["run", str(study), *images, "--epochs", "2", "--out", str(out), *options])


def test_an_unreadable_image_stops_the_start(
    icons: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(small("transfer", tmp_path), icons, tmp_path / "out") == 2
    told = capsys.readouterr().err
    assert "actions/broken.png" in told
    assert "skip-bad" in told or "skip_bad" in told
    assert not (tmp_path / "out").exists()


def test_images_of_different_sizes_suggest_one(
    icons: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = str(small("transfer", tmp_path))
    assert run_command(["run", study, "--images", str(icons), "--skip-bad"]) == 2
    assert "--size 8 --channels rgb" in capsys.readouterr().err


def test_a_study_that_asks_for_more_labels_than_there_are_names_the_way_out(
    icons: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = small("transfer", tmp_path)
    study.write_text(study.read_text("utf-8").replace(", small_classes: whole", ""), "utf-8")
    assert run(study, icons, tmp_path / "out", "--skip-bad") == 2
    told = capsys.readouterr().err
    assert re.search(
        r"`per_class` is 10, but class 'emblèmes 🙂' has only \d training images", told
    )
    assert "small_classes: whole" in told
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["inference", "transfer", "code-size"])
def test_a_folder_of_icons_becomes_a_page(name: str, icons: Path, tmp_path: Path) -> None:
    study = small(name, tmp_path)
    assert run(study, icons, tmp_path, "--skip-bad") == 0
    folder = tmp_path / name
    record = json.loads((folder / "results.json").read_text("utf-8"))
    assert record["images"]["train"] + record["images"]["test"] == sum(CLASSES.values()) + 1
    asked = len(re.findall(r"^  - [a-z-]+: \{", study_text(name)[1], re.M))
    assert len(record["findings"]) == asked
    assert all(re.search(r"\bnan\b", found["answer"]) is None for found in record["findings"])
    page = (folder / "report.html").read_text("utf-8")
    for note in (
        "Left out because they cannot be read: 1 (actions/broken.png",
        "Not followed, as links out of the folder or to folders: 1 (",
        "Copies of another image, or links to one: 1 of 82.",
        "Files that are no images by their ending, passed over: 1 (",
        "transparency laid on white",
        "palette expanded",
        "resized to 12×12",
        "cut to the centred square",
    ):
        assert note in page, note
    small_classes = re.search(r"Fewer than 10 training images,[^<]*emblèmes 🙂 \(\d\)", page)
    assert (small_classes is not None) == (name == "transfer")
