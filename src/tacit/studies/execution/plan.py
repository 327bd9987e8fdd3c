"""From a study to its jobs: plain data, each named by its content."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch

from tacit.encoders.base import About
from tacit.images.dataset import UNLABELLED, Split
from tacit.models.config import build
from tacit.questions.base import Question
from tacit.studies.description.graph import downstream_of, in_order
from tacit.studies.description.settings import learned_from, model_config, schedule_of
from tacit.studies.description.spec import Run, Study
from tacit.studies.execution.job import Job
from tacit.training.ranks import RanksError
from tacit.training.ranks.ranks import fit_together
from tacit.training.schedule import Schedule
from tacit.training.viewed import called

CODE_VERSION = 6
"""Raised whenever the code gives other results for the same study."""

MEASURED_VERSION = 5
"""Raised whenever questions alone measure something else, so that trained runs are kept."""

MAX_JOBS = 20_000
"""More are surely a slip in `seeds` or `draws`, and listing them would already take minutes."""


@dataclass(frozen=True)
class Plan:
    """The jobs of a study, and what was left out of it and why."""

    jobs: tuple[Job, ...]
    questions: Mapping[str, Question]
    left_out: tuple[str, ...]


def content_id(*parts: Any) -> str:
    """A hash of plain data."""
    text = json.dumps(parts, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def question_ids(questions: Sequence[Question]) -> dict[str, Question]:
    """Questions by an id of their own: the name, numbered from the second of a name on."""
    named: dict[str, Question] = {}
    for question in questions:
        same = sum(other.name == question.name for other in named.values())
        named[question.name + (f"-{same + 1}" if same else "")] = question
    return named


def plan(
    study: Study,
    questions: Sequence[Question],
    images: Split,
    encoders: Mapping[str, About] = MappingProxyType({}),
) -> Plan:
    """The jobs of a study on these images, each after those it needs.

    Where training or test images have no labels, what needs labels is left out, with all that
    depends on it.

    Raises:
        ValueError: if more labels are asked for than a class has, if a network cannot read images
            of this shape, or if there would be more than `MAX_JOBS` jobs.
    """
    runs, left_out = _trainable(study, images)
    n_jobs = len(study.seeds) * sum(run.draws for run in runs.values())
    if n_jobs > MAX_JOBS:
        raise ValueError(
            f"{len(study.seeds):,} seeds and the draws of {len(runs):,} runs make {n_jobs:,} jobs; "
            f"a study has at most {MAX_JOBS:,}"
        )
    _check_networks(runs, images, encoders)
    named = question_ids(questions)
    kept = {}
    for name, question in named.items():
        missing = sorted(set(question.needs()) - runs.keys())
        reduced = _without(question, missing)
        if reduced is None:
            left_out.append(f"question '{name}': needs {', '.join(missing)}")
            continue
        question = reduced
        if missing:
            left_out.append(f"part of question '{name}': needs {', '.join(missing)}")
        if question.needs_labels and (unlabelled := _without_labels(images)):
            left_out.append(f"question '{name}': needs labels, and {unlabelled} have none")
        else:
            question.check(images.train, images.test)
            kept[name] = question
    jobs: dict[tuple[str, int, int], Job] = {}
    for seed in study.seeds:
        for name in in_order(runs):
            for draw in range(runs[name].draws):
                jobs[name, seed, draw] = _train_job(
                    study, name, seed, draw, images, jobs, runs, encoders
                )
    measures = [
        _measure_job(name, label, part, seed, images, jobs, runs, encoders)
        for seed in study.seeds
        for name, question in kept.items()
        for label, part in question.parts().items()
    ]
    return Plan((*jobs.values(), *measures), kept, tuple(left_out))


def _without(question: Question, missing: Sequence[str]) -> Question | None:
    """The question without the runs that are missing, if it can be asked without them."""
    reduced: Question | None = question
    for run in missing:
        reduced = None if reduced is None else reduced.without(run)
    return reduced


def _check_networks(runs: Mapping[str, Run], images: Split, encoders: Mapping[str, About]) -> None:
    """See that every run's networks can be built for these images; nothing is allocated."""
    for name, run in runs.items():
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            try:
                build(model_config(run, images, encoders))
            except ValueError as error:
                raise ValueError(f"run '{name}': {error}") from None


def _without_labels(images: Split) -> str:
    """Which images have no labels: "the images", one side of the split, or "" where both have."""
    sides = [
        name
        for name, part in zip(images._fields, images, strict=True)
        if part.labels is None or not (part.labels != UNLABELLED).any()
    ]
    if len(sides) == 2:
        return "the images"
    return {"train": "the training images", "test": "the test images"}[sides[0]] if sides else ""


def _trainable(study: Study, images: Split) -> tuple[dict[str, Run], list[str]]:
    unlabelled = _without_labels(images)
    if not unlabelled:
        return dict(study.runs), []
    needs_labels = {name for name, run in study.runs.items() if run.reads_class_labels}
    gone = downstream_of(study.runs, needs_labels)
    runs = {name: run for name, run in study.runs.items() if name not in gone}
    reasons = []
    for name in study.runs:
        if name in needs_labels:
            reasons.append(f"run '{name}': {unlabelled} have no labels")
        elif name in gone:
            reasons.append(f"run '{name}': takes a part from a run that needs labels")
    return runs, reasons


def _train_job(
    study: Study,
    name: str,
    seed: int,
    draw: int,
    images: Split,
    jobs: Mapping[tuple[str, int, int], Job],
    runs: Mapping[str, Run],
    encoders: Mapping[str, About],
) -> Job:
    run = runs[name]
    index = learned_from(run, draw, images.train)
    n_images = len(images.train) if index is None else len(index)
    config = model_config(run, images, encoders)
    schedule = schedule_of(run, n_images, study.snapshots, keep=draw == 0)
    check_ranks(name, run, schedule)
    upstream = [
        (part, jobs[part.source, seed, min(draw, runs[part.source].draws - 1)])
        for part in run.taken
    ]
    taken = [
        {"job": job.id, "folder": job.folder, "part": part.part, "frozen": part.frozen}
        for part, job in upstream
    ]
    spec = {
        "config": config.model_dump(mode="json"),
        "objective": run.objective.model_dump(mode="json"),
        "output_bias": run.output_bias,
        "schedule": schedule.to_json(),
        "threads": run.threads,
        "train_index": None if index is None else index.tolist(),
        "taken": [{key: value for key, value in t.items() if key != "folder"} for t in taken],
    }
    begun = None
    if run.pretrained is not None and not run.reads_features:
        about = encoders[run.pretrained]
        begun = {"source": run.pretrained, "key": about.key, "words": about.words}
        spec["begun"] = about.key
    data = [images.train.sha256, images.test.sha256]
    job_id = content_id("train", CODE_VERSION, spec, seed, data)
    work = schedule.updates * min(schedule.batch_size, n_images) * math.prod(config.shape)
    return Job(
        id=job_id,
        kind="train",
        name=name,
        seed=seed,
        draw=draw,
        folder=f"jobs/{name}-s{seed}-d{draw}-{job_id[:8]}",
        needs=tuple(job.id for _, job in upstream),
        task={
            **spec,
            "taken": taken,
            "begun": begun,
            "few": run.train is not None,
            "ranks": run.ranks,
        },
        weight=work * (1 + (config.learn != "classifier") + 2 * (schedule.row_updates - 1)),
    )


def check_ranks(name: str, run: Run, schedule: Schedule) -> None:
    """See that a batch has images for all ranks of a run.

    Raises:
        ValueError: it does not.
    """
    try:
        fit_together(run.ranks, schedule)
    except RanksError as error:
        raise ValueError(f"run '{name}': {error}") from None


def _replaced(data: Any, names: Mapping[str, str]) -> Any:
    """Plain data with some of its texts replaced: a path by the hash of what lies there."""
    if isinstance(data, dict):
        return {key: _replaced(value, names) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_replaced(value, names) for value in data]
    return names.get(data, data) if isinstance(data, str) else data


def _measure_job(
    name: str,
    part: str,
    question: Question,
    seed: int,
    images: Split,
    jobs: Mapping[tuple[str, int, int], Job],
    runs: Mapping[str, Run],
    encoders: Mapping[str, About],
) -> Job:
    looked_at = {
        run: [jobs[run, seed, draw] for draw in range(runs[run].draws)] for run in question.needs()
    }
    needs = [job.id for draws in looked_at.values() for job in draws]
    arguments = question.model_dump(mode="json")
    views = [called(*each) for each in question.viewed().items()]
    features = {source: encoders[source].key for source in (*question.encoders(), *views)}
    by_content = _replaced(arguments, {**features, **question.contents()})
    data = [images.train.sha256, images.test.sha256]
    job_id = content_id(
        "measure", CODE_VERSION, MEASURED_VERSION, question.name, by_content, seed, needs, data
    )
    return Job(
        id=job_id,
        kind="measure",
        name=name,
        seed=seed,
        draw=0,
        folder=f"measurements/{name}-s{seed}-{job_id[:8]}",
        needs=tuple(needs),
        task={
            "question": question.name,
            "part": part,
            "arguments": arguments,
            "features": features,
            "shape": images.train.shape,
            "runs": {run: [job.folder for job in draws] for run, draws in looked_at.items()},
            "threads": 1,
        },
        weight=question.work(len(images.train)) * math.prod(images.train.shape),
    )
