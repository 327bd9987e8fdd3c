"""Codes from elsewhere in studies and in ``tacit learn``: as good as what they hold."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

import tacit
from tacit.cli import run_command
from tacit.encoders.base import About
from tacit.images.dataset import Split
from tacit.images.sources import open_images
from tacit.labels.pairs import Pair, pairs_of
from tacit.studies.description.errors import StudyError
from tacit.studies.description.reading import parse
from tacit.studies.execution.plan import plan
from tacit.training.run_folder import SavedRun

STUDY = """
title: given features
images: {{source: digits}}
runs: {{}}
questions:
  - label-efficiency:
      budgets: [1, 3]
      draws: 2
      pairs:
        - {{codes: pixels, method: nearest}}
        - {{codes: pixels, method: logistic}}
        - {{codes: pixels, method: poisson}}
        - {{codes: "{source}", method: nearest}}
        - {{codes: "{source}", method: logistic}}
        - {{codes: "{source}", method: poisson}}
"""


@pytest.fixture
def pixels(tmp_path: Path) -> Path:
    """The digits' own pixels as features, a row each, in the order of the set."""
    path = tmp_path / "own.npy"
    np.save(path, np.rint(load_digits().data * (255 / 16)).astype(np.float32) / 255)
    return path


def written(tmp_path: Path, source: str) -> str:
    path = tmp_path / "given.yaml"
    path.write_text(STUDY.format(source=source))
    return str(path)


def trials(folder: Path) -> list[dict[str, str]]:
    with (folder / "tables" / "label-efficiency-trials.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_given_pixels_do_as_pixels_do(pixels, tmp_path):
    study = written(tmp_path, f"features:{pixels}")
    assert run_command(["run", study, "--out", str(tmp_path / "out")]) == 0
    rows = trials(tmp_path / "out" / "given")
    assert len(rows) == 4
    for row in rows:
        for method in ("nearest", "logistic", "poisson"):
            assert row[f"own.{method}.test"] == row[f"pixels.{method}.test"]
    page = (tmp_path / "out" / "given" / "report.html").read_text()
    assert "features given in npy, frozen, 64 features" in page
    assert str(tmp_path) not in json.dumps(
        json.loads((tmp_path / "out" / "given" / "results.json").read_text())
    )


def test_other_images_in_the_same_folder_have_features_of_their_own(pixels, tmp_path):
    study = written(tmp_path, f"features:{pixels}")
    for size in (["--train-size", "400"], ["--train-size", "500"]):
        assert run_command(["run", study, *size, "--out", str(tmp_path / "out")]) == 0
    for row in trials(tmp_path / "out" / "given"):
        assert row["own.nearest.test"] == row["pixels.nearest.test"]
        assert row["own.logistic.test"] == row["pixels.logistic.test"]


def test_the_command_adds_every_method_on_codes(pixels, tmp_path):
    path = tmp_path / "plain.yaml"
    path.write_text(STUDY.split('        - {{codes: "')[0].replace("{{", "{").replace("}}", "}"))
    words = ["run", str(path), "--encoder", f"features:{pixels}", "--out", str(tmp_path / "out")]
    assert run_command(words) == 0
    (row, *_) = trials(tmp_path / "out" / "plain")
    assert {f"own.{pair.method}.test" for pair in pairs_of("features:own.npy")} <= row.keys()
    head = float(row["own.propagate-then-head.test"])
    assert head > float(row["own.nearest.test"])


def test_jobs_are_named_by_what_a_file_holds_and_not_by_where_it_lies(pixels, tmp_path):
    opened = open_images("digits")
    images = Split(opened.train, opened.test)

    def ids(source: str, sha256: str) -> list[str]:
        runs = f'{{kept: {{learn: classifier, encoder: {{pretrained: "{source}"}}}}}}'
        text = STUDY.format(source=source).replace("runs: {}", f"runs: {runs}")
        study, questions = parse(text, "given")
        about = About(source, "own", "features given in npy", sha256, 64)
        return [job.id for job in plan(study, questions, images, {source: about}).jobs]

    assert ids("features:a/own.npy", "0" * 64) == ids("features:b/own.npy", "0" * 64)
    first, second = ids("features:own.npy", "0" * 64), ids("features:own.npy", "1" * 64)
    assert first[1:4] == second[1:4]
    assert not set(first[:1] + first[4:]) & set(second[:1] + second[4:])


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("tim:resnet18", "Did you mean 'timm:resnet18'"),
        ("features:f.txt", "features are read from .npy"),
    ],
)
def test_what_names_no_encoder_is_a_fault_of_the_study(source, said):
    with pytest.raises(StudyError, match=said):
        parse(STUDY.format(source=source), "given")


def test_methods_that_need_a_trained_run_are_refused():
    with pytest.raises(ValueError, match="takes a trained run"):
        Pair(codes="timm:resnet18", method="all-labels")
    assert Pair(codes="timm:resnet18@/home/me/w.pth", method="poisson").words == (
        "the codes of resnet18 with Poisson propagation"
    )


def test_features_that_do_not_fit_stop_a_study_before_any_work(pixels, tmp_path, capsys):
    np.save(pixels, np.load(pixels)[:-1])
    study = written(tmp_path, f"features:{pixels}")
    assert run_command(["run", study, "--dry-run", "--out", str(tmp_path / "out")]) == 2
    assert "has 1,796 rows for 1,797 pictures" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def test_a_study_without_few_labels_takes_none(pixels, tmp_path, capsys):
    words = ["run", "evidence", "--encoder", f"features:{pixels}", "--out", str(tmp_path / "out")]
    assert run_command(words) == 2
    assert "no question of this study is" in " ".join(capsys.readouterr().err.split())


def test_learn_recommends_predicts_and_asks_by_given_features(tmp_path, capsys):
    x, y = load_digits(return_X_y=True)
    rows = np.flatnonzero(y < 3)[:150]
    np.savez(tmp_path / "three.npz", images=x[rows].reshape(-1, 8, 8).astype(np.uint8) * 15)
    np.save(tmp_path / "own.npy", x[rows].astype(np.float32) / 16)
    labels = "\n".join(f"{i},{'abc'[y[rows[i]]]}" for i in range(12))
    (tmp_path / "labels.csv").write_text(f"index,label\n{labels}\n")
    words = ["learn", str(tmp_path / "three.npz"), "--labels", str(tmp_path / "labels.csv")]
    words += ["--encoder", f"features:{tmp_path / 'own.npy'}", "--out", str(tmp_path / "out")]
    assert run_command(words) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "own" in said
    with (tmp_path / "out" / "predictions.csv").open() as stream:
        found = [row["prediction"] for row in csv.DictReader(stream)]
    right = np.mean([f == "abc"[y[r]] for f, r in zip(found, rows, strict=True)])
    assert right > 0.95
    assert f"--encoder features:{tmp_path / 'own.npy'}" in said
    # The classifier answers for other pictures by features that are given for them.
    others = np.flatnonzero(y < 3)[150:190]
    np.savez(tmp_path / "new.npz", images=x[others].reshape(-1, 8, 8).astype(np.uint8) * 15)
    np.save(tmp_path / "new.npy", x[others].astype(np.float32) / 16)
    words = ["predict", str(tmp_path / "out" / "model"), "--images", str(tmp_path / "new.npz")]
    assert run_command(words) == 2
    assert "say which file holds theirs" in " ".join(capsys.readouterr().err.split())
    np.save(tmp_path / "narrow.npy", x[others, :60])
    assert run_command([*words, "--encoder", f"features:{tmp_path / 'narrow.npy'}"]) == 2
    assert "would give others" in " ".join(capsys.readouterr().err.split())

    def predicted(pictures: str, features: str) -> list[str]:
        words = ["predict", str(tmp_path / "out" / "model"), "--images", str(tmp_path / pictures)]
        words += ["--encoder", f"features:{tmp_path / features}", "--out", str(tmp_path / "p.csv")]
        assert run_command(words) == 0
        with (tmp_path / "p.csv").open() as stream:
            return [row["predicted"] for row in csv.DictReader(stream)]

    assert predicted("three.npz", "own.npy") == found
    new = predicted("new.npz", "new.npy")
    assert np.mean([f == "abc"[y[r]] for f, r in zip(new, others, strict=True)]) > 0.7


RUNS = """
title: on features
images: {{source: digits}}
snapshots: [1]
defaults: {{updates: 150, rate: 0.01}}
runs:
  head: {{learn: classifier, encoder: {{pretrained: "{source}", frozen: true}}}}
  few: {{learn: classifier, encoder: {{pretrained: "{source}"}}, train: {{per_class: 2, draws: 2}}}}
  scratch: {{learn: classifier, train: {{per_class: 2, draws: 2}}}}
  decoder: {{learn: autoencoder, encoder: {{pretrained: "{source}"}}}}
questions:
  - classifier: {{run: head}}
  - transfer: {{scratch: scratch, frozen: few}}
  - overfitting: {{runs: [head, decoder]}}
  - effective-rank: {{runs: [decoder]}}
"""


@pytest.fixture(scope="module")
def telling(tmp_path_factory) -> Path:
    """Features that say the class of each picture, at any scale, and nothing else."""
    path = tmp_path_factory.mktemp("telling") / "telling.npy"
    np.save(path, 1000 + 50 * np.eye(10, dtype=np.float32)[load_digits().target])
    return path


def test_runs_learn_on_features_that_are_looked_up_by_image(telling, tmp_path):
    (tmp_path / "runs.yaml").write_text(RUNS.format(source=f"features:{telling}"))
    done = tacit.run(str(tmp_path / "runs.yaml"), out=tmp_path / "out", progress=False)
    assert not done.failed
    # A picture that were given another's features would be told wrongly.
    assert done.findings["classifier"].numbers["test-accuracy"].value == 1
    gained = done.findings["transfer"]
    assert gained.numbers["frozen.test-accuracy"].value == 1
    assert gained.numbers["frozen-minus-scratch.test-accuracy"].value > 10
    assert "learned elsewhere" in gained.caveats[0]
    # A decoder of the class alone is as good as the mean picture of the class, and no better.
    digits, y = load_digits(return_X_y=True)
    means = np.stack([digits[y == c].mean(axis=0) for c in range(10)])
    least = np.square((digits - means[y]) / 16).sum(axis=1).mean()
    (folder,) = (tmp_path / "out" / "runs" / "jobs").glob("decoder-*")
    error = SavedRun(folder).history.evaluations[-1].test["loss"].mean
    assert 0.95 * least < error < 1.25 * least
    rank = done.findings["effective-rank"].numbers["decoder.effective-rank"].value
    assert 8 < rank < 9.5  # ten classes about their mean
    page = (tmp_path / "out" / "runs" / "report.html").read_text()
    assert "encoder telling, frozen" in page
    # They are models of pictures: a head and a decoder that read features as they are given.
    source = f"features:{telling}"
    head, few, decoder = (
        tacit.load(tmp_path / "out" / "runs", name, encoder=source)
        for name in ("head", "few", "decoder")
    )
    pictures = digits.reshape(-1, 8, 8) / 16
    assert head.predict(pictures).tolist() == [str(c) for c in y]
    assert np.mean(few.predict(pictures) == y.astype(str)) > 0.95
    error = np.square(decoder.reconstruct(pictures)[:, 0] - pictures).sum(axis=(1, 2)).mean()
    assert 0.95 * least < error < 1.25 * least
    decoder.save(tmp_path / "saved")
    again = tacit.load(tmp_path / "saved", encoder=source)
    assert np.array_equal(again.encode(pictures), np.load(telling))


def test_transfer_is_asked_of_an_encoder_from_elsewhere(telling, tmp_path):
    study = tmp_path / "small.yaml"
    study.write_text(
        RUNS.format(source="features:none.npy").split("runs:")[0]
        + "runs:\n"
        + "  own: {learn: autoencoder}\n"
        + "  scratch: {learn: classifier, train: {per_class: 2, draws: 2}}\n"
        + "  kept: {learn: classifier, train: {per_class: 2, draws: 2}, "
        + "encoder: {from: own, frozen: true}}\n"
        + "questions:\n  - transfer: {scratch: scratch, frozen: kept}\n"
    )
    done = tacit.run(study, out=tmp_path / "out", progress=False, encoder=f"features:{telling}")
    own, elsewhere = done.findings["transfer"], done.findings["transfer-2"]
    assert "seen all training images" in own.caveats[0]
    assert elsewhere.title == "What transfer from telling gains"
    assert elsewhere.runs == ("scratch", "few-telling")
    assert elsewhere.numbers["scratch.test-accuracy"] == own.numbers["scratch.test-accuracy"]
    assert elsewhere.numbers["frozen.test-accuracy"].value == 1


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ("frozen: false", "runs.head: encoder.frozen is false; an encoder from elsewhere"),
        ("zap: 1", "runs.head.encoder.zap: unknown key"),
        ("from: few", "runs.head.encoder.from: unknown key"),
    ],
)
def test_faults_of_a_pretrained_encoder_are_named_at_their_place(changed, said):
    text = RUNS.format(source="features:own.npy").replace("frozen: true", changed)
    with pytest.raises(StudyError) as error:
        parse(text, "on features")
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("bad: {learn: vae, encoder: {pretrained: 'timm:a'}}", "'vae' learns its own encoder"),
        (
            "bad: {learn: contrastive, encoder: {pretrained: 'timm:a', frozen: true}}",
            "would learn no code",
        ),
        ("bad: {learn: classifier, encoder: {pretrained: 'tim:a'}}", "Did you mean 'timm:a'"),
        ("bad: {learn: classifier, encoder: {from: head}}", "its encoder comes from elsewhere"),
        ("bad: {learn: autoencoder, decoder: {from: decoder}}", "reads other codes"),
    ],
)
def test_what_cannot_go_with_a_pretrained_encoder_is_refused(line, said):
    text = RUNS.format(source="features:own.npy").replace("runs:\n", f"runs:\n  {line}\n", 1)
    with pytest.raises(StudyError, match=said):
        parse(text, "on features")


def test_questions_that_give_models_pixels_refuse_them():
    text = RUNS.format(source="features:own.npy")
    text = text.replace("runs:\n", "runs:\n  plain: {learn: autoencoder}\n", 1)
    text = text.replace("  - classifier: {run: head}", "  - code-size: {runs: [plain, decoder]}")
    with pytest.raises(StudyError, match="'decoder' reads codes from elsewhere"):
        parse(text, "on features")
