"""What ``tacit run`` asks for, made into studies that can be run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from tacit.images.dataset import Split
from tacit.images.opened import Opened
from tacit.images.sources import open_images
from tacit.questions.base import Question
from tacit.questions.label_efficiency.question import Labels
from tacit.studies.description.errors import StudyError, nearest
from tacit.studies.description.graph import in_order
from tacit.studies.description.named import study_text
from tacit.studies.description.reading import parse
from tacit.studies.description.spec import Run, Study
from tacit.studies.execution.estimate import Estimate, estimate
from tacit.studies.execution.holding import check_folder
from tacit.studies.execution.plan import Job, plan
from tacit.studies.execution.progress import duration, shown
from tacit.studies.provenance import Told
from tacit.studies.study import Ended, run_study
from tacit.training.devices import device_of


@dataclass(frozen=True)
class Request:
    """The options of ``tacit run``; None where the study's own setting holds."""

    images: str | None = None
    data_dir: Path | None = None
    train_size: int | None = None
    size: int | None = None
    channels: Literal["gray", "rgb"] | None = None
    skip_bad: bool = False
    remove_duplicates: bool = False
    seeds: int | None = None
    epochs: int | None = None
    stages: int | None = None
    runs: tuple[str, ...] = ()
    budgets: str | None = None
    draws: int | None = None
    jobs: int = 1
    device: Literal["auto", "cpu", "cuda"] = "auto"
    out: Path = Path("tacit-out")

    def chosen(self) -> dict[str, str]:
        """The options that results depend on, by name."""
        options = {
            "images": self.images,
            "data-dir": self.data_dir,
            "train-size": self.train_size,
            "size": self.size,
            "channels": self.channels,
            "skip-bad": "true" if self.skip_bad else None,
            "remove-duplicates": "true" if self.remove_duplicates else None,
            "seeds": self.seeds,
            "epochs": self.epochs,
            "stages": self.stages,
            "runs": ",".join(self.runs) or None,
            "budgets": self.budgets,
            "draws": self.draws,
        }
        return {name: str(value) for name, value in options.items() if value is not None}


@dataclass(frozen=True)
class Prepared:
    """A study with its images, checked: nothing that the user said is left to go wrong."""

    name: str
    study: Study
    questions: Sequence[Question]
    opened: Opened
    folder: Path
    jobs: tuple[Job, ...]
    device: str


def prepare(
    name: str, request: Request, progress: Callable[[int, int], None] | None = None
) -> Prepared:
    """Read the study and the images, and check that they fit, before anything is written.

    progress: called with (done, total) images while a folder is read for the first time.

    Raises:
        StudyError, ImagesError, FolderError: what cannot be used, and why.
    """
    check_options(request)
    name, text = study_text(name)
    study, questions = parse(text, name)
    study, questions = _as_requested(study, questions, request)
    table = study.images
    opened = open_images(
        table.source,
        data_dir=request.data_dir,
        train_size=table.train_size,
        size=table.size,
        channels=table.channels,
        skip_bad=table.skip_bad,
        duplicates=table.duplicates,
        progress=progress,
    )
    try:
        jobs = plan(study, questions, Split(opened.train, opened.test)).jobs
    except ValueError as error:
        raise StudyError(name, [str(error)]) from None
    folder = request.out / name
    check_folder(folder)
    return Prepared(name, study, questions, opened, folder, jobs, device_of(request.device))


def check_options(request: Request) -> None:
    """See that every number makes sense.

    Raises:
        StudyError: all that do not.
    """
    faults = [
        f"--{name} is {value}; it is at least 1"
        for name, value in (
            ("train-size", request.train_size),
            ("size", request.size),
            ("seeds", request.seeds),
            ("epochs", request.epochs),
            ("stages", request.stages),
            ("draws", request.draws),
            ("jobs", request.jobs),
        )
        if value is not None and value < 1
    ]
    if request.epochs is not None and request.stages is not None:
        faults.append("--epochs and --stages both say how long runs train; give one of them")
    try:
        device_of(request.device)
    except ValueError as error:
        faults.append(f"--{error}")
    if faults:
        raise StudyError("options", faults)


def _as_requested(
    study: Study, questions: Sequence[Question], request: Request
) -> tuple[Study, Sequence[Question]]:
    """The study with the command line's options in place of its own settings."""
    table = study.images.model_dump()
    given = {
        "source": request.images,
        "train_size": request.train_size,
        "size": request.size,
        "channels": request.channels,
        "skip_bad": request.skip_bad or None,
        "duplicates": "remove" if request.remove_duplicates else None,
    }
    table |= {key: value for key, value in given.items() if value is not None}
    changed: dict[str, object] = {"images": type(study.images)(**table)}
    if request.seeds is not None:
        changed["seeds"] = tuple(range(request.seeds))
    runs = dict(study.runs)
    if request.runs:
        runs = _only(runs, request.runs)
        asked = [_asked_of(question, runs) for question in questions]
        questions = [question for question in asked if question is not None]
    if request.epochs is not None:
        runs = {name: _with_epochs(run, request.epochs) for name, run in runs.items()}
    if request.stages is not None:
        runs = _first_stages(runs, request.stages)
    changed["runs"] = runs
    if request.draws is not None:
        changed["runs"] = {name: _with_draws(run, request.draws) for name, run in runs.items()}
    if request.budgets is not None or request.draws is not None:
        drawn = request.budgets is None and any(run.train for run in runs.values())
        questions = _with_trials(questions, request, needed=not drawn)
    return study.model_copy(update=changed), questions


def _with_draws(run: Run, draws: int) -> Run:
    if run.train is None:
        return run
    return run.model_copy(update={"train": run.train.model_copy(update={"draws": draws})})


def _with_trials(
    questions: Sequence[Question], request: Request, *, needed: bool
) -> Sequence[Question]:
    """The questions about few labels asked with the budgets and draws that are requested.

    needed: whether there has to be such a question.
    """
    given = {"budgets": _budgets(request.budgets), "draws": request.draws}
    asked = {name: value for name, value in given.items() if value is not None}
    options = " and ".join(f"--{name}" for name in asked)
    few = [question for question in questions if isinstance(question, Labels)]
    if not few and not needed:
        return questions
    if not few:
        names = ", ".join(sorted({question.name for question in questions})) or "none"
        also = " and no run learns from few images" if request.budgets is None else ""
        raise StudyError(
            "options",
            [
                f"{options}: no question of this study is 'label-efficiency'{also}; "
                f"its questions: {names}"
            ],
        )
    if any(question.draws_file for question in few):
        raise StudyError("options", [f"{options}: the trials come from the question's draws_file"])
    try:
        return [
            Labels.model_validate(question.model_dump() | asked)
            if isinstance(question, Labels)
            else question
            for question in questions
        ]
    except ValidationError as error:
        found = [
            f"--{fault['loc'][0]} is {getattr(request, str(fault['loc'][0]))}; "
            + fault["msg"].removeprefix("Value error, ").replace("Input should", "it should")
            for fault in error.errors()
        ]
        raise StudyError("options", found) from None


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


def perform(prepared: Prepared, told: Told, console: Console) -> Ended:
    """Run a prepared study, showing how it goes; as many jobs at once as was told."""
    console.print(f"{prepared.name}: {prepared.study.title}", markup=False, highlight=False)
    with shown(console) as watcher:
        return run_study(
            prepared.name,
            prepared.study,
            prepared.questions,
            prepared.opened,
            prepared.folder,
            at_once=told.jobs,
            device=prepared.device,
            watcher=watcher,
            told=told,
        )


def list_jobs(prepared: Prepared, console: Console) -> None:
    """The jobs of a study with estimated time on one core and disk."""
    estimates = estimate(prepared.jobs)
    table = RichTable(title=escape(f"{prepared.name}: {prepared.study.title}"))
    table.add_column("job")
    for heading in ("times", "one core, each", "disk, each"):
        table.add_column(heading, justify="right")
    alike: dict[tuple[str, str], list[Estimate]] = {}
    for job in prepared.jobs:
        alike.setdefault((job.kind, job.name), []).append(estimates[job.id])
    for (kind, name), ours in alike.items():
        label = name if kind == "train" else f"question: {name}"
        table.add_row(
            label,
            str(len(ours)),
            f"about {duration(sum(one.seconds for one in ours) / len(ours))}",
            size(sum(one.bytes for one in ours) / len(ours)),
        )
    console.print(table)
    seconds = sum(one.seconds for one in estimates.values())
    disk = sum(one.bytes for one in estimates.values())
    console.print(
        f"{len(prepared.jobs)} jobs, about {duration(seconds)} on one core, {size(disk)} of disk"
        f" under {prepared.folder}"
    )


def size(n_bytes: float) -> str:
    """
    >>> size(512), size(2_500_000), size(3e9)
    ('0.5 kB', '2.5 MB', '3.0 GB')
    """
    for unit in ("kB", "MB"):
        n_bytes /= 1000
        if n_bytes < 1000:
            return f"{n_bytes:.1f} {unit}"
    return f"{n_bytes / 1000:.1f} GB"
