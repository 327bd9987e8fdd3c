"""A study runs on every processor and says once what one does otherwise; or that it cannot run."""

import json
import os
import subprocess
import sys
from pathlib import Path

STUDY = """
title: Rounded products
images: {source: digits}
seeds: [0, 1]
runs:
  rounded: {learn: autoencoder, network: {kind: dense}, epochs: 1, precision: bfloat16}
  exact: {learn: autoencoder, network: {kind: dense}, epochs: 1}
questions:
  - linear-layers: {with_layer: exact, without_layer: rounded}
"""
SAID = "rounded: precision is bfloat16, for which this processor has no instructions"

WITHOUT_FCNTL = """
import sys
sys.modules["fcntl"] = None  # as on Windows: importing it is an error
from tacit.cli import run_command
sys.exit(run_command(sys.argv[1:]))
"""


def test_bfloat16_runs_without_instructions_for_it(tmp_path: Path) -> None:
    study = tmp_path / "small.yaml"
    study.write_text(STUDY)
    command = [sys.executable, "-m", "tacit", "run", str(study), "--train-size", "200"]
    ran = subprocess.run(
        [*command, "--out", str(tmp_path)],
        env=os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    said = " ".join((ran.stdout + ran.stderr).split())
    assert said.count(SAID) == 1
    folder = tmp_path / "small"
    assert (folder / "report.html").read_text().count(SAID) == 1
    assert SAID not in (folder / "results.json").read_text()
    assert json.loads((folder / "results.json").read_text())["findings"]


def test_where_folders_cannot_be_held_the_commands_of_studies_say_so(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("file,label\n")
    for arguments in (
        ["run", "--out", str(tmp_path / "out")],
        ["learn", str(tmp_path), "--labels", str(tmp_path / "labels.csv")],
    ):
        command = [sys.executable, "-c", WITHOUT_FCNTL, *arguments]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ran.returncode == 2
        assert ran.stderr.startswith("error: studies run on Linux and macOS")
        assert ran.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
