"""Killed anywhere, a study goes on to the same bits, and no finished job is done again."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sabotage import Tripwire
from small import STUDIES
from sweep import SWEPT, forked

from tacit.questions.registry import QUESTIONS
from tacit.studies.description.reading import parse

HERE = Path(__file__).parent


def script(name: str, *options: str) -> str:
    """Run a script of this folder, which may fork since nothing was computed in it."""
    command = [sys.executable, str(HERE / name), *options]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    print(ended.stdout)
    return ended.stdout


def points(said: str) -> int:
    return sum(int(n.replace(",", "")) for n in re.findall(r"killed at ([\d,]+) ", said))


def test_small_studies_hold_every_kind_of_run_and_every_question() -> None:
    parsed = [parse(text, name) for name, text in STUDIES.items()]
    asked = {question.name for _, questions in parsed for question in questions}
    assert asked == set(QUESTIONS)
    runs = [run for study, _ in parsed for run in study.runs.values()]
    assert {run.learn for run in runs} == {"vae", "autoencoder", "classifier", "contrastive"}
    assert {run.network.kind for run in runs} == {"conv", "dense", "pool", "resnet"}
    assert {run.posterior.kind for run in runs} == {"amortized", "per-image"}
    assert {run.likelihood.kind for run in runs} >= {"gaussian", "bernoulli"}
    assert {run.objective.kind for run in runs} == {"elbo", "iwae", "dreg", "byol"}
    assert {part.part for run in runs for part in run.taken} == {
        "encoder",
        "decoder",
        "probabilities",
    }
    assert {part.frozen for run in runs for part in run.taken} == {True, False}
    assert any(run.phases for run in runs)
    assert any(run.one_cycle for run in runs)
    assert any(run.draws > 1 for run in runs)
    assert any("annealed" in getattr(q, "methods", ()) for _, qs in parsed for q in qs)


def test_killed_at_some_of_the_changes() -> None:
    """The whole sweep is ``make crash-test``."""
    assert points(script("sweep.py", "--studies", "stages", "--stride", "90", "--first", "17")) >= 5


@pytest.mark.slow
@pytest.mark.parametrize("name", SWEPT)
def test_killed_at_more_of_the_changes(name: str) -> None:
    assert points(script("sweep.py", "--studies", name, "--stride", "40", "--first", "11")) >= 5


@pytest.mark.slow
def test_killed_at_random_moments() -> None:
    assert points(script("moments.py", "--kills", "6", "--studies", "stages,posteriors")) >= 6


def test_the_sweep_counts_every_change_and_would_see_a_fault(tmp_path: Path) -> None:
    """A file that is not written atomically is torn by a kill at the right change."""
    wire = Tripwire(tmp_path)

    def change() -> None:
        wire.set()
        (tmp_path / "a").write_text("a")
        (tmp_path / "a").rename(tmp_path / "b")
        (tmp_path / "c").mkdir()
        (tmp_path / "c").rmdir()
        with (tmp_path / "b").open("rb") as file:
            os.fsync(file.fileno())
        (tmp_path / "b").chmod(0o600)
        (tmp_path / "b").unlink()
        Path(os.devnull).write_text("elsewhere")

    assert forked(change) == 0
    assert wire.count == 7
    for at, left in ((1, []), (2, ["a"]), (3, ["b"]), (4, ["b", "c"]), (7, ["b"])):
        wire = Tripwire(tmp_path, at)
        assert forked(change) == -9
        assert sorted(path.name for path in tmp_path.iterdir()) == left
        for path in tmp_path.iterdir():
            path.unlink() if path.is_file() else path.rmdir()
