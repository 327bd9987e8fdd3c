"""What hands out jobs: one interface, and what is wrong with the options that choose one."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest
from small import Watching, content, some_digits

from tacit.cli import run_command
from tacit.images.dataset import Split
from tacit.images.shared import read_images, write_images
from tacit.studies.description.errors import StudyError
from tacit.studies.description.reading import parse
from tacit.studies.execution import work
from tacit.studies.execution.estimate import BYTES_OF_A_PROCESS, memory_of
from tacit.studies.execution.executors.base import Progressed
from tacit.studies.execution.executors.cluster.installed import differences, installed
from tacit.studies.execution.executors.cluster.own import LEAST_OBJECTS, bytes_for_objects
from tacit.studies.execution.executors.cluster.parcels import LAST, pack, state, unpack
from tacit.studies.execution.executors.opening import device_here
from tacit.studies.execution.executors.processes import Processes
from tacit.studies.execution.job import Job
from tacit.studies.options import How
from tacit.studies.provenance import Told
from tacit.studies.study import prepared, run_study
from tacit.training.run_folder import is_done

STUDY = """
title: Some that take from others
defaults: {latent_dim: 2, epochs: 1, batch_size: 40}
runs:
  classifier: {learn: classifier}
  on-it: {learn: autoencoder, encoder: {from: classifier, frozen: true}}
  alone: {learn: autoencoder}
questions:
  - classifier: {run: classifier}
"""


@dataclass
class Done:
    """A job that was done as soon as it was handed out: a `Worker`."""

    job: Job
    cause: str | None = None
    traceback: str = ""
    finished: bool = False
    noticed: list[str] = field(default_factory=list)
    gone: bool = True
    seconds: float = 1.0

    def settle(self, progressed: Progressed) -> None: ...

    def why(self) -> str:
        return self.cause or "nobody knows"


@dataclass
class Here:
    """An executor that does jobs in this process, two at once; those named `failing` it fails."""

    failing: str = ""
    words: str = "jobs in this process"
    began: list[str] = field(default_factory=list)
    most: int = 0

    def room(self, running: Sequence[Done]) -> int:
        return 2 - len(running)

    def start(self, job: Job, out: Path) -> Done:
        self.began.append(job.name)
        if job.name == self.failing:
            return Done(job, cause="it was told to fail", noticed=[f"{job.label}: oh"])
        (out / job.folder).mkdir(parents=True, exist_ok=True)
        images = read_images(out / "images")
        if job.kind == "train":
            work.train(
                asdict(job), out, images, device="cpu", stop=lambda: False, report=lambda *_: None
            )
        else:
            work.measure(asdict(job), out, images)
        return Done(job, finished=True)

    def listen(self, running: Sequence[Done], progressed: Progressed) -> None:
        self.most = max(self.most, len(running))

    def stop(self, running: Sequence[Done]) -> None:
        assert not running


def run_by(executor, folder: Path):
    study, questions = parse(STUDY, "some")
    watching = Watching()
    task = prepared("some", study, questions, some_digits(), folder)
    return run_study(task, Told("tacit run some"), watching, executor), watching


def test_whoever_does_the_jobs_leaves_the_same_bits(tmp_path: Path) -> None:
    here = Here()
    ended, _ = run_by(here, tmp_path / "here")
    assert ended.whole
    assert here.most == 2
    assert here.began.index("classifier") < here.began.index("on-it")
    assert "jobs in this process" in (tmp_path / "here" / "environment.json").read_text()
    run_by(Processes(2), tmp_path / "processes")
    assert content(tmp_path / "here") == content(tmp_path / "processes")


def test_one_that_fails_leaves_its_siblings_alone_whoever_does_them(tmp_path: Path) -> None:
    ended, watching = run_by(Here(failing="classifier"), tmp_path)
    assert list(ended.outcome.failed.values()) == ["it was told to fail"]
    assert len(ended.outcome.blocked) == 2
    assert len(ended.outcome.done) == 1
    assert watching.said == ["classifier (seed 0): oh"]
    assert watching.causes == ["classifier (seed 0): it was told to fail"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--cluster", "nowhere"], "'nowhere'; it is local, HOST:PORT"),
        (["--cluster", "head:0"], "'head:0'; it is local, HOST:PORT"),
        (["--cluster", "no..host:80"], "--cluster is no..host:80, where nobody answers"),
        (["--cluster", "127.0.0.1:9"], "--cluster is 127.0.0.1:9, where nobody answers"),
        (["--shared"], "--shared is about the nodes of a cluster; it needs --cluster"),
    ],
)
def test_what_is_wrong_with_a_cluster_is_said_before_any_work(
    options: list[str], expected: str, tmp_path: Path, capsys, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if options[0] == "--cluster":
        pytest.importorskip("ray")
    assert run_command(["run", "inference", *options]) == 2
    assert expected in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.iterdir())


def test_without_ray_it_is_said_what_to_install(monkeypatch) -> None:
    monkeypatch.setattr("tacit.studies.execution.executors.opening.find_spec", lambda name: None)
    _, errors = device_here(How(cluster="local"))
    assert errors == ["--cluster needs Ray, which is not installed: pip install 'tacit[cluster]'"]


def test_what_is_installed_is_known_with_the_code_itself() -> None:
    ours = installed()
    assert all(ours.values())
    assert not list(differences(ours, ours))
    changed = ours | {"tacit's code": "0" * 12, "torch": "1.0"}
    first, second = differences(ours, changed)
    assert first == f"torch is 1.0 there and {ours['torch']} here"
    assert second.startswith("tacit's code is 000000000000 there")


def test_a_folder_arrives_whole_or_is_not_taken_for_done(tmp_path: Path) -> None:
    run_by(Here(), tmp_path)
    job = next(path for path in (tmp_path / "jobs").iterdir())
    (job / ".left.unfinished").write_bytes(b"half")
    parcel = pack(job)
    assert LAST in parcel.files
    assert not any(name.endswith(".unfinished") for name in parcel.files)
    unpack(parcel, tmp_path / "arrived")
    assert is_done(tmp_path / "arrived")
    assert pack(tmp_path / "arrived").files.keys() == parcel.files.keys()
    parcel.files["model.safetensors"] = parcel.files["model.safetensors"].copy()
    parcel.files["model.safetensors"][-1] ^= 1
    unpack(parcel, tmp_path / "damaged")
    assert not is_done(tmp_path / "damaged")
    assert not pack(tmp_path / "nowhere").files


def test_what_an_unfinished_job_goes_on_from_is_seen_to_change(tmp_path: Path) -> None:
    assert state(tmp_path) == {}
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "update-3.json").write_text("{}")
    (tmp_path / "job.json").write_text("{}")
    before = state(tmp_path)
    assert set(before) == {"checkpoints/update-3.json"}
    os.utime(tmp_path / "checkpoints" / "update-3.json", ns=(0, 0))
    assert state(tmp_path) != before


def test_what_vanishes_while_it_is_looked_at_is_left_out(tmp_path: Path, monkeypatch) -> None:
    """A running job removes its older checkpoints, and at its end the whole folder."""
    (tmp_path / "checkpoints").mkdir()
    for number in range(3):
        (tmp_path / "checkpoints" / f"update-{number}.json").write_text("{}")
    is_file = Path.is_file

    def removed(path: Path) -> bool:
        there = is_file(path)
        if path.name == "update-1.json":
            path.unlink()
        return there

    monkeypatch.setattr(Path, "is_file", removed)
    assert set(state(tmp_path)) == {"checkpoints/update-0.json", "checkpoints/update-2.json"}


def test_a_wider_model_needs_more_memory() -> None:
    def of(latent_dim: int) -> int:
        study, questions = parse(STUDY.replace("latent_dim: 2", f"latent_dim: {latent_dim}"), "s")
        task = prepared("s", study, questions, some_digits(), Path("nowhere"))
        return max(memory_of(job) for job in task.plan.jobs if job.kind == "train")

    assert BYTES_OF_A_PROCESS < of(2) < of(2000) < of(2) + 2**30


def test_the_store_fits_into_what_shared_memory_there_is(tmp_path: Path) -> None:
    assert LEAST_OBJECTS <= bytes_for_objects() <= 2**31
    assert bytes_for_objects(tmp_path / "none") == LEAST_OBJECTS


def test_another_version_of_ray_is_said_before_any_work(monkeypatch) -> None:
    ray = pytest.importorskip("ray")
    from tacit.studies.execution.executors.cluster import joining

    def init(*args: object, **options: object) -> None:
        raise RuntimeError("Version mismatch: The cluster was started with:\n    Ray: 2.40.0")

    monkeypatch.setattr(ray, "init", init)
    with (
        pytest.raises(StudyError, match=r"Version mismatch: The cluster was .* Ray: 2\.40\.0"),
        joining.joined("head:6379", How(cluster="head:6379")),
    ):
        pass


def test_a_node_without_the_folder_or_with_other_images_says_which(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    from tacit.studies.execution.executors.cluster.images import IMAGES, Elsewhere, check_shared

    opened = some_digits()
    split = Split(opened.train, opened.test)
    write_images(tmp_path / IMAGES, split)
    held = (split.train.sha256, split.test.sha256)
    check_shared(tmp_path, held)
    with pytest.raises(Elsewhere, match=r"test\.json is of other images"):
        check_shared(tmp_path, (held[0], "0" * 64))
    with pytest.raises(Elsewhere, match=r"there is no .*nowhere.*with --shared, every node has"):
        check_shared(tmp_path / "nowhere", held)
    (tmp_path / IMAGES / "train.json").write_text("{")
    with pytest.raises(Elsewhere, match=r"train\.json"):
        check_shared(tmp_path, held)


def test_more_memory_or_threads_than_any_node_has_is_said_of_the_job() -> None:
    pytest.importorskip("ray")
    from tacit.studies.execution.executors.cluster.executor import cannot
    from tacit.studies.execution.executors.cluster.nodes import Node

    nodes = [Node("one", 4, 2**32, 0), Node("two", 2, 2**33, 0)]
    assert cannot(nodes, threads=4, memory=2**32) is None
    assert cannot(nodes, threads=2, memory=2**33) is None
    assert cannot(nodes, threads=4, memory=2**33) == (
        "it needs about 8.0 GiB of memory, 4 cores of one node, and no node of the cluster has "
        "all of it"
    )
    assert "1 cores and a GPU of one node" in str(cannot(nodes, threads=1, memory=1, gpus=1))
    assert cannot(nodes, threads=1, memory=2**34) == (
        "it needs about 16.0 GiB of memory, and no node of the cluster has more than 8.0"
    )
    assert cannot(nodes, threads=5, memory=1) == (
        "it has 5 threads, and no node of the cluster more than 4 cores"
    )
