"""``tacit score``: log p(x) of images, with what is known of each number."""

import csv
import io

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import tacit
from tacit.cli import run_command
from tacit.evidence.pareto import reliable_below
from tacit.models.config import BernoulliTable, ModelConfig, PerImageTable, build
from tacit.saved.about import About, Data
from tacit.saved.folder import Saved, save
from tacit.saved.form import Form
from tacit.streams import seeded_initialisation

SHAPE = (1, 8, 8)
CONFIG = ModelConfig(learn="vae", shape=SHAPE, latent_dim=3, network="dense")
CONFIGS = {
    "vae": CONFIG,
    "grey": CONFIG.model_copy(update={"likelihood": BernoulliTable(binarize="none")}),
    "binary": CONFIG.model_copy(update={"likelihood": BernoulliTable()}),
    "per-image": CONFIG.model_copy(update={"posterior": PerImageTable(), "n_images": 5}),
    "autoencoder": CONFIG.model_copy(update={"learn": "autoencoder"}),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folders of saved models with their initial weights."""
    folder = tmp_path_factory.mktemp("models")
    for name, config in CONFIGS.items():
        with seeded_initialisation(0):
            model = build(config)
        about = About(model=config, data=Data(source="none", n=5, sha256="0" * 64))
        save(folder / name, Saved(model.eval(), Form("nchw", SHAPE), about))
    return folder


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    path = tmp_path_factory.mktemp("images") / "some.npz"
    data = load_digits()
    np.savez(path, x=np.rint(data.images[:210] * 255 / 16).astype(np.uint8), y=data.target[:210])
    return path


def run(*arguments, code=0):
    assert run_command([str(argument) for argument in arguments]) == code


def table(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_every_image_has_a_number_its_error_its_health_and_what_it_bounds(
    models, images, capsys
) -> None:
    run("score", models / "vae", "--images", images, "--samples", 150)
    said = capsys.readouterr()
    rows = table(said.out)
    assert len(rows) == 210
    assert list(rows[0]) == [
        *("image", "label", "log_prob", "standard_error", "ess", "pareto_k", "acceptance"),
        *("bound", "flag", "reason"),
    ]
    x = np.load(images)["x"]
    estimate = tacit.load(models / "vae").log_prob(x, n_samples=150)
    found, error = (np.array([float(r[c]) for r in rows]) for c in ("log_prob", "standard_error"))
    error = np.hypot(error, estimate.standard_error)
    # Other noise, the same quantity: the errors that are told are those that are made.
    assert (
        np.mean(np.abs(found - estimate.log_prob) < 4 * np.hypot(error, estimate.standard_error))
        > 0.9
    )
    for row in rows:
        assert row["bound"] == "lower"
        assert row["acceptance"] == ""
        doubtful = float(row["ess"]) < 10 or float(row["pareto_k"]) > reliable_below(150)
        assert (row["flag"] == "1") == bool(row["reason"]) == doubtful
    flagged = sum(row["flag"] == "1" for row in rows)
    assert f"flagged: {flagged} of 210" in said.err
    assert "150 weights per image (a lower bound in expectation)" in said.err


def test_an_images_number_is_its_own_whatever_stands_beside_it(models, images, tmp_path) -> None:
    arguments = ["score", models / "binary", "--images", images, "--samples", 40, "--out"]
    run(*arguments, tmp_path / "all.csv")
    run(*arguments, tmp_path / "few.csv", "--limit", 7)
    every, few = (table((tmp_path / name).read_text()) for name in ("all.csv", "few.csv"))
    assert [row["image"] for row in few] == [str(i) for i in range(7)]
    for one, other in zip(few, every, strict=False):
        assert float(one["log_prob"]) == pytest.approx(float(other["log_prob"]), abs=1e-3)
        assert one["pareto_k"] == ""


def test_three_methods_give_one_quantity(models, images, capsys) -> None:
    found = {}
    for method, further in (
        ("importance", ["--samples", 3000]),
        ("refined", ["--samples", 1000]),
        ("annealed", ["--samples", 8, "--distributions", 60]),
    ):
        run("score", models / "vae", "--images", images, "--limit", 4, "--method", method, *further)
        said = capsys.readouterr()
        rows = table(said.out)
        assert (rows[0]["acceptance"] == "") == (method != "annealed")
        found[method] = np.array([float(row["log_prob"]) for row in rows])
        assert ("refined posterior" in said.err) == (method == "refined")
        assert ("by 60 distributions" in said.err) == (method == "annealed")
    np.testing.assert_allclose(found["refined"], found["annealed"], atol=0.5)
    np.testing.assert_allclose(found["refined"], found["importance"], atol=0.5)


def test_without_an_encoder_posteriors_are_refined(models, images, capsys) -> None:
    arguments = ["score", models / "per-image", "--images", images, "--limit", 2, "--samples", 120]
    run(*arguments)
    assert (
        "importance sampling from refined posteriors of full covariance" in capsys.readouterr().err
    )
    run(*arguments, "--method", "annealed", "--distributions", 5)
    assert "from the prior by 5 distributions" in capsys.readouterr().err


def test_flags_are_counted_and_reasons_given(models, images, capsys) -> None:
    run("score", models / "vae", "--images", images, "--limit", 3, "--samples", 2)
    said = capsys.readouterr()
    rows = table(said.out)
    assert "flagged: 3 of 3" in said.err
    for row in rows:
        assert row["flag"] == "1"
        assert "fewer than 100 weights, too few to judge" in row["reason"]
        assert row["pareto_k"] == ""


def test_fewer_samples_do_not_give_fewer_flags(models, images, capsys) -> None:
    flags = []
    for samples in (2, 20, 99, 1000):
        run("score", models / "vae", "--images", images, "--limit", 40, "--samples", samples)
        flags.append(sum(row["flag"] == "1" for row in table(capsys.readouterr().out)))
    assert flags[:3] == [40, 40, 40]
    assert flags[3] <= 40


def test_copies_have_one_value_wherever_they_stand(models, images, tmp_path, capsys) -> None:
    """Also in another batch of 200; a second copy had other noise."""
    x = np.load(images)["x"]
    path = tmp_path / "copies.npz"
    np.savez(path, x=np.concatenate([x, x[:7], x[[3, 3]]]))
    for model in ("vae", "binary"):
        run("score", models / model, "--images", path, "--samples", 100)
        values = [row["log_prob"] for row in table(capsys.readouterr().out)]
        assert values[210:217] == values[:7]
        assert values[217] == values[218] == values[3]


def test_a_precision_is_reached_or_the_bounds_stand_beside(models, images, capsys) -> None:
    arguments = ["score", models / "vae", "--images", images, "--limit", 5]
    run(*arguments, "--precision", 0.5, "--distributions", 50)
    said = capsys.readouterr()
    rows = table(said.out)
    assert list(rows[0])[-3:] == ["method", "upper", "apart"]
    for row in rows:
        if row["flag"] == "0":
            assert float(row["standard_error"]) < 0.5 / 1.96
            assert row["reason"] == ""
        else:
            apart = float(row["upper"]) - float(row["log_prob"])
            assert float(row["apart"]) == pytest.approx(apart)
    assert "methods in turn until ± 0.5 nats" in said.err
    run(*arguments, "--precision", 0, code=2)
    assert "--precision is 0" in capsys.readouterr().err
    run(*arguments, "--precision", 1, "--method", "refined", code=2)
    assert "leave one of the two out" in capsys.readouterr().err


def test_grey_pixels_under_bernoulli_are_warned_of_once(models, images, capsys) -> None:
    run("score", models / "grey", "--images", images, "--samples", 20)
    said = capsys.readouterr().err
    assert said.count("a Bernoulli likelihood of grey pixels is no probability") == 1
    run("score", models / "binary", "--images", images, "--samples", 20)
    said = capsys.readouterr().err
    assert "grey" not in said
    assert "probability of discrete pixels" in said


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        (
            "vae",
            ["--images", "large.npy"],
            "large.npy: images are gray, 8×9 pixels, and the model reads",
        ),
        (
            "vae",
            ["--images", "rgb.npy"],
            "rgb.npy: images are rgb, 8×8 pixels, and the model reads",
        ),
        ("vae", ["--images", "nan.npy"], "nan.npy: floating-point pixels hold NaN"),
        (
            "vae",
            ["--images", "high.npy"],
            "high.npy: floating-point pixels lie between 0 and 2",
        ),
        (
            "vae",
            ["--images", "rgb.png"],
            "leave them out with --skip-bad: rgb.png: it is rgb, 8×8 pixels",
        ),
        ("vae", ["--images", "large.png"], "large.png: it is gray, 9×9 pixels"),
        ("vae", ["--images", "digits", "--samples", "0"], "--samples is 0"),
        ("vae", ["--images", "digits", "--distributions", "0"], "--distributions is 0"),
        ("vae", ["--images", "digits", "--method", "exact"], "exact"),
        ("vae", ["--images", "digits", "--out", "x.npz"], "ends with .csv"),
        ("vae", [], "name the images: --images"),
        ("per-image", ["--images", "digits", "--method", "importance"], "use refined or annealed"),
        ("autoencoder", ["--images", "digits"], "of kind Autoencoder, which has no p(x)"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_scored_is_refused(
    model, arguments, message, models, tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("large.npy", np.zeros((2, 9, 8), np.uint8))
    np.save("rgb.npy", np.zeros((2, 8, 8, 3), np.uint8))
    values = np.zeros((2, 8, 8), np.float32)
    for name, value in (("nan", np.nan), ("high", 2.0)):
        values[1, 2, 3] = value
        np.save(f"{name}.npy", values)
    Image.new("RGB", (8, 8)).save("rgb.png")
    Image.new("L", (9, 9)).save("large.png")
    run("score", models / model, *arguments, code=2)
    said = capsys.readouterr()
    assert message in " ".join(said.err.split())
    assert not said.out
