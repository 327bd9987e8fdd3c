"""Studies from Python: the same results as by the command, as objects."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import tacit
from tacit.finished import FinishedStudy, StudyWarning
from tacit.questions.finding import Table
from tacit.studies.description.errors import StudyError
from tacit.studies.options import How, RunOptions

STUDY = """
title: Small <b>
defaults: {latent_dim: 4, epochs: 2}
runs:
  classifier: {learn: classifier}
questions:
  - classifier: {run: classifier}
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("study") / "small.yaml"
    path.write_text(STUDY)
    return path


@pytest.fixture(scope="module")
def finished(study, tmp_path_factory) -> FinishedStudy:
    out = tmp_path_factory.mktemp("out")
    return tacit.run(study, images="digits", train_size=80, seeds=1, out=out, progress=False)


def test_findings_tables_and_figures_are_objects(finished) -> None:
    (finding,) = finished.findings.values()
    assert finding.headline in str(finished)
    assert finished.report.is_file()
    assert all(isinstance(t, Table) for tables in finished.tables.values() for t in tables)
    assert finished.figures
    assert all(figure.path.is_file() for figure in finished.figures.values())
    assert {row["name"] for row in finished.numbers} == set(finding.numbers)
    assert finished.load("classifier").shape == (1, 8, 8)
    assert not finished.failed


def test_notebooks_show_answers_with_pictures(finished) -> None:
    html = finished._repr_html_()
    assert "Small &lt;b&gt;" in html
    assert "data:image/svg+xml;base64," in html
    assert "<b>" not in html


def test_the_command_makes_the_same_to_the_bit(finished, study, tmp_path) -> None:
    from tacit.cli import run_command

    words = ["run", str(study), "--images", "digits", "--train-size", "80", "--seeds", "1"]
    assert run_command([*words, "--out", str(tmp_path)]) == 0
    again = tacit.open_study(tmp_path / "small")
    for name in ("results.json", "findings.json"):
        assert (again.folder / name).read_bytes() == (finished.folder / name).read_bytes()


def test_arrays_and_opened_images_are_learned_from(study, tmp_path) -> None:
    opened = tacit.open_images("digits", train_size=80)
    x, y = opened.train.pixels, opened.train.labels
    one = tacit.run(study, images=(np.asarray(x), y), out=tmp_path / "arrays", progress=False)
    assert one.environment.images.train + one.environment.images.test == 80
    other = tacit.run(study, images=opened, out=tmp_path / "opened", progress=False)
    assert (other.environment.images.train, other.environment.images.test) == (80, 359)


def test_unknown_options_are_named_before_any_work(study, tmp_path) -> None:
    with pytest.raises(TypeError, match="no option 'epoch'; did you mean 'epochs'"):
        tacit.run(study, out=tmp_path, epoch=3)
    with pytest.raises(StudyError, match="--seeds is 0"):
        tacit.run(study, out=tmp_path, seeds=0)
    assert not list(tmp_path.iterdir())
    known = {*RunOptions.__dataclass_fields__, *How.__dataclass_fields__}
    assert {"seeds", "jobs"} <= known


def test_what_fails_is_warned_of_and_kept(tmp_path) -> None:
    path = tmp_path / "wild.yaml"
    path.write_text(STUDY.replace("{learn: classifier}", "{learn: vae, rate: 100, epochs: 60}"))
    path.write_text(path.read_text().split("questions")[0].replace("classifier:", "wild:"))
    with pytest.warns(StudyWarning, match="wild"):
        ended = tacit.run(path, train_size=80, out=tmp_path, progress=False)
    assert len(ended.failed) == 1


def test_a_script_needs_no_guard_and_a_thread_will_do(study, tmp_path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import tacit, threading\n"
        f"def go(): print(len(tacit.run({str(study)!r}, train_size=80, out={str(tmp_path)!r}, "
        "progress=False).findings))\n"
        "thread = threading.Thread(target=go); thread.start(); thread.join()\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def test_an_interrupt_is_pythons_own(study, tmp_path, monkeypatch) -> None:
    def ask(*_) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("tacit.studies.execution.executors.processes.listen", lambda *_: ask())
    assert threading.current_thread() is threading.main_thread()
    with pytest.raises(KeyboardInterrupt, match="the same call goes on"):
        tacit.run(study, train_size=80, out=tmp_path, progress=False)
