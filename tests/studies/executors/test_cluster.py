"""Jobs on a Ray cluster of two nodes, both on this machine; its head takes about ten seconds."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from small import STUDIES, Watching, content, some_digits
from two_nodes import Two

from commands import ends, kill_group, until
from tacit.files import read_record
from tacit.studies.description.errors import StudyError
from tacit.studies.description.reading import parse
from tacit.studies.execution.executors.cluster.installed import differences, installed
from tacit.studies.execution.executors.processes import Processes
from tacit.studies.options import How
from tacit.studies.provenance import Told
from tacit.studies.study import Ended, prepared, run_study

pytest.importorskip("ray")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

LONG = """
title: One that takes long
defaults: {latent_dim: 4, epochs: 2, batch_size: 20}
runs:
  beside: {learn: classifier}
  long: {learn: vae, epochs: 400}
  needs-it: {learn: autoencoder, decoder: {from: long}}
questions:
  - classifier: {run: beside}
"""


def run_on(
    address: str,
    text: str,
    folder: Path,
    *,
    seeing: Callable[[Any], None] = lambda running: None,
    shared: bool = False,
) -> tuple[Ended, Watching]:
    """Run a study on the cluster; `seeing` is shown the tasks that are under way."""
    from tacit.studies.execution.executors.cluster.joining import joined

    study, questions = parse(text, folder.name)
    watching = Watching()
    task = prepared(folder.name, study, questions, some_digits(), folder)
    with joined(address, How(cluster=address, shared=shared)) as executor:
        executor.seconds_between_states = 0.3
        listen = executor.listen

        def listen_and_see(running: Any, progressed: Any) -> None:
            listen(running, progressed)
            seeing(running)

        executor.listen = listen_and_see  # type: ignore[method-assign]
        ended = run_study(task, Told("tacit run"), watching, executor)
    return ended, watching


TOGETHER = """
title: Two ranks
defaults: {latent_dim: 4, epochs: 2, batch_size: 20}
runs:
  together: {learn: vae, posterior: per-image, ranks: 2}
  after: {learn: autoencoder, decoder: {from: together}}
"""


@pytest.mark.parametrize("shared", [False, True])
def test_ranks_on_two_nodes_learn_what_they_do_at_home(two, shared, tmp_path) -> None:
    """To the bit: of one number of ranks, on processors of one kind."""
    study, questions = parse(TOGETHER, "study")
    task = prepared("study", study, questions, some_digits(), tmp_path / "home")
    assert run_study(task, Told("tacit run"), Watching(), Processes(2)).whole
    ended, watching = run_on(two.address, TOGETHER, tmp_path / "there", shared=shared)
    assert ended.whole, watching.causes
    (record,) = (tmp_path / "there").glob("jobs/together-*/times.json")
    assert read_record(record)["where"] in ("2 ranks, one", "2 ranks, two")
    for name in ("together", "after"):
        sums = [
            next((tmp_path / where).glob(f"jobs/{name}-*")) / "model.safetensors"
            for where in ("home", "there")
        ]
        assert sums[0].read_bytes() == sums[1].read_bytes()


def ranks_of(two: Two) -> list[int]:
    """Processes of these nodes that train together."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any("gloo" in comm.read_text() for comm in process.glob("task/*/comm")):
                found.append(int(process.name))
    return [process for process in found if two.has(process)]


def test_a_rank_that_is_killed_on_a_node_ends_its_job(two, tmp_path) -> None:
    killed = []

    def kill(running: Any) -> None:
        (team,) = running
        if killed or not all(task.node for task in team.members):
            return
        found = ranks_of(two)
        if len(found) == 2:
            os.kill(found[1], signal.SIGKILL)
            killed.append(time.monotonic())

    text = TOGETHER.replace("ranks: 2}", "ranks: 2, epochs: 100000}").replace(
        "  after: {learn: autoencoder, decoder: {from: together}}\n", ""
    )
    ended, watching = run_on(two.address, text, tmp_path / "there", seeing=kill)
    assert time.monotonic() - killed[0] < 30
    (cause,) = watching.causes
    assert "its process was killed (SIGKILL)" in cause
    assert not ended.whole


def test_more_ranks_than_cores_are_told_at_the_job(two, tmp_path) -> None:
    text = TOGETHER.replace("ranks: 2", "ranks: 9")
    ended, watching = run_on(two.address, text, tmp_path / "there")
    assert watching.causes == [
        "together (seed 0): it has 9 ranks of 1 cores each, and the cluster's nodes have room for 2"
    ]
    assert not ended.whole


@pytest.fixture(scope="module")
def at_home(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, str]]:
    """What a study leaves when processes of this machine do its jobs."""
    known: dict[str, dict[str, str]] = {}

    def get(text: str) -> dict[str, str]:
        if text not in known:
            folder = tmp_path_factory.mktemp("home") / "study"
            study, questions = parse(text, "study")
            task = prepared("study", study, questions, some_digits(), folder)
            assert run_study(task, Told("tacit run"), Watching(), Processes(1)).whole
            known[text] = content(folder)
        return known[text]

    return get


def where(folder: Path) -> set[str]:
    return {read_record(path)["where"] for path in folder.rglob("times.json")}


@pytest.mark.parametrize("shared", [False, True], ids=["travelling", "shared"])
def test_a_study_on_two_nodes_leaves_the_same_bits(
    shared: bool, two: Two, at_home, tmp_path: Path
) -> None:
    folder, before = tmp_path / "study", left_on_nodes(two)
    ended, watching = run_on(two.address, STUDIES["classifiers"], folder, shared=shared)
    assert ended.whole, watching.causes
    assert not watching.said
    assert content(folder) == at_home(STUDIES["classifiers"])
    assert where(folder) == {"one", "two"}
    assert '"where": "two"' in (folder / "environment.json").read_text()
    page = (folder / "report.html").read_text()
    assert "<td>one</td>" in page
    assert "on 2 nodes of a Ray cluster, 2 cores" in page
    assert left_on_nodes(two) == before


def left_on_nodes(two: Two) -> set[Path]:
    """What jobs and their images leave in the nodes' temporary folder."""
    place = two.temporary
    return {*place.glob("tacit-job-*"), *place.glob(f"tacit-{os.getuid()}/*")}


def state_at_home(folder: Path, name: str) -> list[Path]:
    return list(folder.glob(f"jobs/{name}-*/checkpoints/*.json"))


def test_a_node_that_is_lost_loses_no_job(two: Two, at_home, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    lost: list[str] = []

    def lose(running: Any) -> None:
        for task in running:
            if task.job.name == "long" and task.node and not lost and state_at_home(folder, "long"):
                name = next(name for name, n in two.nodes.items() if n.node_id == task.node)
                two.remove(name)
                lost.append(name)

    ended, watching = run_on(two.address, LONG, folder, seeing=lose)
    two.add(lost[0])
    assert ended.whole, watching.causes
    (said,) = watching.said
    assert said.startswith(f"long (seed 0): {lost[0]} was lost with its task (")
    assert said.endswith("it is begun again")
    (times,) = folder.glob("jobs/long-*/times.json")
    assert read_record(times)["where"] not in lost
    assert content(folder) == at_home(LONG)


def children(parent: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(path.parent.name))
    return found


@pytest.mark.parametrize("whom", ["rays", "ours", "ear"])
def test_a_worker_that_is_killed(whom: str, two: Two, at_home, tmp_path: Path) -> None:
    """Ray's own is replaced; the process that does the job is told of as at home.

    Where those who speak are heard is replaced as well, and nobody notices.
    """
    folder = tmp_path / "study"
    killed: list[int] = []

    def kill(running: Any) -> None:
        for task in running:
            if task.job.name == "long" and not killed and state_at_home(folder, "long"):
                (worker,) = two.titled("Ear" if whom == "ear" else "long")
                if whom == "ours":
                    # It was forked from the process that is forked from.
                    (worker,) = [pid for child in children(worker) for pid in children(child)]
                killed.append(worker)
                os.kill(worker, signal.SIGKILL)

    ended, watching = run_on(two.address, LONG, folder, seeing=kill)
    if whom == "rays":
        assert ended.whole, watching.causes
        assert "was lost with its task (WorkerCrashedError): it is begun again" in watching.said[0]
    elif whom == "ear":
        assert ended.whole, watching.causes
        assert not watching.said
    else:
        (cause,) = ended.outcome.failed.values()
        assert cause.startswith("its process was killed (SIGKILL), perhaps because the machine")
        assert cause.endswith((" (on one)", " (on two)"))
        assert list(ended.outcome.blocked.values()) == ["long (seed 0)"]
        assert [finding.question for finding in ended.findings] == ["classifier"]
        assert state_at_home(folder, "long")
        ended, watching = run_on(two.address, LONG, folder)  # the same command
        assert ended.whole, watching.causes
    assert content(folder) == at_home(LONG)


def test_nodes_that_are_not_fit_are_named_before_any_work(
    two: Two, tmp_path: Path, monkeypatch
) -> None:
    from tacit.studies.execution.executors.cluster import joining

    torch = installed()["torch"]
    ours = installed() | {"torch": "9.9", "tacit": "7.0"}
    monkeypatch.setattr(joining, "differences", lambda here, there: differences(ours, there))
    with pytest.raises(StudyError, match=r"node one: tacit is .* there and 7\.0 here") as caught:
        run_on(two.address, LONG, tmp_path / "study")
    assert len(caught.value.errors) == 4
    assert f"torch is {torch} there and 9.9 here" in str(caught.value)
    with (
        pytest.raises(StudyError, match="--device is cuda, and no node of the cluster has a GPU"),
        joining.joined(two.address, How(cluster=two.address, device="cuda")),
    ):
        pass
    assert not list((tmp_path / "study").glob("jobs/*"))


def test_a_node_with_other_images_fails_its_job(two: Two, tmp_path: Path, monkeypatch) -> None:
    from tacit.studies.execution.executors.cluster.executor import Cluster

    real = Cluster._sha256
    monkeypatch.setattr(Cluster, "_sha256", lambda self, out: (real(self, out)[0], "0" * 64))
    ended, _ = run_on(two.address, LONG, tmp_path / "study", shared=True)
    assert len(ended.outcome.failed) == 2
    assert all("test.json is of other images (on " in c for c in ended.outcome.failed.values())


def test_too_little_memory_is_said_of_the_job(two: Two, tmp_path: Path, monkeypatch) -> None:
    from tacit.studies.execution.executors.cluster import executor

    real = executor.memory_of
    monkeypatch.setattr(
        executor, "memory_of", lambda job: 2**50 if job.name == "long" else real(job)
    )
    ended, _ = run_on(two.address, LONG, tmp_path / "study")
    (cause,) = ended.outcome.failed.values()
    assert cause.startswith("it needs about 1048576.0 GiB of memory, and no node of the cluster")
    assert [finding.question for finding in ended.findings] == ["classifier"]


COMMAND = [sys.executable, "-m", "tacit", "run"]


@contextmanager
def started(study: Path, out: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*COMMAND, str(study), "--train-size", "60", "--out", str(out), *options],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        kill_group(process)
        process.communicate()


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "study.yaml"
    path.write_text(LONG.replace("400", "20000"))
    return path


def test_when_the_head_goes_the_end_is_clear_and_the_same_command_goes_on(
    study: Path, tmp_path: Path
) -> None:
    (tmp_path / "path").mkdir()
    own = Two(tmp_path / "path")
    folder = tmp_path / "out" / "study"
    try:
        with started(study, tmp_path / "out", "--cluster", own.address) as process:
            until(lambda: list(folder.glob("measurements/*/done.json")), process)
            own.cluster.head_node.kill_gcs_server(check_alive=False)
            gone = time.monotonic()
            said, _ = process.communicate(timeout=60)
            took = time.monotonic() - gone
            assert process.returncode == 1, said
            assert f"error: the Ray cluster at {own.address} does not answer any more" in said
            assert "nothing that was finished is lost, and the same command goes on" in said
            assert "Traceback" not in said
            assert took < 45
            assert ends(process)
    finally:
        own.cluster.shutdown()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("done.json")}
    assert len(before) == 2
    study.write_text(LONG.replace("400", "3"))
    done = subprocess.run(
        [*COMMAND, str(study), "--train-size", "60", "--out", str(tmp_path / "out")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "2 of 4 jobs were done before" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_study_keeps_its_state_and_says_how_to_go_on(
    signum: int, code: int, study: Path, tmp_path: Path
) -> None:
    """On a Ray of one's own, which hears of no signal to the group."""
    jobs = tmp_path / "out" / "study" / "jobs"
    with started(study, tmp_path / "out", "--cluster", "local", "--jobs", "2") as process:
        until(lambda: list(jobs.glob("long-*/job.json")), process)
        time.sleep(2)
        kill_group(process, signum)
        said, _ = process.communicate(timeout=90)
        assert process.returncode == code, said
        assert f"stopped by {signal.Signals(signum).name}; nothing that was finished is" in said
        assert "FAILED" not in said
        assert ends(process)
    (kept,) = jobs.glob("long-*/checkpoints/*.json")
    assert read_record(kept)["update"] > 0
