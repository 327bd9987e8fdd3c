"""What `tacit learn --encoder` recommends, saved with its encoder: it answers as it was judged."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import tacit
from tacit.cli import run_command
from tacit.errors import EncoderError
from tacit.saved.folder import load_saved
from tacit.training.weights import ModelFileError

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx_graphs import saved

N = 90


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    """A folder of pictures of three digits, labels of fifteen, and an encoder that sees pixels."""
    folder = tmp_path_factory.mktemp("work")
    digits, y = load_digits(return_X_y=True)
    rows = np.flatnonzero(y < 3)[:N]
    (folder / "pictures").mkdir()
    for number, row in enumerate(rows):
        pixels = digits[row].reshape(8, 8).astype(np.uint8) * 15
        picture = Image.fromarray(pixels).resize((20, 20), Image.Resampling.NEAREST)
        picture.save(folder / "pictures" / f"{number:02d}.png")
    labels = "\n".join(f"{i:02d}.png,{'abc'[y[rows[i]]]}" for i in range(15))
    (folder / "labels.csv").write_text(f"path,label\n{labels}\n")
    metadata = {"license": "MIT", "dataset": "beetles"}
    saved(folder / "own.onnx", weights=np.eye(192, dtype=np.float32)[:, ::3], metadata=metadata)
    return folder


def learn(work: Path, *more: str) -> int:
    words = ["learn", str(work / "pictures"), "--labels", str(work / "labels.csv"), "--size", "8"]
    words += ["--encoder", f"onnx:{work / 'own.onnx'},mean=0,sd=1", "--jobs", "1", *more]
    return run_command([*words, "--out", str(work / "few")])


@pytest.fixture(scope="module")
def learned(work, tmp_path_factory) -> Path:
    """The folder of the classifier that refers to its encoder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TACIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        assert learn(work) == 0
    return work / "few" / "model"


def predictions(work: Path) -> dict[str, tuple[str, str]]:
    with (work / "few" / "predictions.csv").open() as stream:
        return {r["path"]: (r["prediction"], r["confidence"]) for r in csv.DictReader(stream)}


def predicted(model: Path, images: Path, out: Path, *more: str) -> dict[str, tuple[str, str]]:
    words = ["predict", str(model), "--images", str(images), "--out", str(out), *more]
    assert run_command(words) == 0
    with out.open() as stream:
        rows = list(csv.DictReader(stream))
    return {row["image"]: (row["predicted"], f"{float(row['probability']):.4f}") for row in rows}


def test_it_gives_what_was_judged(work, learned, tmp_path):
    assert predicted(learned, work / "pictures", tmp_path / "p.csv") == predictions(work)


def test_pictures_of_any_kind_have_the_same_answers(work, learned):
    model = tacit.load(learned)
    paths = sorted((work / "pictures").iterdir())
    expected = model.predict_proba(paths)
    opened = [Image.open(path) for path in paths]
    arrays = np.stack([np.asarray(one) for one in opened])
    for given in (opened, arrays, arrays / 255, list(arrays[..., None]), [str(p) for p in paths]):
        assert np.array_equal(model.predict_proba(given), expected)
    assert model.encode(arrays[:2]).shape == (2, 64)
    (first, *_) = predictions(work).values()
    assert model.predict(paths[:1]).tolist() == [first[0]]


def test_card_and_description_name_the_encoder(learned, capsys):
    known = load_saved(learned).about.encoder
    assert known is not None
    assert (known.name, known.licence, known.trained_on) == ("own", "MIT", "beetles")
    card = (learned / "README.md").read_text()
    for text in ("**own**", "licence: MIT", "trained on: beetles", known.sha256, "8×8"):
        assert text in card
    assert run_command(["describe", str(learned)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"SHA-256 {known.sha256}" in said
    assert "features from elsewhere" in said


def test_another_file_is_refused_and_the_same_one_elsewhere_is_taken(
    work, learned, tmp_path, capsys
):
    model = shutil.copytree(learned, tmp_path / "model")
    moved = shutil.copy(work / "own.onnx", tmp_path / "moved.onnx")
    kept = (work / "own.onnx").read_bytes()
    try:
        saved(work / "own.onnx")
        with pytest.raises(EncoderError, match="would give others"):
            tacit.load(model).predict([next((work / "pictures").iterdir())])
        (work / "own.onnx").unlink()
        assert run_command(["predict", str(model), "--images", str(work / "pictures")]) == 2
        said = " ".join(capsys.readouterr().err.split())
        assert "there is no such ONNX file" in said
        assert "--encoder SOURCE" in said
        source = f"onnx:{moved},mean=0,sd=1"
        found = predicted(model, work / "pictures", tmp_path / "p.csv", "--encoder", source)
        assert found == predictions(work)
        with pytest.raises(EncoderError, match="would give others"):
            tacit.load(model, encoder=f"onnx:{moved},mean=0,sd=0.5").elsewhere  # noqa: B018
    finally:
        (work / "own.onnx").write_bytes(kept)


def test_an_encoder_that_is_included_needs_no_other_file(work, learned, tmp_path):
    expected = predictions(work)
    assert learn(work, "--include-encoder") == 0
    model = Path(shutil.copytree(learned, tmp_path / "model"))
    assert (model / "encoder" / "own.onnx").read_bytes() == (work / "own.onnx").read_bytes()
    assert str(work) not in (model / "config.json").read_text()
    (work / "own.onnx").rename(work / "away.onnx")
    try:
        assert predicted(model, work / "pictures", tmp_path / "p.csv") == expected
        tacit.load(model).save(tmp_path / "again")
        assert (tmp_path / "again" / "encoder" / "own.onnx").is_file()
    finally:
        (work / "away.onnx").rename(work / "own.onnx")
    assert learn(work) == 0
    assert not (learned / "encoder").exists()
    (model / "encoder" / "own.onnx").unlink()
    with pytest.raises(ModelFileError, match=r"own\.onnx is missing"):
        tacit.load(model)


def test_it_is_an_estimator_too(learned, work):
    paths = sorted((work / "pictures").iterdir())
    estimator = tacit.Classifier.from_pretrained(learned)
    assert np.allclose(
        estimator.predict_proba(paths), tacit.load(learned).predict_proba(paths), atol=1e-6
    )


def test_what_cannot_be_done_with_it_is_said(learned, work, capsys):
    images = ["--images", str(work / "pictures")]
    assert run_command(["encode", str(learned), *images]) == 2
    assert "tacit encode IMAGES --encoder SOURCE" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("one.png", "are given as a list"),
        (["missing.png"], "cannot be read"),
        ([np.zeros((4, 4, 2), np.uint8)], "picture 0 is uint8 of shape"),
        (np.full((1, 4, 4), 300.0), "picture 0"),
        ([np.array(["a"])], "picture 0 is"),
    ],
)
def test_what_is_no_picture_is_named(learned, given, said):
    with pytest.raises(ValueError, match=said):
        tacit.load(learned).predict(given)


def test_a_graph_refers_to_the_encoder_by_its_hash(work, learned, tmp_path, capsys):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    words = ["export", str(learned), "--images", str(work / "pictures"), "--out", str(tmp_path)]
    assert run_command(words) == 0
    session = runtime.InferenceSession(str(tmp_path / "classifier.onnx"))
    model = tacit.load(learned)
    paths = sorted((work / "pictures").iterdir())
    (found,) = session.run(None, {"features": model.encode(paths)})
    assert np.allclose(found, model.predict_proba(paths), atol=1e-6)
    said = session.get_modelmeta().custom_metadata_map
    assert said["tacit.encoder.sha256"] == load_saved(learned).about.encoder.sha256
    assert run_command([*words, "--include-encoder"]) == 2
    assert "is no network of timm" in " ".join(capsys.readouterr().err.split())
