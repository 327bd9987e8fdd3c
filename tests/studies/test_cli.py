"""The command as people use it: exit codes, messages, nothing half-written."""

import pytest

from tacit import __version__
from tacit.cli import run_command
from tacit.studies.execution.runner import Outcome
from tacit.studies.study import Ended


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "infrence"], "did you mean 'inference'?"),
        (["run", "--sedes", "3"], "--seeds"),
        (["run", "inference", "--seeds", "-3", "--jobs", "0"], "--jobs is 0; it is at least 1"),
        (["run", "inference", "--seeds", "x"], "x"),
        (["run", "inference", "--images", "mnits"], "mnist"),
        (["run", "inference", "--train-size", "0"], "--train-size is 0"),
        (["run", "inference", "--train-size", "99999"], "99,999"),
        (["run", "inference", "--runs", "vea"], "did you mean 'vae'?"),
        (["run", "inference", "--images", "mnist", "--data-dir", "/nowhere"], "/nowhere"),
        (["frobnicate"], "frobnicate"),
    ],
)
def test_what_cannot_be_used_is_named_with_exit_code_2(
    arguments, expected, tmp_path, capsys, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command(arguments) == 2
    said = capsys.readouterr()
    assert expected in said.err + said.out
    assert not list(tmp_path.iterdir())


def test_help_and_version(capsys) -> None:
    assert run_command(["--help"]) == 0
    assert "run" in capsys.readouterr().out
    assert run_command(["--version"]) == 0
    assert __version__ in capsys.readouterr().out
    assert run_command(["run", "--help"]) == 0
    assert "--train-size" in capsys.readouterr().out


def test_a_dry_run_lists_jobs_with_time_and_disk_and_trains_nothing(
    small_study, tmp_path, capsys
) -> None:
    out = tmp_path / "out"
    arguments = ["run", str(small_study), "--train-size", "80", "--out", str(out), "--dry-run"]
    assert run_command(arguments) == 0
    said = capsys.readouterr().out
    assert "question: classifier" in said
    assert "per-image" in said
    assert "7 jobs" in said
    assert not out.exists(), "a list of jobs leaves nothing behind"


def test_without_a_name_the_two_reports_are_run_and_no_other(monkeypatch, tmp_path) -> None:
    listed = []
    monkeypatch.setattr(
        "tacit.studies.command.list_jobs", lambda prepared, console: listed.append(prepared.name)
    )
    options = ["--train-size", "200", "--out", str(tmp_path), "--dry-run"]
    assert run_command(["run", *options]) == 0
    assert listed == ["inference", "transfer"]
    assert run_command(["run", "code-size", *options]) == 0
    assert listed[2:] == ["code-size"]


def test_a_page_is_told_of_before_the_next_study_begins(monkeypatch, tmp_path, capsys) -> None:
    said = []

    def perform(prepared, *_):
        said.append(capsys.readouterr().out)
        return Ended(tmp_path / prepared.name / "report.html", (), Outcome(), {}, ())

    monkeypatch.setattr("tacit.studies.command.perform", perform)
    assert run_command(["run", "--train-size", "200", "--out", str(tmp_path)]) == 0
    assert len(said) == 2
    assert f"Report: {tmp_path / 'inference' / 'report.html'}" in said[1]
    assert f"Report: {tmp_path / 'transfer' / 'report.html'}" in capsys.readouterr().out
