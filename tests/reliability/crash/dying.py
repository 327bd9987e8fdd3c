"""A worker dies in the middle of a study: killed, or for want of memory.

    python tests/reliability/crash/dying.py killed|memory

Its job fails with the cause, those beside it finish, those that need it are blocked; the next start
does only what is missing, from where that was, and ends at the bits of an undisturbed run.
"""

import importlib
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
from pathlib import Path

# Found beside this file, which is run as a script.
import often
from small import Watching, content, sealed, some_digits

import tacit.training.checkpoint
from tacit.files import read_record
from tacit.studies.description.reading import parse
from tacit.studies.execution.executors.processes import Processes
from tacit.studies.provenance import Told
from tacit.studies.study import Ended, prepared, run_study

STUDY = """
title: One that dies
defaults: {latent_dim: 4, epochs: 2, batch_size: 20}
runs:
  beside: {learn: classifier}
  dying: {learn: vae, epochs: 10}
  after: {learn: autoencoder, encoder: {from: beside}}
  needs-it: {learn: autoencoder, decoder: {from: dying}}
questions:
  - classifier: {run: beside}
  - generation: {run: dying}
"""
CAUSES = {
    "killed": "its process was killed (SIGKILL), perhaps because the machine had no memory left; ",
    "memory": "no memory was left (",
}


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)  # from outside, another process may be too late


def ask_for_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (2**40, 2**40))
    bytearray(2**41)


HOW = {"killed": kill, "memory": ask_for_memory}


def dies(self, update: int, loss: float, state, history, *, keep, how: str) -> None:
    """Ends a run of 30 updates at its tenth."""
    keep(self, update, loss, state, history)
    if update == 10 and self.folder.name.startswith("dying"):
        HOW[how]()


def run(folder: Path, watching: Watching, at_once: int) -> Ended:
    study, questions = parse(STUDY, "dying")
    task = prepared("dying", study, questions, some_digits(), folder)
    return run_study(task, Told("tacit run dying"), watching, Processes(at_once))


def main(how: str) -> None:
    # Nothing has been computed in this process, so that workers can be forked from it.
    get_context = multiprocessing.get_context
    multiprocessing.get_context = lambda method=None: get_context("fork")  # type: ignore[assignment]
    importlib.import_module("tacit.studies.execution.warm")
    checkpointer = tacit.training.checkpoint.FolderCheckpointer
    keep = checkpointer.after_update
    often.checkpoints(-1.0)
    checkpointer.after_update = lambda *args: dies(*args, keep=keep, how=how)  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as place:
        whole, folder = Path(place, "whole"), Path(place, "dying")
        watching = Watching()
        ended = run(folder, watching, at_once=2)
        assert not ended.whole
        (cause,) = ended.outcome.failed.values()
        assert cause.startswith(CAUSES[how]), cause
        assert cause.endswith("fewer --jobs at once need less"), cause
        assert watching.causes == [f"dying (seed 0): {cause}"]
        assert set(ended.outcome.blocked.values()) == {"dying (seed 0)"}
        assert len(ended.outcome.blocked) == 2
        done = {path.split("-s0")[0] for path in sealed(folder)}
        assert done == {"jobs/beside", "jobs/after", "measurements/classifier"}, done
        assert [finding.question for finding in ended.findings] == ["classifier"]
        page = ended.report.read_text()
        assert "needs dying (seed 0)" in page
        assert cause in page
        (failure,) = folder.glob("jobs/dying-*/failure.txt")
        assert failure.read_text()
        before = sealed(folder)
        newest = max(
            read_record(path)["update"] for path in folder.glob("jobs/dying-*/checkpoints/*.json")
        )
        assert newest == 10
        checkpointer.after_update = keep  # type: ignore[method-assign]
        watching = Watching()
        started = []
        watching.started = lambda job: started.append(job.name)  # type: ignore[method-assign]
        first = []
        watching.progressed = (  # type: ignore[method-assign]
            lambda job, update, updates, loss: first.append((job.name, update))
        )
        assert run(folder, watching, at_once=2).whole
        assert sorted(started) == ["dying", "generation", "needs-it"]
        assert dict(reversed(first))["dying"] > newest
        after = sealed(folder)
        assert {path: after[path] for path in before} == before
        assert run(whole, Watching(), at_once=1).whole
        assert content(folder) == content(whole)
    print("cause told, siblings finished, dependants blocked; then only what was missing was done")


if __name__ == "__main__":
    main(sys.argv[1])
