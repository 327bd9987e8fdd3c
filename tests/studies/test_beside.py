"""Images that a study's file names relative to itself, wherever the command is given."""

import shutil

import numpy as np
import pytest
from PIL import Image

from tacit.cli import run_command
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
