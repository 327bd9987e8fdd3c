"""``tacit learn``, step by step: learn, compare, choose, predict, ask, save, show."""

import shlex
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from tacit.commands.learn.files import Files
from tacit.commands.learn.model import (
    NETWORK,
    Weights,
    calibrated,
    config_of,
    config_on_features,
    with_blank,
)
from tacit.commands.learn.page import asking
from tacit.commands.learn.pool import Pool, read_pool
from tacit.commands.learn.study import NAME, Asked, study_of
from tacit.commands.learn.table import Given, read_labels
from tacit.commands.options import CommandError
from tacit.encoders.base import Encoder
from tacit.encoders.laid import read_laid
from tacit.figures.sink import Figures
from tacit.images.dataset import Images
from tacit.labels.acquisition import ask_next
from tacit.labels.propagation.graph import neighbour_graph
from tacit.labels.representations import learned, principal_components
from tacit.measures.formatting import percent, show
from tacit.models.config import ModelConfig
from tacit.questions.base import Measurement
from tacit.questions.labels_within.numbers import Judged
from tacit.questions.labels_within.question import LabelsWithin
from tacit.questions.labels_within.words import held_out, left
from tacit.report.page import FIGURES, write_report
from tacit.report.results import read_records, write_records
from tacit.saved.about import About, Data, Elsewhere
from tacit.saved.elsewhere import described, learned_on
from tacit.saved.folder import Saved, forget, save
from tacit.saved.form import Form
from tacit.studies.command import perform as run_prepared
from tacit.studies.execution.executors.opening import device_here, opened
from tacit.studies.execution.holding import held
from tacit.studies.execution.plan import Job
from tacit.studies.execution.work import read_measurement
from tacit.studies.options import out_of_range
from tacit.studies.provenance import Told
from tacit.studies.study import Ended, Prepared, prepared
from tacit.training.run_folder import SavedRun


@dataclass(frozen=True)
class Prompted:
    """Everything checked: images, labels and study fit together, and the folder can be written."""

    asked: Asked
    pool: Pool
    given: Given
    prepared: Prepared
    question: LabelsWithin

    @property
    def files(self) -> Files:
        return Files(self.asked.out)

    @cached_property
    def judged(self) -> Judged:
        """What the finished jobs say."""
        measured = Measurement()
        for job in self._jobs("measure"):
            measured = measured.joined(read_measurement(self.asked.out / job.folder))
        return self.question.judged({self.asked.options.seed: measured})

    def run(self, name: str) -> SavedRun:
        """A finished run."""
        (job,) = (job for job in self._jobs("train") if job.name == name)
        return SavedRun(self.asked.out / job.folder)

    def _jobs(self, kind: str) -> list[Job]:
        return [job for job in self.prepared.plan.jobs if job.kind == kind]


@dataclass(frozen=True)
class Done:
    """What the command tells at its end; `judged` is None where jobs failed.

    `asks`: whether there is an image to label next.
    """

    ended: Ended
    files: Files
    judged: Judged | None
    asks: bool = False


def prompted(asked: Asked, console: Console) -> Prompted:
    """Read the images and labels, and check all of it before anything is written.

    Raises:
        CommandError, ImagesError, FolderError, StudyError: what cannot be used, and why.
    """
    options = asked.options
    device, unfit = device_here(asked.how)
    for error in (*out_of_range(options, asked.how), *unfit):
        raise CommandError(error)
    Files(asked.out).check()
    pool = read_pool(asked.source, options, console)
    given = read_labels(options.labels, pool)
    study, question = study_of(asked, pool, given)
    opened = replace(pool.opened, notes=[*pool.opened.notes, *given.notes])
    task = prepared(NAME, study, [question], opened, asked.out, asked.how, device)
    return Prompted(asked, replace(pool, opened=opened), given, task, question)


def perform(task: Prompted, console: Console) -> Done:
    """Do all of it, or go on where it stopped.

    Raises:
        FolderError, stopping.Interrupted, NotWritten: as `tacit.studies.study.run_study`.
    """
    asked, files = task.asked, task.files
    again = shlex.join(asked.command())
    told = Told(again, asked.options.chosen(), asked.how.explorer)
    with opened(asked.how, task.prepared.device) as executor:
        ended = run_prepared(task.prepared, told, console, executor)
    if not ended.whole:
        return Done(ended, files, None)
    with held(asked.out):
        asks = conclude(task)
    return Done(ended, files, task.judged, asks)


def conclude(task: Prompted) -> bool:
    """Predictions, what to label next, the model and the page, from the finished jobs.

    Returns:
        Whether there is an image to label next.
    """
    judged, pool = task.judged, task.pool
    probabilities = judged.probabilities
    rows, settles = ask_next(
        neighbour_graph(codes_for_graph(task)),
        probabilities,
        judged.labelled,
        task.asked.options.ask,
        copies=np.unique(pool.contents, return_inverse=True)[1],
    )
    save_model(task)
    write_predictions(task, probabilities)
    write_next(task, probabilities, rows, settles)
    figures = task.asked.out / FIGURES
    (figures / "next-labels.png").unlink(missing_ok=True)
    record, findings = read_records(task.asked.out)
    mine = asking(judged, probabilities, rows, pool, Figures(figures))
    shown = replace(record, cover=mine.figures[0].name if mine.figures else "")
    write_records(task.asked.out, shown, (*findings, mine))
    write_report(task.asked.out)
    return len(rows) > 0


def codes_for_graph(task: Prompted) -> NDArray[np.float32]:
    """Codes of all images: those of the recommended pair, or the nearest to it that there are."""
    nothing = Images(task.pool.images.pixels[:0])
    order = [task.judged.winner, *task.judged.candidates]
    first = next((pair for pair in order if pair.run or pair.encoder), None)
    if first is not None and first.encoder is not None:
        key = task.prepared.encoders[first.encoder].about.key
        return read_laid(task.asked.out / "images", key)[0]
    run = next((pair.run for pair in order if pair.run is not None), None)
    if run is None:
        return principal_components(task.pool.images, nothing, task.asked.options.seed).pool
    return learned(task.run(run).model(), task.pool.images, nothing, task.asked.options.seed).pool


def save_model(task: Prompted) -> None:
    """The recommended classifier as a model folder, its temperature in its head."""
    winner = task.judged.winner
    weights = _of_part(task.judged.measured.arrays, f"{winner.name}/model/")
    if not weights:
        forget(task.files.model)  # an earlier one is of other labels, or of another pair
        return
    if winner.encoder is None:
        network = None if winner.run is None else task.run(winner.run).config.network
        n_classes = len(task.judged.class_names)
        config = config_of(winner, task.pool.images.shape, n_classes, weights, network)
        save(task.files.model, _classifier(task, config, weights))
        return
    encoder, include = task.prepared.encoders[winner.encoder], task.asked.options.include_encoder
    with TemporaryDirectory() as scratch:
        if winner.trained_encoder is not None:
            # Its network has learned on: what it is now is in no other file.
            encoder, include = learned_on(encoder, _of_part(weights, NETWORK), Path(scratch)), True
        save(task.files.model, _on_features(task, encoder, weights, include))


def _of_part(weights: Weights, prefix: str) -> Weights:
    """The weights whose names begin so, by what follows."""
    return {n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)}


def _on_features(task: Prompted, encoder: Encoder, weights: Weights, include: bool) -> Saved:
    """The head on features of an encoder from elsewhere."""
    about = encoder.about
    given = about.recipe is None  # then nothing is there to include
    known = described(encoder, include=include and not given)
    if task.judged.winner.trained_encoder is not None:
        own = task.prepared.encoders[task.judged.winner.encoder or ""].about
        learned = f"{own.trained_on}; then on {len(task.judged.labelled.y):,} labelled pictures"
        known = known.model_copy(update={"trained_on": learned, "licence": own.licence})
    head = {name: array for name, array in weights.items() if name.startswith("head.")}
    shape = (
        task.pool.images.shape
        if about.recipe is None
        else (about.recipe.channels, *about.recipe.size)
    )
    config = config_on_features(about.key, shape, len(task.judged.class_names), head)
    files = encoder.files[0].parent if known.included else None
    return replace(_classifier(task, config, head, known), encoder=files)


def _classifier(
    task: Prompted, config: ModelConfig, weights: Weights, encoder: Elsewhere | None = None
) -> Saved:
    judged, images = task.judged, task.pool.images
    n_labels, temperature = len(judged.labelled.y), judged.temperature
    config = with_blank(config, temperature)
    about = About(
        model=config,
        classes=tuple(judged.class_names),
        encoder=encoder,
        data=Data(
            source=f"{images.source}, of which {n_labels:,} have labels",
            n=len(images),
            sha256=images.sha256,
        ),
        training={
            "method": judged.winner.words,
            "labels": n_labels,
            "seed": task.asked.options.seed,
            "temperature": "none: no label could be held out"
            if temperature.value is None
            else round(temperature.value, 6),
            "answers that tell nothing": round(temperature.blank, 6),
            "right of the labels that were held out": "none could be"
            if judged.choice is None
            else f"{show(judged.choice.accuracy(judged.winner.name))} of {judged.choice.n}, "
            f"{held_out(judged)}, told from the {left(judged)} others",
            "confidence in them": "none could be"
            if judged.choice is None
            else f"{percent(judged.confidence)} on average",
        },
    )
    return Saved(calibrated(config, weights, temperature), Form("nchw", config.shape), about)


def write_predictions(task: Prompted, probabilities: NDArray[np.float64]) -> None:
    """Every image with its two likeliest classes and the label it was given."""
    names, classes = task.pool.names, task.judged.class_names
    given = dict(zip(*(part.tolist() for part in task.judged.labelled), strict=True))
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :2].tolist()
    rows = (
        (
            names[i],
            classes[first],
            f"{probabilities[i, first]:.4f}",
            classes[second],
            f"{probabilities[i, second]:.4f}",
            classes[given[i]] if i in given else "",
        )
        for i, (first, second) in enumerate(order)
    )
    header = (
        task.pool.column,
        "prediction",
        "confidence",
        "runner-up",
        "runner-up confidence",
        "label",
    )
    task.files.write(task.files.predictions, header, rows)


def write_next(
    task: Prompted,
    probabilities: NDArray[np.float64],
    rows: NDArray[np.int64],
    settles: NDArray[np.float64],
) -> None:
    """The images to label next, with an empty column for the labels."""
    classes = task.judged.class_names
    lines = (
        (
            task.pool.names[row],
            "",
            classes[int(probabilities[row].argmax())],
            f"{probabilities[row].max():.4f}",
            f"{worth:.2f}",
        )
        for row, worth in zip(rows.tolist(), settles.tolist(), strict=True)
    )
    header = (task.pool.column, "label", "prediction", "confidence", "settles")
    task.files.write(task.files.next, header, lines)
