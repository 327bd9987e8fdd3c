"""What ``tacit run`` asks for, made into studies that can be run."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike
from pydantic import ValidationError
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table as RichTable

from tacit.encoders.laid import encoded
from tacit.encoders.source import parse as parse_source
from tacit.encoders.source import placed
from tacit.images.dataset import Split
from tacit.images.opened import Opened
from tacit.images.sources import open_images
from tacit.questions.base import Question
from tacit.questions.label_efficiency.question import FewLabels
from tacit.questions.registry import QUESTIONS
from tacit.questions.transfer.question import Transfer
from tacit.studies import quick
from tacit.studies.description.errors import StudyError, errors_of, nearest, wanted_of
from tacit.studies.description.graph import in_order
from tacit.studies.description.named import beside, study_text
from tacit.studies.description.reading import parse
from tacit.studies.description.spec import Pretrained, Run, Study
from tacit.studies.execution.estimate import Estimate, estimate
from tacit.studies.execution.executors.base import Executor
from tacit.studies.execution.executors.opening import device_here
from tacit.studies.execution.progress import duration, reading, shown
from tacit.studies.options import How, RunOptions, out_of_range
from tacit.studies.provenance import Told
from tacit.studies.shorter import shorter
from tacit.studies.study import Ended, Prepared, prepared, run_study
from tacit.training.viewed import called, encode_views

_RUN_NAME = re.compile(r"[^a-z0-9]+")


def prepare(
    name: str,
    options: RunOptions,
    how: How,
    out: Path,
    progress: Callable[[int, int], None] | None = None,
    images: ArrayLike | tuple[ArrayLike, ArrayLike] | Opened | None = None,
) -> Prepared:
    """Read the study and the images, and check that they fit, before anything is written.

    progress: called with (done, total) images while a folder is read for the first time.
    images: in memory, in place of the source that the options or the study name.

    Raises:
        StudyError, ImagesError, FolderError: what cannot be used, and why.
    """
    device = check_options(options, how)
    file, (name, text) = name, study_text(name)
    study, questions = parse(text, name)
    questions = [_placed(question, file) for question in questions]
    runs = {name: _with_file(name, run, file) for name, run in study.runs.items()}
    study = study.model_copy(update={"runs": runs})
    study, questions = _as_requested(study, questions, options)
    table = study.images
    if images is None:
        images = table.source if options.images is not None else beside(file, table.source)
    opened = open_images(
        images,
        data_dir=options.data_dir,
        train_size=table.train_size,
        train_most=quick.TRAIN_IMAGES if options.quick else None,
        size=table.size,
        channels=table.channels,
        skip_bad=table.skip_bad,
        duplicates=table.duplicates,
        progress=progress,
    )
    if options.quick:
        n_train = len(opened.train)
        said = quick.note(study, options, n_train)
        opened = replace(opened, notes=[said, *opened.notes])
        study = quick.scaled(study, options, n_train)
    return prepared(name, study, questions, opened, out / name, how, device)


def _placed(question: Question, file: str) -> Question:
    """With the files that it names beside the study's own."""
    return question.placed(
        lambda setting, path: beside(file, path, f"{question.name}: {setting}", names=())
    )


def _with_file(name: str, run: Run, file: str) -> Run:
    """With the file of an encoder from elsewhere beside the study's own."""
    if not isinstance(run.encoder, Pretrained):
        return run

    def find(path: str) -> str:
        return beside(file, path, f"runs.{name}.encoder", names=())

    named = run.encoder.model_copy(update={"pretrained": placed(run.encoder.pretrained, find)})
    return run.model_copy(update={"encoder": named})


def check_options(options: RunOptions, how: How) -> str:
    """See that every number makes sense; the device that is meant.

    Raises:
        StudyError: all that do not.
    """
    errors = list(out_of_range(options, how))
    if options.epochs is not None and options.stages is not None:
        errors.append("--epochs and --stages both say how long runs train; give one of them")
    device, unfit = device_here(how)
    errors += unfit
    if errors:
        raise StudyError("options", errors)
    return device


def _as_requested(
    study: Study, questions: Sequence[Question], options: RunOptions
) -> tuple[Study, Sequence[Question]]:
    """The study with the command line's options in place of its own settings."""
    table = study.images.model_dump()
    given = {
        "source": options.images,
        "train_size": options.train_size,
        "size": options.size,
        "channels": options.channels,
        "skip_bad": options.skip_bad or None,
        "duplicates": "remove" if options.remove_duplicates else None,
    }
    table |= {key: value for key, value in given.items() if value is not None}
    try:
        changed: dict[str, object] = {"images": type(study.images).model_validate(table)}
    except ValidationError as error:
        found = [f"--{one.replace('_', '-', 1)}" for one in errors_of(error, table)]
        raise StudyError("options", found) from None
    if options.seeds is not None:
        changed["seeds"] = tuple(range(options.seeds))
    runs = dict(study.runs)
    wanted = options.run_names or (quick.kept(study) if options.quick else ())
    if wanted:
        runs = _only(runs, wanted)
        asked = [_asked_of(question, runs) for question in questions]
        questions = [question for question in asked if question is not None]
    if options.epochs is not None:
        runs = {name: _with_epochs(run, options.epochs) for name, run in runs.items()}
    if options.stages is not None:
        runs = _first_stages(runs, options.stages)
    if options.draws is not None:
        runs = {name: _with_draws(run, options.draws) for name, run in runs.items()}
    if options.quick:
        questions = [question.quickly() for question in questions]
    changed["runs"] = runs
    if options.encoder:
        changed["runs"], questions = _with_encoders(runs, questions, options.encoder)
    if options.budgets is not None or options.draws is not None:
        drawn = options.budgets is None and any(run.train for run in runs.values())
        questions = _with_trials(questions, options, needed=not drawn)
    return study.model_copy(update=changed), questions


def _with_encoders(
    runs: Mapping[str, Run], questions: Sequence[Question], sources: Sequence[str]
) -> tuple[dict[str, Run], list[Question]]:
    """The questions about few labels and about transfer asked of these encoders as well.

    What transfer gains is asked of each by a run like the one whose encoder stays as it is.
    """
    if not any(isinstance(question, FewLabels | Transfer) for question in questions):
        raise StudyError("options", [f"--encoder: {_no_few_labels(questions, Transfer.name)}"])
    sources = list(dict.fromkeys(sources))
    runs, asked = dict(runs), list[Question]()
    for question in questions:
        if isinstance(question, FewLabels):
            question = question.with_encoders(sources)
        asked.append(question)
        if not isinstance(question, Transfer):
            continue
        for source in sources:
            name = parse_source(source).name
            run = f"few-{_RUN_NAME.sub('-', name.lower()).strip('-')}"
            like = runs[question.frozen or question.scratch]
            runs[run] = like.model_copy(update={"encoder": Pretrained(pretrained=source)})
            heading = f"What transfer from {name} gains"
            asked.append(Transfer(scratch=question.scratch, frozen=run, heading=heading))
    return runs, asked


def _no_few_labels(questions: Sequence[Question], *others: str, also: str = "") -> str:
    """That no question takes few labels, and which there are.

    others: questions that would do as well.
    """
    takes = [name for name, kind in QUESTIONS.items() if issubclass(kind, FewLabels)]
    able = " or ".join(f"'{name}'" for name in (*takes, *others))
    names = ", ".join(sorted({question.name for question in questions})) or "none"
    return f"no question of this study is {able}{also}; its questions: {names}"


def _with_draws(run: Run, draws: int) -> Run:
    if run.train is None:
        return run
    return run.model_copy(update={"train": run.train.model_copy(update={"draws": draws})})


def _with_trials(
    questions: Sequence[Question], options: RunOptions, *, needed: bool
) -> Sequence[Question]:
    """The questions about few labels asked with the budgets and draws that are requested.

    needed: whether there has to be such a question.
    """
    given = {"budgets": _budgets(options.budgets), "draws": options.draws}
    asked = {name: value for name, value in given.items() if value is not None}
    named = " and ".join(f"--{name}" for name in asked)
    few = [question for question in questions if isinstance(question, FewLabels)]
    if not few and not needed:
        return questions
    if not few:
        also = " and no run learns from few images" if options.budgets is None else ""
        raise StudyError("options", [f"{named}: {_no_few_labels(questions, also=also)}"])
    if any(question.draws_file for question in few):
        raise StudyError("options", [f"{named}: the trials come from the question's draws_file"])
    try:
        return [
            type(question).model_validate(question.model_dump() | asked)
            if isinstance(question, FewLabels)
            else question
            for question in questions
        ]
    except ValidationError as error:
        found = [
            f"--{one['loc'][0]} is {getattr(options, str(one['loc'][0]))}; "
            + (f"it is {wanted}" if (wanted := wanted_of(one)) else _own_words(one))
            for one in error.errors()
        ]
        raise StudyError("options", found) from None


def _own_words(one: Any) -> str:
    return str(one.get("ctx", {}).get("error", one["msg"]))


def _budgets(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    words = [word.strip() for word in text.split(",")]
    wrong = [word for word in words if not (word.isascii() and word.isdigit() and int(word) > 0)]
    if wrong:
        raise StudyError(
            "options",
            [
                f"--budgets is {text!r}: {wrong[0]!r} is no number of labels; whole numbers from 1 "
                "are, separated by commas, such as 1,3,5,10"
            ],
        )
    return tuple(int(word) for word in words)


def _with_epochs(run: Run, epochs: int) -> Run:
    # Few labels make so few batches that epochs would hardly train: their updates stay.
    updates = run.updates if run.train is not None else 0
    return run.model_copy(update={"epochs": epochs, "updates": updates, "phases": ()})


def _asked_of(question: Question, runs: dict[str, Run]) -> Question | None:
    """The question asked of these runs alone; None where it cannot do without another."""
    reduced: Question | None = question
    for name in question.needs():
        if reduced is not None and name not in runs:
            reduced = reduced.without(name)
    return reduced


def _first_stages(runs: dict[str, Run], stages: int) -> dict[str, Run]:
    most = max((len(run.phases) for run in runs.values()), default=0)
    if not most:
        raise StudyError("options", [f"--stages is {stages}, but no run of this study has phases"])
    if stages > most:
        raise StudyError("options", [f"--stages is {stages}; the runs have at most {most} phases"])
    return {
        name: run.model_copy(update={"phases": run.phases[:stages]}) for name, run in runs.items()
    }


def _only(runs: dict[str, Run], names: Sequence[str]) -> dict[str, Run]:
    unknown = [name for name in names if name not in runs]
    if unknown:
        raise StudyError(
            "options", [f"--runs names '{name}', no run" + nearest(name, runs) for name in unknown]
        )
    wanted = set(names)
    for name in reversed(in_order(runs)):
        if name in wanted:
            wanted |= {part.source for part in runs[name].taken}
    return {name: run for name, run in runs.items() if name in wanted}


def perform(prepared: Prepared, told: Told, console: Console, executor: Executor[Any]) -> Ended:
    """Run a prepared study, showing how it goes."""
    console.print(f"{prepared.name}: {prepared.study.title}", markup=False, highlight=False)
    features = {}
    images = Split(prepared.opened.train, prepared.opened.test)
    for source in prepared.read_features:
        encoder = prepared.encoders[source]
        with reading(console, f"encoding by {encoder.about.name}") as progress:
            features[source] = encoded(encoder, images, progress, executor.encoding)
    for question in prepared.plan.questions.values():
        for source, views in question.viewed().items():
            name = prepared.encoders[source].about.name
            with reading(console, f"encoding views by {name}") as progress:
                encoder = prepared.encoders[source]
                found = encode_views(encoder, images, views, progress, executor.encoding)
            features[called(source, views)] = found
    with shown(console) as watcher:
        return run_study(prepared, told, watcher, executor, features)


def tell_images(prepared: Prepared, console: Console) -> None:
    """What the images are, and what was done to them, left out or counted, before any work."""
    opened = prepared.opened
    n_train, n_test, shape = len(opened.train), len(opened.test), opened.train.shape
    test = f", {n_test:,} to test on" if n_test else ""
    lines = [
        f"images: {opened.origin.name}: {n_train:,} to learn from{test}; "
        f"{'gray' if shape[0] == 1 else 'rgb'}, {shape[2]}×{shape[1]} pixels",
        *(f"note: {note}" for note in opened.notes),
    ]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def list_jobs(prepared: Prepared, console: Console) -> None:
    """The jobs of a study with estimated time on one core and disk."""
    estimates = estimate(prepared.plan.jobs)
    table = RichTable(title=escape(f"{prepared.name}: {prepared.study.title}"))
    table.add_column("job")
    for heading in ("times", "one core, each", "disk, each"):
        table.add_column(heading, justify="right")
    alike: dict[tuple[str, str], list[Estimate]] = {}
    for job in prepared.plan.jobs:
        alike.setdefault((job.kind, job.name), []).append(estimates[job.id])
    for (kind, name), ours in alike.items():
        label = name if kind == "train" else f"question: {name}"
        table.add_row(
            label,
            str(len(ours)),
            f"about {duration(sum(one.seconds for one in ours) / len(ours))}",
            decimal(round(sum(one.bytes for one in ours) / len(ours))),
        )
    console.print(table)
    seconds = sum(one.seconds for one in estimates.values())
    disk = sum(one.bytes for one in estimates.values())
    console.print(
        f"{len(prepared.plan.jobs)} jobs, about {duration(seconds)} on one core, "
        f"{decimal(round(disk))} of disk under {prepared.folder}"
    )
    if options := _shorter(prepared, seconds):
        console.print(
            f"That is long; a first answer comes much sooner with --quick, or with {options}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


def _shorter(prepared: Prepared, seconds: float) -> str:
    study, images = prepared.study, prepared.opened.train
    return shorter(
        seconds,
        seeds=len(study.seeds),
        side=max(images.shape[1:]),
        images=len(images),
        epochs=max((run.epochs for run in study.runs.values()), default=0),
    )
