"""Images that a study's file names relative to itself, wherever the command is given."""

import shutil

import numpy as np
import pytest
from PIL import Image

from tacit.cli import run_command
from tacit.encoders.source import parse
from tacit.questions.label_efficiency.question import Labels
from tacit.studies.description.errors import StudyError
from tacit.studies.description.named import beside

STUDY = """
title: A look
images: {source: pics}
defaults: {epochs: 1, latent_dim: 2, network: {kind: dense, hidden: [4]}}
runs:
  classifier: {learn: classifier}
questions:
  - classifier: {run: classifier}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "project").mkdir()
    (tmp_path / "project/s.yaml").write_text(STUDY)
    for number in range(40):
        path = tmp_path / "project/pics" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(number).integers(0, 256, (6, 6), dtype=np.uint8)
        Image.fromarray(noise).save(path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TACIT_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_a_relative_folder_lies_beside_the_study(project, capsys) -> None:
    assert run_command(["run", "project/s.yaml", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "note: Sub-folders are classes. 2 classes: a (20), b (20)." in said
    assert said.index("note:") < said.index("classifier")


def test_else_where_the_command_is_given_or_it_is_said(project, capsys) -> None:
    shutil.move(project / "project/pics", project / "pics")
    assert beside("project/s.yaml", "pics") == "pics"
    shutil.rmtree(project / "pics")
    assert run_command(["run", "project/s.yaml", "--dry-run"]) == 2
    said = capsys.readouterr().err
    assert str(project / "project/pics") in said
    assert str(project / "pics") in said


def test_what_is_no_relative_folder_stays(project) -> None:
    assert beside("project/s.yaml", "digits") == "digits"
    assert beside("transfer", "pics") == "pics"
    assert beside("project/s.yaml", "/some/where") == "/some/where"
    with pytest.raises(StudyError, match=r"images\.source is 'pic'"):
        beside("project/s.yaml", "pic")


def test_every_file_that_a_study_names_lies_beside_it(project, capsys) -> None:
    few = "label-efficiency: {pairs: [{codes: 'features:f.npy', method: logistic}], draws_file: d}"
    study = project / "project/s.yaml"
    study.write_text(STUDY.split("questions")[0] + f"questions:\n  - {few}\n")
    assert run_command(["run", "project/s.yaml", "--dry-run"]) == 2
    said = capsys.readouterr().err
    assert f"label-efficiency: codes is 'f.npy': there is neither {project}/project/f.npy" in said
    np.save(project / "project/f.npy", np.zeros((40, 3), np.float32))
    assert run_command(["run", "project/s.yaml", "--dry-run"]) == 2
    assert f"draws_file is 'd': there is neither {project}/project/d" in capsys.readouterr().err
    (project / "project/d").write_text('{"pool": "train", "trials": [[0, 1], [2, 3]]}')
    assert run_command(["run", "project/s.yaml", "--dry-run"]) == 0


def test_a_question_is_known_by_what_its_files_hold_not_by_where_they_lie(project) -> None:
    def ids(name):
        (project / name).write_text('{"pool": "train", "trials": [[0, 1], [2, 3]]}')
        pairs = [{"codes": "pca", "method": "logistic"}]
        question = Labels.model_validate({"pairs": pairs, "draws_file": name})
        (part,) = question.parts().values()
        return part.contents()

    assert list(ids("d").values()) == list(ids("e").values()) != [""]


def test_an_encoder_keeps_its_options_where_its_file_is_found() -> None:
    for text in ("onnx:a.onnx,size=8,mean=0.5/0.5/0.5", "timm:resnet18@a.pt,size=9"):
        source = parse(text)
        assert source.with_file("x/a") == text.replace(str(source.file), "x/a")
