"""SIGINT and SIGTERM: the state is kept, the exit code says so, and a line how to go on."""

import os
import signal
import time
from pathlib import Path

import pytest

from commands import children, ends, kill_group, start, until
from tacit.files import read_record
from tacit.studies.execution.executors.processes import SECONDS_TO_STOP

LONG = """
title: Long
defaults: {latent_dim: 4, epochs: 20000, batch_size: 20}
runs:
  vae: {learn: vae}
  per-image: {learn: vae, posterior: per-image}
"""
SECONDS_TO_END = 300
"""Beside other work everything takes long; whoever is killed before has not kept its state."""


def kept(out: Path) -> list[Path]:
    return list(out.glob("long/jobs/*/checkpoints/update-*.json"))


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "long.yaml"
    path.write_text(LONG)
    return path


def longer_where_others_work() -> float:
    """How much longer things take on a machine that has other work."""
    return max(1.0, 2 * os.getloadavg()[0] / len(os.sched_getaffinity(0)))


@pytest.mark.parametrize(
    ("signum", "code", "to_all"),
    [
        pytest.param(signal.SIGINT, 130, True, marks=pytest.mark.slow),
        (signal.SIGTERM, 143, True),
        (signal.SIGINT, 130, False),
        pytest.param(signal.SIGTERM, 143, False, marks=pytest.mark.slow),
    ],
)
def test_a_stopped_study_keeps_its_state_and_says_how_to_go_on(
    signum: int, code: int, to_all: bool, study: Path, tmp_path: Path
) -> None:
    """A terminal, `timeout`, Slurm and systemd send their signal to every process of the group."""
    process = start(study, tmp_path / "out", "--jobs", "2")
    jobs = tmp_path / "out" / "long" / "jobs"
    until(lambda: len(list(jobs.glob("*/job.json"))) == 2, process)
    time.sleep(1)
    assert not kept(tmp_path / "out")
    if to_all:
        kill_group(process, signum)
    else:
        process.send_signal(signum)
    said, _ = process.communicate(timeout=SECONDS_TO_END)
    assert process.returncode == code, said
    assert ends(process)
    assert f"stopped by {signal.Signals(signum).name}; nothing that was finished is lost" in said
    assert f"goes on: tacit run {study} --train-size 60 --out {tmp_path}/out --jobs 2" in said
    assert "FAILED" not in said
    found = kept(tmp_path / "out")
    assert len({path.parents[1] for path in found}) == 2
    assert all(read_record(path)["update"] > 0 for path in found)
    left = {path.name for path in (tmp_path / "out" / "long").rglob("*")}
    assert not {"failure.txt", "report.html"} & left
    assert not any(name.endswith(".unfinished") for name in left)


def pending(process: int, signum: int) -> bool:
    """Whether a signal was sent to a process that has not heeded it yet."""
    status = Path(f"/proc/{process}/status").read_text()
    (sent,) = [line.split()[1] for line in status.splitlines() if line.startswith("ShdPnd:")]
    return bool(int(sent, 16) >> (signum - 1) & 1)


@pytest.mark.slow
def test_a_second_interrupt_ends_at_once_and_no_worker_goes_on(study: Path, tmp_path: Path) -> None:
    process = start(study, tmp_path / "out", "--jobs", "1", often=0.05)
    until(lambda: kept(tmp_path / "out"), process)
    (worker,) = children(process)
    os.kill(worker, signal.SIGSTOP)  # it cannot keep its state now
    process.send_signal(signal.SIGINT)
    until(lambda: pending(worker, signal.SIGTERM), process)  # the first was heard, and passed on
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=SECONDS_TO_STOP - 5) == -signal.SIGINT
    os.kill(worker, signal.SIGCONT)
    assert ends(process)
    process.communicate()


@pytest.mark.slow
def test_workers_end_with_a_parent_that_is_killed(study: Path, tmp_path: Path) -> None:
    process = start(study, tmp_path / "out", "--jobs", "2", often=0.05)
    until(lambda: len({path.parents[1] for path in kept(tmp_path / "out")}) == 2, process)
    process.kill()
    process.wait()
    assert ends(process)
    process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("moment", [0.0, 0.3, 1.0, 2.0, 3.0, 4.0])
def test_a_signal_at_any_moment_of_the_start_is_heard(
    moment: float, study: Path, tmp_path: Path
) -> None:
    """While images are read, while the forking process starts, while workers do."""
    process = start(study, tmp_path / "out", "--jobs", "2")
    until((tmp_path / "out" / "long").exists, process)
    time.sleep(moment * longer_where_others_work() / 2)
    kill_group(process, signal.SIGTERM)
    said, _ = process.communicate(timeout=SECONDS_TO_END)
    assert process.returncode == 143, said
    assert "FAILED" not in said
    assert ends(process)


def test_stopped_while_pytorch_is_imported_it_says_how_to_go_on(
    study: Path, tmp_path: Path
) -> None:
    """By a signal to its group, at the moment at which it imports `torch.nn`."""
    process = start(study, tmp_path / "out", CRASH_TEST_INTERRUPTED_IMPORT="torch.nn")
    said, _ = process.communicate(timeout=SECONDS_TO_END)
    assert process.returncode == 130
    assert said.startswith("stopped by SIGINT; nothing that was finished is lost.")
    assert not (tmp_path / "out").exists()
