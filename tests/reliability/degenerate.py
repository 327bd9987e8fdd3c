"""Image sets with nothing to learn, studies cut down, and a check of what they leave.

Jobs run in this process: what is tested is what they compute, not how they are handed out.
"""

import json
import re
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from tacit.images import shared as shared_images
from tacit.images.sources import open_images
from tacit.questions.base import Question
from tacit.streams import numpy_stream
from tacit.studies import study as studies
from tacit.studies.description.named import study_text
from tacit.studies.description.reading import parse
from tacit.studies.description.spec import Study
from tacit.studies.execution import work
from tacit.studies.execution.executors.processes import Processes
from tacit.studies.execution.runner import Outcome
from tacit.studies.provenance import Told
from tacit.studies.study import Ended, prepared, run_study

SIDE = 8
Arrays = Mapping[str, NDArray[np.generic]]


def noise(n: int, *name: str, side: int = SIDE) -> NDArray[np.uint8]:
    return numpy_stream(0, "degenerate", *name).integers(0, 256, (n, side, side), dtype=np.uint8)


def _flat(value: int) -> Arrays:
    """Images of one colour; of equal pictures none has another label."""
    return {
        "x": np.full((12, SIDE, SIDE), value, np.uint8),
        "x_test": np.full((6, SIDE, SIDE), value, np.uint8),
    }


def _copies() -> Arrays:
    """Of each of three classes one picture, over and over, in training and test."""
    x, y, y_test = noise(3, "same"), np.arange(12) % 3, np.arange(6) % 3
    return {"x": x[y], "y": y, "x_test": x[y_test], "y_test": y_test}


def _labelled(y: NDArray[np.int64], y_test: NDArray[np.int64], side: int = SIDE) -> Arrays:
    x, x_test = noise(len(y), "train", side=side), noise(len(y_test), "test", side=side)
    return {"x": x, "y": y, "x_test": x_test, "y_test": y_test}


SETS: Mapping[str, Callable[[], Arrays]] = {
    "black": lambda: _flat(0),
    "white": lambda: _flat(255),
    "copies": _copies,
    "one class": lambda: _labelled(np.zeros(12, np.int64), np.zeros(6, np.int64)),
    "one image": lambda: _labelled(np.zeros(1, np.int64), np.zeros(1, np.int64)),
    "one image each": lambda: _labelled(np.arange(2), np.arange(2)),
    "a class without test images": lambda: _labelled(np.arange(12) % 3, np.arange(6) % 2),
    "a class without training images": lambda: _labelled(np.arange(12) % 2, np.arange(6) % 3),
    "a class of its own for each": lambda: _labelled(np.arange(12), np.arange(12)),
    "one label": lambda: _labelled(np.array([0] + [-1] * 11), np.array([0, -1, -1])),
    "tests without a label": lambda: _labelled(np.arange(12) % 3, np.full(6, -1)),
    "training without a label": lambda: _labelled(np.full(12, -1), np.arange(6) % 3),
    "no labels": lambda: {"x": noise(12, "train"), "x_test": noise(6, "test")},
    "a pixel": lambda: _labelled(np.arange(12) % 3, np.arange(6) % 3, side=1),
    "one test image": lambda: _labelled(np.arange(12) % 3, np.zeros(1, np.int64)),
    "one training image": lambda: _labelled(np.zeros(1, np.int64), np.zeros(12, np.int64)),
}


SMALLER = {
    "samples": 20,
    "refined": 4,
    "refine_images": 4,
    "refine_steps": 3,
    "images": 20,
    "annealed_images": 2,
    "distributions": (4, 8),
    "long_images": 0,
    "resampled_images": 4,
    "simulated_images": 2,
    "components": 2,
    "budgets": (1, 2),
    "draws": 2,
}


def cut_down(name: str, epochs: int = 2, seeds: tuple[int, ...] = (0,)) -> tuple[Study, list]:
    """A built-in study with tiny runs and questions that sample little."""
    study, questions = parse(study_text(name)[1], name)
    runs = {
        run_name: run.model_copy(
            update={
                "epochs": epochs,
                "updates": 0,
                "phases": run.phases[:1],
                "latent_dim": min(run.latent_dim, 8),
                "train": run.train
                and run.train.model_copy(update={"draws": min(2, run.train.draws)}),
            }
        )
        for run_name, run in study.runs.items()
    }
    return study.model_copy(update={"runs": runs, "seeds": seeds}), [
        smaller(question) for question in questions
    ]


def smaller(question: Question) -> Question:
    """The question asked with as few samples as its rules allow."""
    fields = type(question).model_fields
    update = {}
    for key, value in SMALLER.items():
        if key in fields:
            at_least = [m.ge for m in fields[key].metadata if hasattr(m, "ge")]
            update[key] = max([value, *at_least]) if isinstance(value, int) else value
    return question.model_copy(update=update)


class Quiet:
    """Watches without a word."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args: None


def run_here(
    name: str, study: Study, questions: list, arrays: Arrays, place: Path, monkeypatch
) -> Ended:
    """Run a study on arrays, jobs one after another in this process."""
    path = place / "images.npz"
    np.savez(path, **arrays)
    opened = open_images(str(path))
    monkeypatch.setattr(studies, "run_jobs", jobs_here)
    task = prepared(name, study, questions, opened, place / name)
    return run_study(task, Told(f"tacit run {name}"), Quiet(), Processes(1))


def jobs_here(jobs, out: Path, **options: object) -> Outcome:
    """What `runner.run_jobs` does, without processes."""
    from dataclasses import asdict

    outcome = Outcome()
    images = shared_images.read_images(out / "images")
    for job in jobs:
        if missing := [need for need in job.needs if need not in outcome.done]:
            outcome.blocked[job.id] = missing[0]
            continue
        folder = out / job.folder
        folder.mkdir(parents=True, exist_ok=True)
        try:
            if job.kind == "train":
                work.train(
                    asdict(job), out, images, device="cpu", stop=lambda: False,
                    report=lambda *seen: None,
                )  # fmt: skip
            else:
                work.measure(asdict(job), out, images)
            outcome.done.add(job.id)
        except Exception as error:  # as a worker reports it
            outcome.failed[job.id] = f"{type(error).__name__}: {error}"
            (folder / "failure.txt").write_text(traceback.format_exc())
    return outcome


def blank(monkeypatch) -> None:
    """Let every run end with all its weights (and per-image codes) zero."""
    write_trained = work.write_trained

    def write_zeros(folder: Path, model, history) -> None:
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.zero_()
        write_trained(folder, model, history)

    monkeypatch.setattr(work, "write_trained", write_zeros)


NOT_NUMBERS = re.compile(r"(?<![\w-])[-−+]?(nan|inf|infinity)(?![\w-])", re.I)


def faults_of_results(folder: Path) -> list[str]:
    """What is wrong with results.json, the page and the tables that a study left in its folder."""
    errors = []
    text = (folder / "results.json").read_text(encoding="utf-8")
    errors += [f"results.json says {found[0]!r}" for found in NOT_NUMBERS.finditer(text)]
    for finding in json.loads(text)["findings"]:
        if not finding["answer"].strip():
            errors.append(f"{finding['question']}: no answer")
        for name, number in finding["numbers"].items():
            errors += [f"{finding['question']}, {name}: {error}" for error in _number(number)]
    for path in [folder / "report.html", *sorted((folder / "tables").glob("*.csv"))]:
        shown = path.read_text(encoding="utf-8")
        shown = re.sub(r"base64,[A-Za-z0-9+/=]*", "", shown)
        shown = re.sub(r"<script\b.*?</script>", "", shown, flags=re.S)  # code, which nobody reads
        for found in NOT_NUMBERS.finditer(shown):
            around = shown[max(0, found.start() - 60) : found.end() + 20]
            errors.append(f"{path.name} says {around!r}")
    return errors


def _number(number: dict) -> list[str]:
    value, low, high, interval = (number[key] for key in ("value", "low", "high", "interval"))
    errors = []
    if (low is None) != (high is None):
        errors.append(f"only one end of its interval, {low} and {high}")
    if low is not None and not low < high:
        errors.append(f"an interval of no width, {low} to {high}")
    if low is not None and value is not None and not low <= value <= high:
        errors.append(f"{value} outside of {low} to {high}")
    if value is None and not re.fullmatch(r"undefined: .{8,}", interval, re.S):
        errors.append(f"no value, and no reason but {interval!r}")
    if low is None and (not interval or re.match(r"95 % .* over ", interval)):
        errors.append(f"no interval, and it is said to be {interval!r}")
    return errors
