"""Commands as people use them: on saved models and on many kinds of images."""

import csv
import io
import os
import shutil
import sys
from typing import get_args

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import tacit
from tacit.cli import run_command
from tacit.commands import outputs
from tacit.models.config import Learn, ModelConfig, build
from tacit.saved.trained import TrainedModel

TINY = {"n_components": 3, "max_epochs": 1, "min_updates": 30}


@pytest.fixture(scope="module")
def digits():
    data = load_digits()
    return np.rint(data.images * 255 / 16).astype(np.uint8), data.target


@pytest.fixture(scope="module")
def models(digits, tmp_path_factory):
    """Folders of saved models."""
    x, y = (part[:200] for part in digits)
    folder = tmp_path_factory.mktemp("models")
    for name, estimator in {
        "vae": tacit.VAE(**TINY),
        "classifier": tacit.Classifier(**TINY),
        "autoencoder": tacit.Autoencoder(**TINY),
    }.items():
        estimator.fit(x, y).save_pretrained(folder / name)
    return folder


@pytest.fixture(scope="module")
def pictures(digits, tmp_path_factory):
    """A folder of PNGs with classes, one of which is larger and in colour."""
    folder = tmp_path_factory.mktemp("pictures")
    for i in range(6):
        (folder / str(digits[1][i])).mkdir(exist_ok=True)
        image = Image.fromarray(digits[0][i])
        if i == 5:
            image = image.convert("RGB").resize((24, 16))
        image.save(folder / str(digits[1][i]) / f"a {i}.png")
    return folder


def run(*arguments, code=0):
    assert run_command([str(argument) for argument in arguments]) == code


def table(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_codes_of_an_array_as_csv_and_npz(models, digits, tmp_path, capsys) -> None:
    np.savez(tmp_path / "new.npz", x=digits[0][:250], y=digits[1][:250])
    arguments = ["encode", models / "vae", "--images", tmp_path / "new.npz"]
    run(*arguments)
    rows = table(capsys.readouterr().out)
    run(*arguments, "--out", tmp_path / "codes.npz")
    found = np.load(tmp_path / "codes.npz")
    expected = tacit.load(models / "vae").encode(digits[0][:250])
    np.testing.assert_allclose(found["codes"], expected, atol=1e-6)
    assert [row["label"] for row in rows] == [str(label) for label in digits[1][:250]]
    np.testing.assert_allclose([float(row["code_2"]) for row in rows], expected[:, 2], atol=1e-6)
    assert [row["image"] for row in rows] == [str(i) for i in range(250)]


def test_predictions_of_a_folder_name_its_files(models, digits, pictures, tmp_path) -> None:
    run("predict", models / "classifier", "--images", pictures, "--out", tmp_path / "p.csv")
    rows = table((tmp_path / "p.csv").read_text())
    assert [row["image"] for row in rows] == [f"{digits[1][i]}/a {i}.png" for i in range(6)]
    assert [row["label"] for row in rows] == [str(digits[1][i]) for i in range(6)]
    classifier = tacit.load(models / "classifier")
    expected = classifier.predict_proba(digits[0][:5])
    np.testing.assert_allclose([float(row["p(4)"]) for row in rows[:5]], expected[:, 4], atol=1e-6)
    assert [row["predicted"] for row in rows[:5]] == classifier.predict(digits[0][:5]).tolist()


def test_single_files_and_what_was_done_to_them(models, pictures, capsys) -> None:
    files = sorted(pictures.rglob("*.png"))[-2:]
    run("predict", models / "classifier", "--images", *files)
    said = capsys.readouterr()
    rows = table(said.out)
    assert [row["image"] for row in rows] == [str(file) for file in files]
    assert "label" not in rows[0]
    assert "1 image: converted to gray." in said.err
    assert "1 image: resized to 8×8." in said.err


def test_a_named_set_and_a_limit(models, capsys) -> None:
    run("encode", models / "vae", "--images", "digits", "--limit", 3)
    assert [row["image"] for row in table(capsys.readouterr().out)] == [
        f"train/{i}" for i in range(3)
    ]


def test_arrays_of_another_size_are_made_alike_and_said_so(models, tmp_path, capsys) -> None:
    np.save(tmp_path / "large.npy", np.zeros((3, 20, 16, 3), np.uint8))
    run("encode", models / "vae", "--images", tmp_path / "large.npy")
    said = capsys.readouterr()
    assert len(table(said.out)) == 3
    assert "3 images: resized to 8×8" in said.err


def test_reconstructions_as_pictures_and_numbers(models, digits, pictures, tmp_path) -> None:
    arguments = ["reconstruct", models / "autoencoder", "--images", pictures, "--out"]
    run(*arguments, tmp_path / "grid.png")
    with Image.open(tmp_path / "grid.png") as grid:
        assert grid.width > 100
    run(*arguments, tmp_path / "r.npz")
    made = np.load(tmp_path / "r.npz")["reconstructions"]
    expected = tacit.load(models / "autoencoder").reconstruct(digits[0][:5])
    np.testing.assert_allclose(made[:5], expected, atol=1e-6)
    run(*arguments, tmp_path / "each")
    files = sorted((tmp_path / "each").glob("*.png"))
    assert [file.name for file in files] == [f"0000{i}-a_{i}.png" for i in range(6)]
    with Image.open(files[0]) as picture:
        np.testing.assert_array_equal(np.asarray(picture), np.rint(made[0, 0] * 255))


def test_samples(models, tmp_path) -> None:
    for name in ("a.npz", "b.npz"):
        run("sample", models / "vae", "--n", 12, "--out", tmp_path / name)
    run("sample", models / "vae", "--n", 12, "--noise-seed", 1, "--out", tmp_path / "c.npz")
    a, b, c = (np.load(tmp_path / f"{name}.npz")["images"] for name in "abc")
    assert a.shape == (12, 1, 8, 8)
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()
    run("sample", models / "vae", "--out", tmp_path / "s.png")
    run("sample", models / "vae", "--n", 2, "--out", tmp_path / "s")
    assert len(list((tmp_path / "s").glob("*.png"))) == 2


def test_export_to_onnx_and_to_a_folder(models, pictures, tmp_path, capsys) -> None:
    out = tmp_path / "onnx"
    run("export", models / "vae", "--images", pictures, "--out", out)
    assert (
        "decoder.onnx: code → images; differs from the model by at most" in capsys.readouterr().out
    )
    assert sorted(path.name for path in out.iterdir()) == ["decoder.onnx", "encoder.onnx"]
    run("export", models / "vae", "--to", "folder", "--out", tmp_path / "copy")
    x = np.zeros((1, 8, 8), np.uint8)
    copied, model = (tacit.load(path).encode(x) for path in (tmp_path / "copy", models / "vae"))
    np.testing.assert_array_equal(copied, model)


def test_describe_prints_layers_shapes_and_counts(models, capsys) -> None:
    run("describe", models / "vae")
    said = capsys.readouterr().out
    model = tacit.load(models / "vae").model
    assert f"{sum(p.numel() for p in model.parameters()):,} parameters" in said
    for expected in ("log-variance", "32×4×4", "200 images", "train elbo"):
        assert expected in said


def test_describe_says_what_reads_rows_of_values(tmp_path, capsys) -> None:
    rows = np.random.default_rng(0).normal(size=(30, 5))
    tacit.Autoencoder(n_components=2, max_epochs=1, min_updates=1).fit(rows).save(
        tmp_path / "values"
    )
    run("describe", tmp_path / "values")
    said = capsys.readouterr().out
    assert "learned from 30 rows" in said
    assert "1×1×5" in said
    assert "values" in said.split("1×1×5")[0].splitlines()[-1]


@pytest.mark.parametrize("learn", get_args(Learn))
@pytest.mark.parametrize("size", [1, 8, 37, 256])
def test_describe_counts_every_parameter_of_a_model_to_be(learn, size, capsys) -> None:
    run("describe", "--learn", learn, "--size", size, "--channels", "rgb", "--code", 7)
    n_classes = 10 if learn == "classifier" else 0
    config = ModelConfig(learn=learn, shape=(3, size, size), latent_dim=7, n_classes=n_classes)
    n = sum(p.numel() for p in build(config).parameters())
    assert f"{n:,} parameters" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["encode", "NOWHERE", "--images", "digits"], "no such folder"),
        (["encode", "M/vae"], "name the images: --images"),
        (["encode", "M"], "name an encoder as well: --encoder SOURCE"),
        (["encode", "M/vae", "--images", "digist"], "Did you mean 'digits'?"),
        (["encode", "M/vae", "--images", "a.png"], "a.png: there is no such file"),
        (["encode", "M/vae", "--images", "digits", "--out", "x.txt"], "ends with .csv, .npz"),
        (["encode", "M/vae", "--images", "digits", "--out", "no/x.csv"], "there is no folder no"),
        (["encode", "M/vae", "--images", "digits", "--limit", "0"], "--limit is 0"),
        (["encode", "M/vae", "--run", "vae", "--images", "digits"], "one saved model"),
        (["predict", "M/vae", "--images", "digits"], "is no classifier"),
        (["reconstruct", "M/classifier", "--images", "digits", "--out", "x.png"], "no decoder"),
        (["reconstruct", "M/vae", "--images", "digits"], "--out"),
        (["sample", "M/autoencoder", "--out", "x.png"], "has no prior to sample from"),
        (["sample", "M/vae", "--out", "x.png", "--n", "0"], "--n is 0"),
        (["export", "M/vae", "--out", "M/vae/config.json", "--images", "digits"], "a file"),
        (["export", "M/vae", "--to", "folder", "--out", "M"], "holds other files"),
        (["describe", "--size", "0"], "1 to 1024"),
        (["describe", "--network", "pool"], "has no decoder"),
        (["describe", "M"], "config.json is missing"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_said_with_exit_code_2(
    arguments, message, models, tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in models.rglob("*")}
    run(*(str(a).replace("M", str(models), 1) if a[0] == "M" else a for a in arguments), code=2)
    said = capsys.readouterr()
    assert message in said.err
    assert not list(tmp_path.iterdir())
    assert {path: path.stat().st_mtime_ns for path in models.rglob("*")} == before


def test_unreadable_images_are_all_named_or_left_out(models, pictures, tmp_path, capsys) -> None:
    folder = tmp_path / "some"
    folder.mkdir()
    good = next(pictures.rglob("*.png")).read_bytes()
    (folder / "good.png").write_bytes(good)
    (folder / "short.png").write_bytes(good[:40])
    (folder / "text.png").write_text("no image")
    arguments = ["encode", models / "vae", "--images", folder]
    run(*arguments, code=2)
    said = capsys.readouterr()
    assert not said.out
    for name in ("short.png", "text.png", "--skip-bad"):
        assert name in said.err
    run(*arguments, "--skip-bad")
    said = capsys.readouterr()
    assert [row["image"] for row in table(said.out)] == ["good.png"]
    assert "Left out because they cannot be read: 2" in said.err
    (folder / "good.png").unlink()
    run(*arguments, "--skip-bad", code=2)


def test_a_damaged_model_is_refused_by_name(models, tmp_path, capsys) -> None:
    run("export", models / "vae", "--to", "folder", "--out", tmp_path / "copy")
    weights = tmp_path / "copy" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    run("describe", tmp_path / "copy", code=2)
    assert "model.safetensors is damaged" in capsys.readouterr().err


@pytest.fixture
def watched(monkeypatch, capsys):
    """What was said when a model was first asked."""
    said: list[str] = []
    ask = TrainedModel.predict_proba

    def asked(self, images):
        said.append(capsys.readouterr().err)
        return ask(self, images)

    monkeypatch.setattr(TrainedModel, "predict_proba", asked)
    return said


def test_notes_about_the_images_come_before_any_work(models, pictures, digits, tmp_path, watched):
    run("predict", models / "classifier", "--images", pictures, "--out", tmp_path / "p.csv")
    assert "Sub-folders are classes." in watched[0]
    assert "1 image: converted to gray." in watched[0]
    labels = np.array(["one", "two ", "two", "nan"])
    np.savez(tmp_path / "x.npz", x=digits[0][:4] / 255, y=labels)
    run("predict", models / "classifier", "--images", tmp_path / "x.npz")
    assert "4 images: float64 values to 8 bits." in watched[1]
    assert "Taken as no label: 'nan' (1)." in watched[1]


def test_what_cannot_be_read_stops_before_any_work(models, pictures, tmp_path, watched, capsys):
    shutil.copytree(pictures, tmp_path / "p")
    (tmp_path / "p" / "9").mkdir(exist_ok=True)
    (tmp_path / "p" / "9" / "last.png").write_bytes(b"x")
    run("predict", models / "classifier", "--images", tmp_path / "p", code=2)
    assert watched == []
    assert "9/last.png: no PNG, JPEG" in capsys.readouterr().err


def test_many_decoded_images_wait_in_a_file(models, pictures, monkeypatch, capsys) -> None:
    run("encode", models / "vae", "--images", pictures)
    expected = capsys.readouterr().out
    monkeypatch.setattr(outputs, "_IN_MEMORY", 70)
    run("encode", models / "vae", "--images", pictures)
    assert capsys.readouterr().out == expected
    assert len(expected.splitlines()) == 7


def test_learn_looks_at_no_label_of_an_array_file(digits, tmp_path, capsys) -> None:
    np.savez(tmp_path / "x.npz", x=digits[0][:30] / 255, y=np.arange(30) / 7)
    (tmp_path / "t.csv").write_text("index,label\n0,a\n1,b\n")
    run("learn", tmp_path / "x.npz", "--labels", tmp_path / "t.csv", "--dry-run")
    assert "note: 30 images: float64 values to 8 bits." in capsys.readouterr().out


def test_codes_by_an_encoder_are_told_of_the_folder_too(pictures, tmp_path, capsys) -> None:
    np.save(tmp_path / "f.npy", np.zeros((6, 2), np.float32))
    run("encode", pictures, "--encoder", f"features:{tmp_path / 'f.npy'}")
    assert "Sub-folders are classes." in capsys.readouterr().err


@pytest.mark.parametrize("path", ["file/below", "x" * 300])
def test_errors_of_the_system_have_no_numbers(models, tmp_path, capsys, path) -> None:
    (tmp_path / "file").touch()
    run("predict", tmp_path / path, "--images", "digits", code=2)
    assert "[Errno" not in capsys.readouterr().err


def test_a_pipe_that_nobody_reads_ends_a_command_quietly(
    models, pictures, monkeypatch, capsys
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        run("encode", models / "vae", "--images", pictures, code=141)
    assert "error" not in capsys.readouterr().err
