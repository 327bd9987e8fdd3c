"""Disks that are full, read-only, or another's: named with what is missing; nothing is lost."""

import errno
import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from small import STUDIES, content, run_small, sealed, some_digits

from commands import start
from tacit import files
from tacit.files import NotWritten, write_atomically, write_json
from tacit.training.checkpoint import write_tensors


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_json(path, 1)

    def fails(file: Path) -> None:
        file.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device", str(file))

    with pytest.raises(NotWritten) as refused:
        write_atomically(path, fails)
    assert str(refused.value) == f"cannot write {path}: no space is left on its disk"
    assert refused.value.errno == errno.ENOSPC
    assert path.read_text() == "1\n"
    assert names(tmp_path) == ["record.json"]


@pytest.mark.parametrize("step", ["mkstemp", "write", "chmod", "sync", "replace", "sync folder"])
def test_every_step_may_fail(step: str, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "record.json"
    write_json(path, "old")
    full = OSError(errno.ENOSPC, "No space left on device")

    def fail(*args: object, **kwargs: object) -> None:
        raise full

    if step == "mkstemp":
        monkeypatch.setattr(files.tempfile, "mkstemp", fail)
    elif step in ("chmod", "replace", "write"):
        monkeypatch.setattr(Path, {"write": "write_text"}.get(step, step), fail)
    else:
        sync, synced = files.sync, []

        def sync_until(place: Path) -> None:
            synced.append(place)
            if len(synced) == (1 if step == "sync" else 2):
                raise full
            sync(place)

        monkeypatch.setattr(files, "sync", sync_until)
    with pytest.raises(NotWritten, match="no space is left"):
        write_json(path, "new")
    monkeypatch.undo()
    assert names(tmp_path) == ["record.json"]
    # Only where the last step failed is the new file there, whole.
    assert path.read_text() == ('"new"\n' if step == "sync folder" else '"old"\n')


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (errno.ENOSPC, "no space is left on its disk"),
        (errno.EDQUOT, "the disk quota is used up"),
        (errno.EROFS, "its disk is read-only"),
        (errno.EACCES, "no permission to write there"),
        (errno.EFBIG, r"larger than this process may write \(ulimit -f\)"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_what_is_missing_is_said(code: int, said: str, tmp_path: Path) -> None:
    def fails(file: Path) -> None:
        raise OSError(code, os.strerror(code))

    with pytest.raises(NotWritten, match=said):
        write_atomically(tmp_path / "a", fails)


def test_errors_that_are_no_disks_pass_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a", float("nan"))
    with pytest.raises(NotWritten, match="its folder does not exist"):
        write_json(tmp_path / "none" / "a", 1)
    assert names(tmp_path) == []


def in_fork(action: Callable[[], None]) -> int:
    """Do something in a forked process; its exit code is 0, or 1 after an error."""
    process = os.fork()
    if not process:
        code = 1
        try:
            action()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def test_tensors_larger_than_a_limit_are_named_with_their_path(tmp_path: Path) -> None:
    """safetensors gives the system's error in words alone."""
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.zeros(3)}, path)

    def action() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        with pytest.raises(NotWritten, match=rf"cannot write {path}: the file is larger than"):
            write_tensors(path, {"a": torch.zeros(10_000)})

    assert in_fork(action) == 0
    assert names(tmp_path) == ["model.safetensors"]
    assert path.stat().st_size < 4096


def test_a_disk_that_is_full_in_a_study_fails_jobs_by_name_and_is_gone_on_from(
    undisturbed, here, tmp_path: Path, monkeypatch
) -> None:
    """From the 21st file on there is no space; then there is."""
    folder = tmp_path / "stages"
    make, made = files.tempfile.mkstemp, []

    def until_full(*args: str) -> tuple[int, str]:
        made.append(args)
        if len(made) > 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        return make(*args)

    monkeypatch.setattr(files.tempfile, "mkstemp", until_full)
    with pytest.raises(NotWritten, match="no space is left on its disk") as refused:
        run_small("stages", folder, some_digits())
    assert str(folder) in str(refused.value)
    assert not list(folder.rglob(".*.unfinished"))
    before = sealed(folder)
    assert before  # something was finished
    monkeypatch.setattr(files.tempfile, "mkstemp", make)
    ended, watching = run_small("stages", folder, some_digits())
    assert ended.whole
    assert not watching.said
    assert content(folder) == undisturbed("stages")[1]
    after = sealed(folder)
    assert {path: after[path] for path in before} == before


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A file system of 600 kB, where this process may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = os.geteuid() == 0 and not os.system(
        f"mount -t tmpfs -o size=600k tmpfs {place} 2>/dev/null"
    )
    if not mounted:
        pytest.skip("a file system can be mounted by root alone")
    yield place
    os.system(f"umount -l {place}")


@pytest.mark.slow
def test_a_small_disk(small_disk: Path, tmp_path: Path) -> None:
    """Exit code 1, the path and what is missing; with more space, the same command goes on."""
    study = tmp_path / "posteriors.yaml"
    study.write_text(STUDIES["posteriors"])
    process = start(study, small_disk, "--jobs", "1")
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 1, said
    assert f"cannot write {small_disk}/posteriors/" in said
    assert "no space is left on its disk" in said
    assert "Traceback" not in said
    assert not list(small_disk.rglob(".*.unfinished"))
    before = sealed(small_disk / "posteriors")
    assert not os.system(f"mount -o remount,size=100m {small_disk}")
    process = start(study, small_disk, "--jobs", "1")
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    after = sealed(small_disk / "posteriors")
    assert {path: after[path] for path in before} == before


@pytest.mark.slow
def test_a_limit_on_the_size_of_files(tmp_path: Path) -> None:
    study = tmp_path / "posteriors.yaml"
    study.write_text(STUDIES["posteriors"])
    out = tmp_path / "out"

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    process = start(study, out, "--jobs", "1", before=limited)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 1, said
    assert "the file is larger than this process may write (ulimit -f)" in said
    assert "Traceback" not in said
    assert not list(out.rglob(".*.unfinished"))


def test_a_read_only_folder_is_refused_before_any_work(tmp_path: Path, capsys) -> None:
    from tacit.cli import run_command

    place = Path("/proc")  # not even root writes there
    assert run_command(["run", "inference", "--train-size", "60", "--out", str(place)]) == 2
    said = capsys.readouterr().err
    assert "cannot write into /proc/inference: " in said
    assert "name another folder with --out" in said


@pytest.mark.slow
@pytest.mark.skipif(
    not Path("/dev/shm").is_dir() or Path("/dev/shm").stat().st_dev == Path("/").stat().st_dev,
    reason="there is no second file system",
)
def test_temporary_files_on_another_device(undisturbed, tmp_path: Path) -> None:
    """Nothing is moved from TMPDIR into the folder: a file could not be put in place whole."""
    study = tmp_path / "stages.yaml"
    study.write_text(STUDIES["stages"])
    scratch = Path("/dev/shm") / f"tacit-{os.getpid()}"
    scratch.mkdir()
    try:
        process = start(study, tmp_path / "out", "--jobs", "2", TMPDIR=str(scratch))
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 0, said
        assert not [path for path in scratch.rglob("*") if path.is_file()]
    finally:
        shutil.rmtree(scratch)
    assert (tmp_path / "out" / "stages" / "results.json").exists()
