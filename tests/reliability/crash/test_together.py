"""Processes beside each other: folders that are held, workers that are killed, memory that ends."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest
from small import content, run_small, some_digits

from tacit.studies.execution import holding, work
from tacit.studies.execution.holding import FolderError, held, working


def test_a_second_process_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    with held(tmp_path), pytest.raises(FolderError) as refused, held(tmp_path):
        pass
    assert f"another tacit (process {os.getpid()} on " in str(refused.value)
    assert "wait for it, or name another folder with --out" in str(refused.value)
    with held(tmp_path):
        pass


def test_a_holder_that_is_killed_holds_no_more(tmp_path: Path) -> None:
    ready, tell = os.pipe()
    holder = os.fork()
    if not holder:
        with held(tmp_path):
            os.write(tell, b".")
            time.sleep(600)
        os._exit(0)
    os.read(ready, 1)
    with pytest.raises(FolderError, match=f"process {holder} on"), held(tmp_path):
        pass
    os.kill(holder, signal.SIGKILL)
    os.waitpid(holder, 0)
    with held(tmp_path):
        pass


def test_workers_that_outlive_their_parent_are_waited_for(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(holding, "SECONDS_FOR_WORKERS", 0.2)
    with working(tmp_path), pytest.raises(FolderError, match="still write into"), held(tmp_path):
        pass
    with held(tmp_path), working(tmp_path):
        pass  # those of the holder itself disturb nobody


@pytest.mark.parametrize("taken", ["the folder", "the file"])
def test_two_that_look_at_a_new_folder_at_once_both_find_it_good(
    taken: str, tmp_path: Path, monkeypatch
) -> None:
    """The other one has looked, and takes away what was made for that, at the worst moment."""
    folder, write = tmp_path / "out", Path.write_bytes
    others = [folder]

    def late(path: Path, data: bytes) -> int:
        if taken == "the folder" and others:
            others.pop().rmdir()
        written = write(path, data)
        if taken == "the file":
            path.unlink()
        return written

    monkeypatch.setattr(Path, "write_bytes", late)
    holding.prepare_folder(folder)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("how", ["killed", pytest.param("memory", marks=pytest.mark.slow)])
def test_a_worker_that_dies_fails_alone_and_only_what_is_missing_is_done_next(how: str) -> None:
    """See `dying.py`, which is a process of its own so that it can fork."""
    script = Path(__file__).parent / "dying.py"
    command = [sys.executable, str(script), how]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "dependants blocked" in ended.stdout


def test_the_allocators_own_words_are_understood() -> None:
    said = RuntimeError(
        "[enforce fail at alloc_cpu.cpp:134] . DefaultCPUAllocator: can't allocate memory: you "
        "tried to allocate 4 bytes. Error code 12 (Cannot allocate memory)\nmore"
    )
    assert work.cause_of(said).startswith("no memory was left (RuntimeError: [enforce fail at")
    assert "\n" not in work.cause_of(said)


def test_a_job_that_was_sealed_before_its_worker_died_is_done(
    undisturbed, here, tmp_path: Path, monkeypatch
) -> None:
    """Killed after the last write, before it could say that it is done."""
    perform = work.perform

    class Mute:
        def __init__(self, messages):
            self.messages = messages

        def send(self, said):
            if said[0] != "done":
                self.messages.send(said)

        def close(self):
            self.messages.close()

    monkeypatch.setattr(
        work, "perform", lambda job, out, device, to: perform(job, out, device, Mute(to))
    )
    ended, _ = run_small("stages", tmp_path / "stages", some_digits())
    assert ended.whole
    assert content(tmp_path / "stages") == undisturbed("stages")[1]
    assert asdict(ended.outcome)["failed"] == {}
