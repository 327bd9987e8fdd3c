"""``tacit learn`` as people use it: a folder, a table of a few labels, and again with more."""

import csv
import json
import re
import shutil
from functools import partial

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import tacit
from tacit.cli import run_command
from tacit.commands.learn import study as learn_study
from tacit.questions.labels_within.question import LabelsWithin

N = 90
QUICK = ["--pairs", "vae.logistic,pixels.nearest", "--epochs", "1", "--jobs", "1"]
FILES = {"predictions.csv", "label-next.csv", "report.html", "results.json", "model"}


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write_labels(path, rows) -> None:
    path.write_text("path,label\n" + "".join(f"{name},{label}\n" for name, label in rows))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder of pictures, its classes, and what the command made of two labels of each."""
    root = tmp_path_factory.mktemp("few")
    digits = load_digits()
    y = digits.target[:N]
    (root / "pictures").mkdir()
    for i in range(N):
        pixels = np.rint(digits.images[i] * 255 / 16).astype(np.uint8)
        Image.fromarray(pixels).save(root / "pictures" / f"{i:02d}.png")
    few = [int(i) for label in range(10) for i in np.flatnonzero(y == label)[:2]]
    write_labels(root / "labels.csv", [(f"{i:02d}.png", f"digit {y[i]}") for i in few])
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TACIT_CACHE", str(root / "cache"))
        patched.chdir(root)
        code = run_command(["learn", "pictures", "--labels", "labels.csv", *QUICK, "--out", "out"])
        assert code == 0
        yield root, y, few


def test_every_image_has_a_prediction_and_a_confidence(place) -> None:
    root, y, few = place
    rows = table(root / "out" / "predictions.csv")
    assert [row["path"] for row in rows] == [f"{i:02d}.png" for i in range(N)]
    assert [i for i, row in enumerate(rows) if row["label"]] == sorted(few)
    assert all(row["label"] in ("", f"digit {label}") for row, label in zip(rows, y, strict=True))
    right = np.mean([row["prediction"] == f"digit {y[i]}" for i, row in enumerate(rows)])
    assert right > 0.6
    confidence = [float(row["confidence"]) for row in rows]
    assert all(0.1 <= c <= 1 for c in confidence)
    assert all(
        float(row["runner-up confidence"]) <= c for row, c in zip(rows, confidence, strict=True)
    )
    assert all(row["prediction"] != row["runner-up"] for row in rows)


def test_the_model_says_what_the_predictions_say(place) -> None:
    root, _, _ = place
    model = tacit.load(root / "out" / "model")
    pixels = np.stack(
        [np.asarray(Image.open(root / "pictures" / f"{i:02d}.png")) for i in range(N)]
    )
    said = model.predict_proba(pixels)
    for row, p in zip(table(root / "out" / "predictions.csv"), said, strict=True):
        assert model.class_names[p.argmax()] == row["prediction"]
        assert p.max() == pytest.approx(float(row["confidence"]), abs=1e-3)


def test_what_to_label_next_has_no_label_yet_and_no_image_twice(place) -> None:
    root, _, few = place
    rows = table(root / "out" / "label-next.csv")
    names = [row["path"] for row in rows]
    assert len(set(names)) == len(names) == 24
    assert not {int(name[:2]) for name in names} & set(few)
    assert all(row["label"] == "" for row in rows)
    worth = [float(row["settles"]) for row in rows]
    assert worth == sorted(worth, reverse=True)


def test_the_page_opens_with_the_recommendation_and_the_images_to_label(place) -> None:
    root, _, _ = place
    page = (root / "out" / "report.html").read_text()
    results = json.loads((root / "out" / "results.json").read_text())
    first, second = results["findings"]
    assert (first["question"], second["question"]) == ("labels-within", "next-labels")
    said = r"Use .* 20 labels were held out one of every class together and told from the 10 others"
    assert re.match(said, first["answer"])
    assert "90 images of pictures" in page
    assert "0 test images" not in page
    assert "The 24 images to label next" in page
    assert results["images"]["test"] == 0


def test_a_table_that_was_filled_in_is_not_written_over_and_its_labels_are_taken(
    place, capsys
) -> None:
    root, y, _ = place
    out = root / "out"
    rows = table(out / "label-next.csv")
    with (out / "label-next.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(row | {"label": f"digit {y[int(row['path'][:2])]}"} for row in rows)
    command = ["learn", "pictures", "--labels", "labels.csv"]
    ending = [*QUICK, "--out", "out"]
    assert run_command([*command, *ending]) == 2
    assert "label-next.csv was changed since it was written" in capsys.readouterr().err
    (out / "label-next.csv").rename(root / "more.csv")
    assert run_command([*command, "more.csv", *ending]) == 0
    said = capsys.readouterr().out
    assert "1 of 3 jobs were done before" in said  # the representation is used again
    assert "Next: mv out/label-next.csv more-2.csv" in said
    again = said.partition(" then ")[2].strip()
    assert again.startswith("tacit learn pictures --labels labels.csv more.csv more-2.csv --")
    assert again.endswith("--out out")
    assert sum(bool(row["label"]) for row in table(out / "predictions.csv")) == 44
    before = (out / "results.json").read_bytes(), (out / "predictions.csv").read_bytes()
    assert run_command([*command, "more.csv", *ending]) == 0
    assert "3 of 3 jobs were done before" in capsys.readouterr().out
    assert before == ((out / "results.json").read_bytes(), (out / "predictions.csv").read_bytes())


def test_what_is_saved_is_what_was_judged(place, capsys, monkeypatch) -> None:
    root, _, _ = place
    # Twice instead of twenty times, to take less time.
    monkeypatch.setattr(learn_study, "LabelsWithin", partial(LabelsWithin, turns=(2, 1)))
    command = ["learn", "pictures", "--labels", "labels.csv", "--epochs", "1", "--jobs", "1"]
    assert run_command([*command, "--pairs", "vae.poisson", "--out", "graph"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Use vae · Poisson + network: it tells" in said
    model = tacit.load(root / "graph" / "model")
    pixels = np.stack(
        [np.asarray(Image.open(root / "pictures" / f"{i:02d}.png")) for i in range(N)]
    )
    p = model.predict_proba(pixels)
    for row, own in zip(table(root / "graph" / "predictions.csv"), p, strict=True):
        assert model.class_names[own.argmax()] == row["prediction"]
        assert own.max() == pytest.approx(float(row["confidence"]), abs=1e-3)
    # Its own numbers stand on its card, on the page and in what was printed.
    results = json.loads((root / "graph" / "results.json").read_text())
    accuracy = results["findings"][0]["numbers"]["accuracy"]["value"]
    card = (root / "graph" / "model" / "README.md").read_text()
    stated = re.search(r"it tells ([\d.]+) %", said)
    assert stated is not None
    assert float(stated[1]) == pytest.approx(100 * accuracy, abs=0.51)
    assert f"right of the labels that were held out: {stated[1]} %" in card
    assert "told from the 10 others" in card
    assert "confidence in them: " in card
    assert "vae · Poisson + network ★" in (root / "graph" / "report.html").read_text()

    # Nearest neighbours make no classifier; the one of before is none of theirs.
    (root / "graph" / "model" / "mine.txt").write_text("a note")
    assert run_command([*command, "--pairs", "pixels.nearest", "--out", "graph"]) == 0
    assert "Classifier:  none; pixels · nearest neighbour makes none" in capsys.readouterr().out
    assert [file.name for file in (root / "graph" / "model").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["encode", "out", "--run", "vae"], "out has no test images; name the images: --images"),
        (["reconstruct", "out", "--run", "vae", "--out", "r.png"], "out has no test images"),
        (["predict", "out", "--images", "pictures"], "or name out/model, a saved model"),
    ],
)
def test_other_commands_say_what_this_folder_lacks(place, capsys, command, said) -> None:
    assert run_command(command) == 2
    assert said in capsys.readouterr().err


def test_jobs_are_listed_without_training(place, capsys) -> None:
    command = ["learn", "pictures", "--labels", "labels.csv", "--dry-run", "--out", "elsewhere"]
    assert run_command(command) == 0
    said = capsys.readouterr().out
    assert "autoencoder" in said
    assert "per-image" not in said  # gives new images no codes
    assert not (place[0] / "elsewhere").exists()


def test_any_method_may_be_named_on_any_representation(place, capsys) -> None:
    command = ["learn", "pictures", "--labels", "labels.csv", "--dry-run", "--out", "elsewhere"]
    assert run_command([*command, "--pairs", "vae.agree-then-train,pca.laplace"]) == 0
    said = capsys.readouterr().out
    assert "4 jobs" in said  # one representation; Laplace, and the network that learns from it


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--pairs", "vae.poison"], "no pair"),
        (["--pairs", "vea.poisson"], "any other method on pixels, pca, random, autoencoder, vae"),
        (["--pairs", "per-image.poisson"], "any other method on pixels"),
        (["--pairs", "classifier.all-labels"], "no pair"),
        (["--ask", "0"], "--ask is 0"),
        (["--seed", "-1"], "--seed is -1"),
        (["--device", "cuda"], "cuda"),
        (["--out", "pictures"], "holds other things"),
        (["--out", "labels.csv"], "a file"),
        (["--labels", "none.csv"], "none.csv"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work(place, capsys, options, said) -> None:
    command = ["learn", "pictures", "--labels", "labels.csv", "--out", "fresh"]
    for name, value in zip(options[::2], options[1::2], strict=True):
        command = [*command, name, value]
        if command.count(name) > 1:
            at = command.index(name)
            del command[at : at + 2]
    assert run_command(command) == 2
    assert said in capsys.readouterr().err
    assert not (place[0] / "fresh").exists()


def test_pairs_that_need_no_run_are_listed_and_compared(place, capsys) -> None:
    command = ["learn", "pictures", "--labels", "labels.csv", "--jobs", "1", "--out", "no-run"]
    for more in (["--dry-run"], []):
        assert run_command([*command, "--pairs", "pca.logistic", *more]) == 0
    said = capsys.readouterr().out
    assert "1 jobs, about" in said
    assert "Use PCA · logistic: it tells" in " ".join(said.split())
    assert (place[0] / "no-run" / "model" / "model.safetensors").exists()


def test_where_only_copies_are_left_nothing_is_asked_for(place, tmp_path, capsys) -> None:
    root, _, _ = place
    pictures = tmp_path / "copies"
    pictures.mkdir()
    for i in range(8):
        for name in (f"{i}.png", f"{i} again.png"):
            shutil.copy(root / "pictures" / f"{i:02d}.png", pictures / name)
    write_labels(tmp_path / "t.csv", [(f"{i}.png", "ab"[i % 2]) for i in range(8)])
    command = ["learn", str(pictures), "--labels", str(tmp_path / "t.csv")]
    quick = ["--pairs", "pixels.nearest", "--jobs", "1", "--out", str(tmp_path / "out")]
    assert run_command([*command, *quick]) == 0
    assert "nothing is left to ask" in capsys.readouterr().out
    assert table(tmp_path / "out" / "label-next.csv") == []
    rows = table(tmp_path / "out" / "predictions.csv")
    assert [row["prediction"] for row in rows] == [c for c in "abababab" for _ in (0, 1)]


def test_where_all_have_labels_it_says_what_else_there_is(place, tmp_path, capsys) -> None:
    write_labels(tmp_path / "t.csv", [(f"{i:02d}.png", i % 3) for i in range(N)])
    assert run_command(["learn", "pictures", "--labels", str(tmp_path / "t.csv")]) == 2
    said = capsys.readouterr().err
    assert "all 90 images have labels" in said
    assert "tacit run label-efficiency --images" in said
