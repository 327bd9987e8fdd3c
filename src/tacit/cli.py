"""The command: ``tacit run``. Modules that cost time are imported by what needs them."""

import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cyclopts import App, CycloptsError
from rich.console import Console

from tacit import __version__
from tacit.commands.check.command import check
from tacit.commands.describe import describe
from tacit.commands.encode import encode
from tacit.commands.export import export
from tacit.commands.label import label
from tacit.commands.learn.command import learn
from tacit.commands.options import DONE, FAILED, USAGE, study_command
from tacit.commands.predict import predict
from tacit.commands.reconstruct import reconstruct
from tacit.commands.sample import sample
from tacit.commands.score import score
from tacit.commands.terminal import (
    close_quietly,
    quiet_without_a_home,
    speak_plainly,
    warnings_as_notes,
)
from tacit.studies.execution.stopping import Interrupted, importing, stoppable
from tacit.studies.options import How, RunOptions

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
# In the order in which a user meets them; `run` comes first, `completion` last.
COMMANDS: tuple[Callable[..., int | None], ...] = (
    check,
    label,
    learn,
    predict,
    score,
    encode,
    reconstruct,
    sample,
    describe,
    export,
)
for place, command in enumerate(COMMANDS):
    app.command(command, help_format="markdown", sort_key=1 + place)
app.command(learn, name="labels", show=False)  # what it was called before


def run_command(arguments: Sequence[str]) -> int:
    """Do what the arguments say; returns the exit code.

    0 done, 1 a job failed, 2 the arguments or files cannot be used, 130 interrupted,
    141 nobody reads the output any more, 143 terminated.
    """
    speak_plainly()
    quiet_without_a_home()
    errors = Console(stderr=True, soft_wrap=True)
    if _nowhere() and not {"--help", "-h", "--version"} & set(arguments):
        errors.print("error: the working directory is gone; cd to one that exists", markup=False)
        return USAGE
    try:
        with _float32(), warnings_as_notes():
            result = app(
                arguments, exit_on_error=False, print_error=True, error_console=errors,
                result_action="return_value",
            )  # fmt: skip
    except CycloptsError:
        return USAGE
    except BrokenPipeError:  # what reads the output has had enough, as ``head`` has
        close_quietly()
        return 128 + signal.SIGPIPE
    except Interrupted as stop:
        again = shlex.join(["tacit", *arguments])
        errors.print(
            f"{stop}; nothing that was finished is lost. The same command goes on: {again}",
            markup=False,
            highlight=False,
        )
        return 128 + stop.signum
    return result if isinstance(result, int) else DONE


def _float32() -> AbstractContextManager[None]:
    """PyTorch's default is float32, but to whoever calls this in a program of theirs."""
    if "torch" not in sys.modules:
        return nullcontext()
    from tacit.streams import float32_by_default

    return float32_by_default()


def _nowhere() -> bool:
    """Whether the working directory was taken away: neither paths nor PyTorch work there."""
    try:
        Path.cwd()
    except OSError:
        return True
    return False


@app.command(help_format="markdown", sort_key=98)
def schema() -> None:
    """Print the JSON schema of a study's file, by which editors complete and check it.

    With `tacit schema > study.schema.json` beside the study, a first line
    `# yaml-language-server: $schema=study.schema.json` is what most of them look for.
    """
    import json

    from tacit.studies.description.places import schema as of_a_study

    print(json.dumps(of_a_study(), indent=1, ensure_ascii=False))


@app.command(help_format="markdown", sort_key=99)
def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print the script by which a shell completes tacit's commands and options.

    Parameters
    ----------
    shell
        As in `source <(tacit completion bash)`.
    """
    print(app.generate_completion(shell=shell))


@app.command(help_format="markdown", sort_key=0)
@study_command
def run(
    study: str | None = None,
    /,
    *,
    options: RunOptions = RunOptions(),  # noqa: B008  # frozen
    how: How = How(),  # noqa: B008
    out: Path = Path("tacit-out"),
) -> int:
    """Train and measure a study, and write its page.

    Running the same command again goes on where it stopped; finished jobs are used again.

    Parameters
    ----------
    study
        A built-in study (inference, transfer, label-efficiency, encoders, evidence, code-size,
        burda) or a YAML file; without it inference and transfer.
    out
        Results go to OUT/STUDY.
    """
    from tacit.studies.description.named import study_text
    from tacit.studies.execution import forking
    from tacit.studies.execution.executors.launched import Launch, follow

    launch = Launch.found()
    if launch is not None and launch.rank > 0:
        return DONE if how.dry_run else follow(launch)
    names = [study] if study else ["inference", "transfer"]
    for name in names:
        study_text(name)  # what is not there is said before all that takes seconds
    if not how.dry_run:
        forking.begin()  # imports beside this process what the lines that follow import in it
    with importing():
        from tacit.studies.command import list_jobs, perform, prepare, tell_images
        from tacit.studies.execution.executors.opening import opened
        from tacit.studies.execution.progress import reading
        from tacit.studies.provenance import Told

    console = Console()
    with stoppable():
        with reading(console) as progress:
            prepared = [prepare(name, options, how, out, progress) for name in names]
        for number, one in enumerate(prepared):
            if all(one.opened.notes != other.opened.notes for other in prepared[:number]):
                tell_images(one, console)
        if how.dry_run:
            for one in prepared:
                list_jobs(one, console)
            return DONE
        whole = True
        with opened(how, prepared[0].device) as executor:
            for one in prepared:
                again = shlex.join(["tacit", "run", one.name, *options.words()])
                told = Told(again, options.chosen(), how.explorer)
                ended = perform(one, told, console, executor)
                _conclude(ended, console)  # a page can be read while the next study runs
                whole = whole and ended.whole
    return DONE if whole else FAILED


def _conclude(ended: "Ended", console: Console) -> None:
    from tacit.report.summary import summary

    console.print()
    for line, heading in summary(ended.alerts, ended.findings):
        console.print(line, style="bold" * heading, markup=False, highlight=False)
    for question, cause in ended.unanswered.items():
        console.print(f"could not answer '{question}': {cause}", markup=False)
    console.print(f"Report: {ended.report}", markup=False, highlight=False, soft_wrap=True)
    console.print()
