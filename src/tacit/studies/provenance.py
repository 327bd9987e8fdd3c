"""How a study was done, for the last part of its page."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from tacit.encoders.base import About
from tacit.encoders.making import seconds_for
from tacit.images.dataset import Images
from tacit.images.opened import Opened
from tacit.measures.unfinished import StillFalling
from tacit.models.architecture import layers_of
from tacit.models.config import GaussianTable, PerImageTable, build
from tacit.models.models import Model
from tacit.models.networks import Shape
from tacit.questions.verdicts import alert, enough
from tacit.report.explorer import Size
from tacit.report.provenance import (
    ImagesUsed,
    JobDone,
    LayerUsed,
    LeftOut,
    Provenance,
    RunUsed,
    SettingUsed,
    StillTraining,
)
from tacit.studies.description.settings import model_config, schedule_of
from tacit.studies.description.spec import Run, Study
from tacit.studies.execution.executors.base import Executor
from tacit.studies.execution.plan import Job, Plan
from tacit.studies.execution.runner import Outcome
from tacit.training.objectives import ObjectiveTable
from tacit.training.run_folder import times_of

PACKAGES = ("tacit", "torch", "numpy", "scipy", "scikit-learn", "pillow", "matplotlib")
FROM_COMMAND, FROM_STUDY, FROM_DEFAULT = "the command line", "the study's file", "tacit's default"


@dataclass(frozen=True)
class Told:
    """What the command line said.

    Attributes:
        command: the command that makes the study again.
        settings: the settings it changed, with their values.
        explorer: which explorer the page gets.
    """

    command: str
    settings: Mapping[str, str] = field(default_factory=dict)
    explorer: Size = "small"


def provenance(
    name: str,
    study: Study,
    planned: Plan,
    outcome: Outcome,
    unanswered: Mapping[str, str],
    opened: Opened,
    sha256: str,
    folder: Path,
    told: Told,
    executor: Executor[Any],
    encoders: Mapping[str, About] = MappingProxyType({}),
    unfinished: Mapping[str, StillFalling] = MappingProxyType({}),
) -> Provenance:
    """Everything about the study that is no finding."""
    trained = {job.name for job in planned.jobs if job.kind == "train"}
    seconds = _mean_seconds(planned, folder)
    return Provenance(
        study=name,
        title=study.title,
        expects=study.expect,
        images=ImagesUsed(
            source=opened.origin.name,
            sha256=sha256,
            train=len(opened.train),
            test=len(opened.test),
            shape=opened.train.shape,
            classes=opened.train.n_classes,
            licence=opened.origin.licence,
            citation=opened.origin.citation,
            notes=(*opened.notes, *_small_classes(study, opened.train)),
            how_read=opened.how_read,
        ),
        command=told.command,
        seeds=study.seeds,
        draws=max(
            [
                *(run.draws for run in study.runs.values() if run.train),
                *(question.label_draws for question in planned.questions.values()),
            ],
            default=0,
        ),
        settings=_settings(study, told),
        runs=(
            *(
                _run_used(run_name, run, study, opened, encoders, seconds.get(run_name))
                for run_name, run in study.runs.items()
                if run_name in trained
            ),
            *(
                _encoder_used(about, len(opened.train) + len(opened.test))
                for about in encoders.values()
            ),
        ),
        jobs=(
            *(_job_done(job, outcome, folder) for job in planned.jobs),
            *(JobDone(name, "failed", cause=cause) for name, cause in unanswered.items()),
        ),
        versions=(("python", platform.python_version()), *((p, version(p)) for p in PACKAGES)),
        machine=_machine(executor),
        warnings=tuple(outcome.noticed),
        left_out=tuple(LeftOut(*reason.split(": ", 1)) for reason in planned.left_out),
        unfinished=tuple(
            StillTraining(run, still.share, enough(still), alert(run, still))
            for run, still in unfinished.items()
        ),
    )


def _small_classes(study: Study, train: Images) -> tuple[str, ...]:
    """What few-label runs learn from where classes have fewer images than they ask for."""
    asked = max((run.train.per_class for run in study.runs.values() if run.train), default=0)
    counts = dict(zip(train.class_names, train.class_counts.tolist(), strict=True))
    small = [f"{name} ({count:,})" for name, count in counts.items() if count < asked]
    if not small:
        return ()
    return (
        f"Fewer than {asked:,} training images, of which few-label runs learn from all: "
        f"{', '.join(small)}.",
    )


def _settings(study: Study, told: Told) -> tuple[SettingUsed, ...]:
    settings = [SettingUsed(key, value, FROM_COMMAND) for key, value in told.settings.items()]
    for path, origin in study.origins.items():
        if path in told.settings or (path in Run.model_fields and not study.runs):
            continue
        source, _, why = origin.partition(": ")
        settings.append(SettingUsed(path, _value_at(study, path), source, why))
    return tuple(settings)


def _value_at(study: Study, path: str) -> str:
    """The value of a setting named in `origins`: of the study, of one run, or of all runs."""
    if path.startswith("runs."):
        run = study.runs.get(path.removeprefix("runs."))
        return "" if run is None else _differences(run)
    if path in Run.model_fields:
        values = list(dict.fromkeys(_shown(getattr(run, path)) for run in study.runs.values()))
        return values[0] if len(values) == 1 else f"{values[0]} (some runs differ)"
    return _shown(getattr(study, path, ""))


def _differences(run: Run) -> str:
    given = run.model_dump(exclude_defaults=True, by_alias=True)
    for key, value in given.items():
        kind = getattr(getattr(run, key, None), "kind", None)
        if kind is not None:  # said even where it is the default
            given[key] = {"kind": kind, **value}
    return ", ".join(f"{key}: {_shown(value)}" for key, value in given.items())


def _shown(value: object) -> str:
    if hasattr(value, "model_dump"):
        value = value.model_dump(by_alias=True)
    if isinstance(value, Mapping):
        return ", ".join(
            str(entry) if key == "kind" else f"{key} {'none' if entry is None else _shown(entry)}"
            for key, entry in value.items()
            if entry is not None or key == "hidden"  # which says that there is no such layer
        )
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(str(entry) for entry in value)
    return str(value)


def _mean_seconds(planned: Plan, folder: Path) -> dict[str, float]:
    """How long a run took, by its name: the mean over the seeds and draws that are done."""
    found: dict[str, list[float]] = {}
    for job in planned.jobs:
        if job.kind == "train" and "seconds" in (times := times_of(folder / job.folder)):
            found.setdefault(job.name, []).append(times["seconds"])
    return {name: float(np.mean(each)) for name, each in found.items()}


def _encoder_used(about: About, n_pictures: int) -> RunUsed:
    """An encoder from elsewhere, in the table of the runs."""
    reads = "" if about.recipe is None else f", reads {about.recipe}"
    return RunUsed(
        name=about.name,
        learns=f"nothing here: {about.what}, frozen, {about.n_features:,} features{reads}",
        parts=f"licence: {about.licence}; SHA-256 {about.sha256}",
        trained=f"elsewhere; training set: {about.trained_on}",
        seconds=None if about.recipe is None else seconds_for(about, n_pictures),
    )


def _run_used(
    name: str,
    run: Run,
    study: Study,
    opened: Opened,
    encoders: Mapping[str, About],
    seconds: float | None,
) -> RunUsed:
    config = model_config(run, opened, encoders)
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        model = build(config)
    n_images = len(opened.train)
    if run.train is not None:
        n_images = int(np.minimum(opened.train.class_counts, run.train.per_class).sum())
    schedule = schedule_of(run, n_images, study.snapshots, keep=False)
    trained = (
        f"{n_images:,} images, {schedule.updates:,} updates of {min(run.batch_size, n_images)}"
    )
    if run.train is None:
        trained += f" ({schedule.epoch_of(schedule.updates):.0f} epochs)"
    else:
        trained += f", {run.draws} draw{'s' if run.draws > 1 else ''}"
    learns = {
        "vae": "VAE, one encoder for all images",
        "autoencoder": "autoencoder, squared error",
        "classifier": "classifier, cross-entropy",
        "contrastive": f"contrastive, {run.objective.kind} on views",
    }[run.learn]
    if isinstance(run.posterior, PerImageTable):
        visits = run.posterior.updates
        learns = f"VAE, codes per image ({visits} update{'s' if visits > 1 else ''} a visit)"
    taken = [
        f"{part.part} from {part.source}{', frozen' if part.frozen else ', fine-tuned'}"
        for part in run.taken
    ]
    elsewhere = (
        []
        if run.pretrained is None
        else [
            f"encoder {encoders[run.pretrained].name}, "
            + ("frozen" if run.reads_features else "which learned on")
        ]
    )
    is_vae = run.learn == "vae"
    sigma = run.likelihood.sigma if is_vae and isinstance(run.likelihood, GaussianTable) else None
    return RunUsed(
        name=name,
        learns=f"{learns}, {config.network.kind} network, code of {config.latent_dim:,}",
        parts="; ".join([*elsewhere, *taken]),
        trained=trained,
        beta=run.objective.beta if isinstance(run.objective, ObjectiveTable) and is_vae else None,
        sigma=sigma,
        parameters=sum(p.numel() for p in model.parameters()),
        seconds=seconds,
        layers=tuple(_layers_used(model, config.shape)),
    )


def _layers_used(model: Model, shape: Shape) -> list[LayerUsed]:
    """The layers of a model on the meta device, each with what follows it without weights."""
    used: list[LayerUsed] = []
    # What is in its weights does not matter, and memory that nobody writes to costs nothing.
    for layer in layers_of(model.to_empty(device="cpu"), shape):
        last = used[-1] if used else None
        if layer.parameters or last is None or layer.part != last.part:
            used.append(LayerUsed(*layer))
        elif layer.what not in ("flatten", "reshape", "as it is"):
            used[-1] = replace(last, what=f"{last.what}, {layer.what}", shape=layer.shape)
    return [layer for layer in used if layer.parameters]


def _job_done(job: Job, outcome: Outcome, folder: Path) -> JobDone:
    if job.id in outcome.failed:
        return JobDone(job.label, "failed", cause=outcome.failed[job.id])
    if job.id in outcome.blocked:
        return JobDone(job.label, "blocked", cause=f"needs {outcome.blocked[job.id]}")
    times = times_of(folder / job.folder)
    return JobDone(
        job.label,
        "reused" if job.id in outcome.reused else "done",
        seconds=times.get("seconds"),
        images_per_second=times.get("images_per_second"),
        where=times.get("where", ""),
    )


def _machine(executor: Executor[Any]) -> str:
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                processor = line.partition(":")[2].strip()
                break
    system = f"{platform.system()} {platform.machine()}"
    return f"{processor}, {os.cpu_count()} cores, {executor.words}, {system}"
