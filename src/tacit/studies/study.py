"""A study from its description to its page."""

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from tacit.encoders.base import Encoder
from tacit.encoders.inputs import lay_inputs
from tacit.encoders.laid import Encoded, encoded, lay
from tacit.encoders.opening import open_encoders
from tacit.figures.sink import Figures
from tacit.files import NotWritten, remove_unfinished, write_atomically, write_record
from tacit.images.dataset import Split
from tacit.images.opened import Opened
from tacit.images.shared import write_images
from tacit.measures.unfinished import StillFalling, unfinished
from tacit.models.onednn import held_in
from tacit.models.precision import dtype_of
from tacit.questions.base import Measurement, Question, Setting
from tacit.questions.finding import Finding
from tacit.report.alerts import alerts_on_top
from tacit.report.explorer import Size
from tacit.report.explorer.making import Explorer, TooLarge, make
from tacit.report.explorer.record import write_explorer
from tacit.report.page import on_card, write_report
from tacit.report.results import write_records
from tacit.studies.description.errors import StudyError
from tacit.studies.description.spec import Study
from tacit.studies.execution.executors.base import Executor
from tacit.studies.execution.executors.launched import Launch
from tacit.studies.execution.holding import check_folder, held, prepare_folder
from tacit.studies.execution.plan import Job, Plan, plan
from tacit.studies.execution.runner import Outcome, Watcher, run_jobs
from tacit.studies.execution.work import read_measurement
from tacit.studies.options import How
from tacit.studies.photographs import HINT, are_photographs
from tacit.studies.provenance import Told, provenance
from tacit.studies.tables import write_tables
from tacit.training.ranks import RanksError
from tacit.training.ranks.joining import check as check_ranks
from tacit.training.run_folder import SavedRun
from tacit.training.viewed import about_views, called


@dataclass(frozen=True)
class Prepared:
    """A study with its images, checked: nothing that the user said is left to go wrong.

    Attributes:
        name: of the study. folder: where all of it goes.
        encoders: from elsewhere, by what names them.
        opened: the images. plan: the jobs on them. device: "cpu" or "cuda".
    """

    name: str
    study: Study
    opened: Opened
    folder: Path
    plan: Plan
    device: str
    encoders: Mapping[str, Encoder] = field(default_factory=dict)

    @property
    def read_features(self) -> list[str]:
        """What names those whose features are read; others begin a run and learn on."""
        asked = [s for question in self.plan.questions.values() for s in question.encoders()]
        asked += [
            r.pretrained for r in self.study.runs.values() if r.reads_features and r.pretrained
        ]
        return list(dict.fromkeys(asked))

    @property
    def trained_encoders(self) -> list[Encoder]:
        """Those whose networks are trained on."""
        asked = self.plan.questions.values()
        sources = dict.fromkeys(s for question in asked for s in question.trained_encoders())
        return [self.encoders[source] for source in sources]


def prepared(
    name: str,
    study: Study,
    questions: Sequence[Question],
    opened: Opened,
    folder: Path,
    how: How = How(),  # noqa: B008  # frozen
    device: str = "cpu",
) -> Prepared:
    """Plan a study on these images, and see that its folder can be written.

    how: by how many ranks runs are trained.

    Raises:
        StudyError: the study does not fit the images. FolderError: the folder is someone else's.
    """
    study = _by_ranks(name, study, how, device)
    split = Split(opened.train, opened.test)
    asked = [source for question in questions for source in question.encoders()]
    asked += [run.pretrained for run in study.runs.values() if run.pretrained is not None]
    encoders = open_encoders(asked, device)
    for encoder in encoders.values():
        if encoder.about.recipe is None:  # features that were given: whether they fit the images
            encoded(encoder, split)
    known = {source: encoder.about for source, encoder in encoders.items()}
    for question in questions:
        for source, views in question.viewed().items():
            known[called(source, views)] = about_views(encoders[source].about, views)
    try:
        planned = plan(study, questions, split, known)
    except ValueError as error:
        raise StudyError(name, [str(error)]) from None
    check_folder(folder)
    if not encoders and any(q.takes_encoders for q in questions) and are_photographs(opened):
        opened = replace(opened, notes=[*opened.notes, HINT])
    return Prepared(name, study, opened, folder, planned, device, encoders)


def _by_ranks(name: str, study: Study, how: How, device: str) -> Study:
    """The study with as many ranks as are asked for; those of few labels are small as they are.

    Raises:
        StudyError: this machine has no place for so many.
    """
    launch = Launch.found()
    ranks = how.ranks if launch is None else launch.size
    if ranks is not None:
        runs = {
            key: run.model_copy(update={"ranks": 1 if run.train else ranks})
            for key, run in study.runs.items()
        }
        study = study.model_copy(update={"runs": runs})
    most = max((run.ranks for run in study.runs.values()), default=1)
    try:
        # What a cluster's nodes have is known when it is joined.
        where = "cpu" if how.cluster is not None else device
        check_ranks(most, where, local=launch.locally if launch else None)
    except RanksError as error:
        raise StudyError(name, [str(error)]) from None
    return study


@dataclass(frozen=True)
class Ended:
    """What a study left behind.

    Attributes:
        report: the page. findings: the answers. outcome: how the jobs went.
        unanswered: question ids that failed while they were answered, with the cause.
        alerts: what must be known before any answer.
    """

    report: Path
    findings: tuple[Finding, ...]
    outcome: Outcome
    unanswered: Mapping[str, str]
    alerts: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether every job was done and every question answered."""
        return not (self.outcome.failed or self.outcome.blocked or self.unanswered)


def run_study(
    task: Prepared,
    told: Told,
    watcher: Watcher,
    executor: Executor[Any],
    features: Mapping[str, Encoded] = MappingProxyType({}),
) -> Ended:
    """Train and measure what is not done yet, answer the questions, write the page.

    Args:
        told: what the command line said, for the page.
        executor: who does the jobs.
        features: of the images by the study's encoders from elsewhere.

    Raises:
        FolderError: the folder cannot be written, or another process works in it.
        stopping.Interrupted: on SIGINT or SIGTERM; the same call goes on where it stopped.
        NotWritten: a file of the study as a whole cannot be written.
    """
    study, opened, folder, planned = task.study, task.opened, task.folder, task.plan
    split = Split(opened.train, opened.test)
    prepare_folder(folder)
    with held(folder):
        remove_unfinished(folder)
        noticed = _unlike_asked(study, task.device)
        # First of all, since it says whose the folder is.
        write_index(folder, task.name, planned.jobs)
        write_images(folder / "images", split, noticed.append)
        lay(folder / "images", features, split)
        for encoder in task.trained_encoders:
            lay_inputs(folder / "images", encoder.about, split)
        for text in noticed:
            watcher.noticed(text)
        outcome = run_jobs(planned.jobs, folder, executor=executor, watcher=watcher)
        outcome.noticed[:0] = noticed
        write_explorer(folder, _explorer(planned, outcome, split, folder, told.explorer))
        falling = _unfinished(planned, outcome, folder)
        findings, unanswered = _answers(task, outcome, split, falling)
        record = provenance(
            task.name,
            study,
            planned,
            outcome,
            unanswered,
            opened,
            split.sha256,
            folder,
            told,
            executor,
            {source: encoder.about for source, encoder in task.encoders.items()},
            falling,
        )
        shown = {figure.name for finding in findings for figure in finding.figures}
        record = replace(record, cover=study.cover if study.cover in shown else "")
        write_records(folder, record, findings)
        report = write_report(folder)
    alerts = alerts_on_top(record, findings)
    return Ended(report, tuple(findings), outcome, unanswered, alerts)


def _unlike_asked(study: Study, device: str) -> list[str]:
    """What this machine does otherwise than a run says."""
    where = torch.device(device)
    runs = [
        name
        for name, run in study.runs.items()
        if (dtype := dtype_of(run.precision, where)) != held_in(dtype, where)
    ]
    if not runs:
        return []
    return [
        f"{', '.join(runs)}: precision is bfloat16, for which this processor has no instructions; "
        "products are rounded as asked and taken in float32, slower than with precision: float32"
    ]


def write_index(folder: Path, name: str, jobs: Sequence[Job]) -> None:
    """Say whose the folder is, and where in it each run of the study lies, for `tacit.load`."""
    runs: dict[str, list[dict[str, object]]] = {}
    for job in jobs:
        if job.kind == "train":
            runs.setdefault(job.name, []).append(
                {"seed": job.seed, "draw": job.draw, "folder": job.folder}
            )
    write_record(folder / "study.json", {"study": name, "runs": runs})


def _answers(
    task: Prepared, outcome: Outcome, split: Split, falling: Mapping[str, StillFalling]
) -> tuple[list[Finding], dict[str, str]]:
    """Answer every question that has measurements, each in its own right."""
    planned, folder = task.plan, task.folder
    sink = Figures(folder / "figures")
    for old in (*sink.folder.glob("*"), *(folder / "tables").glob("*")):
        old.unlink()
    findings, unanswered = [], {}
    for question_id, question in planned.questions.items():
        measured = _measured(question_id, planned, outcome, folder)
        if not measured:
            continue
        setting = Setting(
            question=question_id,
            figures=sink,
            class_names=split.train.class_names,
            n_train=len(split.train),
            n_test=len(split.test),
            source=task.opened.origin.name,
            unfinished=falling,
            encoders={source: encoder.about for source, encoder in task.encoders.items()},
        )
        failure = folder / f"{question_id}.failure.txt"
        failure.unlink(missing_ok=True)
        try:
            finding = question.answer(measured, setting)
            findings.append(replace(finding, title=question.heading or finding.title))
            if (figure := on_card(finding, task.study.cover)) is not None:
                sink.keep_small(figure)
        except NotWritten:
            raise
        except Exception as error:  # recorded, shown in the page, and exit code 1
            unanswered[question_id] = f"{type(error).__name__}: {error}"
            trace = traceback.format_exc()
            write_atomically(failure, partial(Path.write_text, data=trace), durable=False)
        write_tables(folder / "tables", question_id, measured)
    return findings, unanswered


def _explorer(
    planned: Plan, outcome: Outcome, split: Split, folder: Path, size: Size
) -> Explorer | None:
    """The page's explorer of the first seed's models; where it is too large, that is noticed."""
    trained = [job for job in planned.jobs if job.kind == "train" and job.id in outcome.done]
    seed = min((job.seed for job in trained), default=0)
    runs = [SavedRun(folder / job.folder) for job in trained if job.seed == seed and job.draw == 0]
    try:
        return make(runs, split.train, split.test, size)
    except TooLarge as error:
        outcome.noticed.append(str(error))
        return None


def _unfinished(planned: Plan, outcome: Outcome, folder: Path) -> dict[str, StillFalling]:
    """The runs whose training had not finished."""
    losses: dict[str, list[list[float]]] = {}
    for job in planned.jobs:
        if job.kind == "train" and job.id in outcome.done:
            losses.setdefault(job.name, []).append(SavedRun(folder / job.folder).history.loss)
    found = {run: unfinished(each) for run, each in losses.items()}
    return {run: still for run, still in found.items() if still is not None}


def _measured(
    question_id: str, planned: Plan, outcome: Outcome, folder: Path
) -> dict[int, Measurement]:
    """The measurements by seed, of the seeds that have them whole."""
    jobs = [job for job in planned.jobs if job.kind == "measure" and job.name == question_id]
    missing = {job.seed for job in jobs if job.id not in outcome.done}
    measured: dict[int, Measurement] = {}
    for job in jobs:
        if job.seed not in missing:
            part = read_measurement(folder / job.folder)
            measured[job.seed] = measured.get(job.seed, Measurement()).joined(part)
    return measured
