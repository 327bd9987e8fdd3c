"""Runs that several processes train: at home, by torchrun, and where one of them is killed."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tacit.studies.command import perform, prepare
from tacit.studies.description.errors import StudyError
from tacit.studies.execution.executors.base import Said
from tacit.studies.execution.executors.launched import Launch
from tacit.studies.execution.executors.processes import Processes
from tacit.studies.execution.executors.team import Team
from tacit.studies.execution.job import Job
from tacit.studies.options import How, RunOptions
from tacit.studies.provenance import Told
from tacit.training.run_folder import SavedRun

STUDY = """
title: Together
snapshots: [1]
defaults: {latent_dim: 4, epochs: 2, network: {kind: dense, hidden: [16]}}
runs:
  per-image: {learn: vae, posterior: per-image, ranks: 2}
  contrastive: {learn: contrastive, ranks: 2}
  few: {learn: classifier, train: {per_class: 2}, updates: 3}
"""
FOREVER = """
title: Forever
runs:
  vae: {learn: vae, epochs: 100000, ranks: 2}
"""


def tacit(*words: str, before: Sequence[str] = ("-m", "tacit")) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *before, "run", *words, "--device", "cpu", "--explorer", "none"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def run_of(folder: Path, name: str) -> SavedRun:
    (found,) = folder.glob(f"jobs/{name}-s0-d0-*")
    return SavedRun(found)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("together") / "together.yaml"
    path.write_text(STUDY)
    return path


def learned(study: Path, out: Path, ranks: int | None = None) -> Path:
    """The study's folder after a run here, on 60 digits."""
    how = How(jobs=2, ranks=ranks, explorer="none")
    task = prepare(str(study), RunOptions(train_size=60), how, out)
    told = Told("tacit run together", {}, "none")
    ended = perform(task, told, Console(file=io.StringIO()), Processes(2))
    assert ended.whole, ended.outcome.failed
    return out / "together"


@pytest.fixture(scope="module")
def by_one(study, tmp_path_factory) -> Path:
    return learned(study, tmp_path_factory.mktemp("one"), ranks=1)


def assert_alike(found: Path, expected: Path) -> None:
    """Jobs of the same names, and what was learned the same but for the order of sums."""
    names = [{path.name for path in (folder / "jobs").iterdir()} for folder in (found, expected)]
    assert names[0] == names[1]
    for name in ("per-image", "contrastive", "few"):
        runs = run_of(found, name), run_of(expected, name)
        losses = [run.history.loss for run in runs]
        np.testing.assert_allclose(losses[0], losses[1], rtol=1e-3)
        states = [run.model().state_dict() for run in runs]
        assert states[0].keys() == states[1].keys()
        for key, value in states[1].items():
            assert states[0][key].shape == value.shape
        assert runs[0].snapshots == runs[1].snapshots


def test_two_ranks_at_home_learn_what_one_does(study, by_one, tmp_path) -> None:
    found = learned(study, tmp_path)
    assert_alike(found, by_one)
    jobs = json.loads((found / "environment.json").read_text())["jobs"]
    where = {job["name"].split()[0]: job["where"] for job in jobs}
    assert where == {"per-image": "2 ranks", "contrastive": "2 ranks", "few": ""}


@pytest.mark.slow
def test_two_ranks_of_torchrun_learn_what_one_does(study, by_one, tmp_path) -> None:
    launcher = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "tacit")
    done = tacit(str(study), "--train-size", "60", "--out", str(tmp_path), before=launcher)
    said, _ = done.communicate(timeout=200)
    assert done.returncode == 0, said
    assert_alike(tmp_path / "together", by_one)


def children(pid: int) -> list[int]:
    """Of a process, and theirs."""
    text = Path(f"/proc/{pid}/task/{pid}/children")
    own = [int(word) for word in text.read_text().split()] if text.exists() else []
    return [*own, *(below for one in own for below in children(one))]


def ranks_of(pid: int) -> list[int]:
    """The workers below a process that have come to train: those with gloo's threads."""
    found = []
    for child in children(pid):
        names = [p.read_text().strip() for p in Path(f"/proc/{child}/task").glob("*/comm")]
        if any("gloo" in name for name in names):
            found.append(child)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("which", "how", "cause"),
    [
        (0, signal.SIGKILL, "its process was killed (SIGKILL)"),
        (1, signal.SIGKILL, "rank 1 of 2: its process was killed (SIGKILL)"),
        (0, signal.SIGSTOP, "rank 0 of 2 has not been heard of for 15 s"),
        (1, signal.SIGSTOP, "rank 1 of 2 has not been heard of for 15 s"),
    ],
)
def test_a_rank_that_is_gone_ends_the_job_and_the_command_goes_on(
    which, how, cause, tmp_path
) -> None:
    path = tmp_path / "forever.yaml"
    path.write_text(FOREVER)
    out = tmp_path / "out"
    words = (str(path), "--train-size", "60", "--out", str(out))
    running = tacit(*words)
    deadline = time.monotonic() + 60
    while len(ranks_of(running.pid)) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    time.sleep(3)
    os.kill(ranks_of(running.pid)[which], how)
    killed = time.monotonic()
    while not (line := running.stdout.readline()).startswith("FAILED"):
        assert line
    print(f"{how.name} to rank {which}: told after {time.monotonic() - killed:.1f} s")
    assert time.monotonic() - killed < 30
    assert f"FAILED vae (seed 0): {cause}" in line
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 1, said
    # What asks for the state keeps it, and the same command goes on from there.
    again = tacit(*words)
    while len(ranks_of(again.pid)) < 2:
        time.sleep(0.2)
    time.sleep(3)
    again.send_signal(signal.SIGTERM)
    said, _ = again.communicate(timeout=60)
    assert again.returncode == 143, said
    assert list(out.glob("forever/jobs/*/checkpoints/update-*.json"))


class Ended(Said):
    """A member that has ended, or has not."""

    seconds, killed = 1.0, False

    def __init__(self, why: str = "", *, gone: bool = True, by_another: bool = False) -> None:
        super().__init__(cause=why or None, finished=gone and not why, by_another=by_another)
        self.gone = gone

    def why(self) -> str:
        return self.cause or ""

    def kill(self) -> None:
        self.killed = True


JOB = Job("", "train", "vae", 0, 0, "", (), {"ranks": 2}, 1.0)


def test_a_team_names_the_rank_that_failed_by_itself() -> None:
    broke = "ValueError: it broke"
    team = Team(JOB, [Ended(f"rank 1 of 2: {broke}", by_another=True), Ended(broke)])
    assert team.gone
    assert not team.finished
    assert team.why() == "rank 1 of 2: ValueError: it broke"
    assert Team(JOB, [Ended(broke), Ended(broke)]).why() == broke
    lost = "rank 1 of 2 has not been heard of for 15 s"
    assert Team(JOB, [Ended(lost, by_another=True), Ended(gone=False)]).why() == lost
    # Whatever a error's own words are, it is the rank's.
    words = "RankLost: as somebody else's exception may be called"
    assert Team(JOB, [Ended(gone=False), Ended(words)]).why() == f"rank 1 of 2: {words}"


def test_a_team_ends_whoever_does_not_notice(monkeypatch) -> None:
    monkeypatch.setattr("tacit.studies.execution.executors.team.SECONDS_TO_END", 0.05)
    hangs = Ended(gone=False)
    team = Team(JOB, [hangs, Ended("its process was killed (SIGKILL)")])
    assert not team.gone
    assert not hangs.killed
    time.sleep(0.1)
    assert team.gone
    assert hangs.killed


def test_a_rank_that_was_not_listened_to_yet_has_not_failed(monkeypatch) -> None:
    """It has done its part and ended; that it said so is read a moment later."""
    now = [0.0]
    monkeypatch.setattr("tacit.studies.execution.executors.team.time.monotonic", lambda: now[0])
    works, done, third = Ended(gone=False), Ended(), Ended(gone=False)
    done.finished = False
    team = Team(JOB, [works, done, third])
    assert not team.gone
    done.finished = True
    now[0] += 60
    assert not team.gone
    third.cause, third.gone = "ValueError: it broke", True
    assert not team.gone  # the first has its five seconds from now on
    assert not works.killed


def test_what_started_processes_together_is_known_from_the_environment() -> None:
    torchrun = {
        "RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "node1", "MASTER_PORT": "29500", "TORCHELASTIC_USE_AGENT_STORE": "True",
    }  # fmt: skip
    assert Launch.found(torchrun) == Launch(3, 4, 1, 2, "node1", 29500, hosted=True)
    assert Launch.found(torchrun | {"WORLD_SIZE": "1"}) is None
    assert Launch.found({"RANK": "0"}) is None


def test_ranks_without_images_are_refused_before_any_work(study, tmp_path) -> None:
    with pytest.raises(StudyError, match="ranks is 61, but a batch has 60 images"):
        prepare(str(study), RunOptions(train_size=60), How(ranks=61), tmp_path)
    with pytest.raises(StudyError, match="--ranks is 0; it is at least 1"):
        prepare(str(study), RunOptions(train_size=60), How(ranks=0), tmp_path)
    assert not list(tmp_path.iterdir())


def test_ranks_of_torchrun_are_not_said_twice(study, tmp_path, monkeypatch) -> None:
    for name, value in {"RANK": "0", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MASTER_ADDR", "localhost")
    monkeypatch.setenv("MASTER_PORT", "29500")
    with pytest.raises(StudyError, match="--ranks is 3, but torchrun started 2 processes"):
        prepare(str(study), RunOptions(train_size=60), How(ranks=3), tmp_path)
