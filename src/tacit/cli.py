"""The command: ``tacit run``. Modules that cost time are imported by what needs them."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, CycloptsError, Parameter
from rich.console import Console

from tacit import __version__
from tacit.commands.describe import describe
from tacit.commands.encode import encode
from tacit.commands.export import export
from tacit.commands.learn.command import learn
from tacit.commands.options import DONE, FAILED, USAGE, cores, study_command
from tacit.commands.predict import predict
from tacit.commands.reconstruct import reconstruct
from tacit.commands.sample import sample
from tacit.commands.score import score
from tacit.studies.execution.stopping import Interrupted, importing, stoppable

if TYPE_CHECKING:
    from tacit.studies.study import Ended

app = App(
    name="tacit",
    help="Learn what your images hold before you label them.",
    version=__version__,
    help_flags=["--help", "-h"],
    # Markdown takes a fifth of the time until the commands are listed, and shows them no better.
    help_format="plaintext",
)
for command in (learn, encode, reconstruct, sample, score, predict, export, describe):
    app.command(command, help_format="markdown")
app.command(learn, name="labels", show=False)  # what it was called before


def run_command(arguments: Sequence[str]) -> int:
    """Do what the arguments say; returns the exit code.

    0 done, 1 a job failed, 2 the arguments or files cannot be used, 130 interrupted,
    143 terminated.
    """
    errors = Console(stderr=True, soft_wrap=True)
    try:
        result = app(
            arguments, exit_on_error=False, print_error=True, error_console=errors,
            result_action="return_value",
        )  # fmt: skip
    except CycloptsError:
        return USAGE
    except Interrupted as stop:
        again = shlex.join(["tacit", *arguments])
        errors.print(
            f"{stop}; nothing that was finished is lost. The same command goes on: {again}",
            markup=False,
            highlight=False,
        )
        return 128 + stop.signum
    return result if isinstance(result, int) else DONE


@app.command(help_format="markdown")
@study_command
def run(
    study: str | None = None,
    /,
    *,
    images: str | None = None,
    data_dir: Path | None = None,
    train_size: int | None = None,
    size: int | None = None,
    channels: Literal["gray", "rgb"] | None = None,
    skip_bad: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    remove_duplicates: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    seeds: int | None = None,
    epochs: int | None = None,
    stages: int | None = None,
    runs: str | None = None,
    budgets: str | None = None,
    draws: int | None = None,
    jobs: int | None = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    out: Path = Path("tacit-out"),
    dry_run: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
) -> int:
    """Train and measure a study, and write its page.

    Running the same command again goes on where it stopped; finished jobs are used again.

    Parameters
    ----------
    study
        A built-in study (inference, transfer, label-efficiency, evidence, code-size, burda) or a
        YAML file; without it inference and transfer.
    images
        digits, mnist, fashion-mnist, or a folder or file of your own.
    data_dir
        Folder that holds a named set's files; without it they are downloaded and kept.
    train_size
        Learn from so many training images, stratified by class.
    size
        Make images of a folder squares of this side.
    channels
        Make images of a folder gray or rgb.
    skip_bad
        Leave unreadable images of a folder out instead of stopping.
    remove_duplicates
        Leave training images out whose copies are among the test images.
    seeds
        How many repetitions with other weights, orders and noise: seeds 0 to N-1.
    epochs
        Passes over the training images; few-label runs train by updates all the same.
    stages
        Only the first so many phases of runs that train in phases, as the study burda's do.
    runs
        Only these runs (separated by commas), what they need, and the questions about them.
    budgets
        How many labels trials see in the study label-efficiency (separated by commas), per class.
    draws
        How many choices of few labels are made: by each run that learns from few, and at each
        budget of the study label-efficiency.
    jobs
        How many jobs at once; no result depends on it. By default one per core.
    device
        Where runs are trained.
    out
        Results go to OUT/STUDY.
    dry_run
        List the jobs with estimated time and disk, and train nothing.
    """
    from tacit.studies.description.named import study_text
    from tacit.studies.execution import forking

    names = [study] if study else ["inference", "transfer"]
    for name in names:
        study_text(name)  # what is not there is said before all that takes seconds
    if not dry_run:
        forking.begin()  # imports beside this process what the lines that follow import in it
    with importing():
        from tacit.studies.command import Request, list_jobs, perform, prepare
        from tacit.studies.execution.progress import reading
        from tacit.studies.provenance import Told

    console = Console()
    request = Request(
        images=images,
        data_dir=data_dir,
        train_size=train_size,
        size=size,
        channels=channels,
        skip_bad=skip_bad,
        remove_duplicates=remove_duplicates,
        seeds=seeds,
        epochs=epochs,
        stages=stages,
        runs=tuple(name.strip() for name in runs.split(",")) if runs is not None else (),
        budgets=budgets,
        draws=draws,
        jobs=cores() if jobs is None else jobs,
        device=device,
        out=out,
    )
    with stoppable():
        with reading(console) as progress:
            prepared = [prepare(name, request, progress) for name in names]
        if dry_run:
            for one in prepared:
                list_jobs(one, console)
            return DONE
        ended = []
        for one in prepared:
            told = Told(_again(one.name, request), request.chosen(), request.jobs, one.device)
            ended.append(perform(one, told, console))
    return _conclude(ended, console)


def _again(name: str, request: object) -> str:
    """The command that makes a study again, without what no result depends on."""
    from tacit.studies.command import Request

    assert isinstance(request, Request)
    words = ["tacit", "run", name]
    for option, value in request.chosen().items():
        words += [f"--{option}"] if value == "true" else [f"--{option}", value]
    return shlex.join(words)


def _conclude(ended: "Sequence[Ended]", console: Console) -> int:
    for one in ended:
        console.print()
        for finding in one.findings:
            console.print(finding.title, style="bold", markup=False, highlight=False)
            console.print(finding.answer, markup=False, highlight=False)
            console.print()
        for question, cause in one.unanswered.items():
            console.print(f"could not answer '{question}': {cause}", markup=False)
    for one in ended:
        console.print(f"Report: {one.report}", markup=False, highlight=False, soft_wrap=True)
    return DONE if all(one.whole for one in ended) else FAILED
