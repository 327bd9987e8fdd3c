"""``tacit learn``: a few labels to a recommendation, predictions, and what to label next."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from tacit.commands.options import DONE, FAILED, cores, study_command

if TYPE_CHECKING:
    from rich.console import Console

    from tacit.commands.learn.run import Done
    from tacit.commands.learn.study import Asked


@study_command
def learn(
    source: str,
    /,
    *,
    labels: Annotated[list[Path], Parameter(consume_multiple=True, negative=())],
    data_dir: Path | None = None,
    size: int | None = None,
    channels: Literal["gray", "rgb"] | None = None,
    skip_bad: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    pairs: str | None = None,
    epochs: int | None = None,
    ask: int = 24,
    seed: int = 0,
    jobs: int | None = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    out: Path = Path("tacit-out/few-labels"),
    dry_run: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
) -> int:
    """From a few labels to predictions for all images, a classifier, and what to label next.

    Running the same command again goes on where it stopped; with more labels, representations that
    were learned are used again.

    Parameters
    ----------
    source
        A folder of images, an .npz, .npy or idx file, or digits, mnist, fashion-mnist.
    labels
        CSV files with the columns path (below the folder; index, from 0, of an array) and label.
    data_dir
        Folder that holds a named set's files; without it they are downloaded and kept.
    size
        Make images squares of this side.
    channels
        Make images gray or rgb.
    skip_bad
        Leave unreadable images of a folder out instead of stopping.
    pairs
        Compare these pairs alone (separated by commas), such as vae.poisson,scratch.
    epochs
        Passes over the images when representations are learned; of thousands of images, 10 are
        enough for a first look.
    ask
        How many images to name for labelling next.
    seed
        Of weights, orders and noise.
    jobs
        How many jobs at once; no result depends on it. By default one per core.
    device
        Where representations are trained.
    out
        The folder for all of it; nothing that you changed is written over.
    dry_run
        List the jobs with estimated time and disk, and train nothing.
    """
    from rich.console import Console

    from tacit.studies.execution import forking
    from tacit.studies.execution.stopping import importing, stoppable

    if not dry_run:
        forking.begin()  # imports beside this process what the lines that follow import in it
    with importing():
        from tacit.commands.learn.run import perform, prompted
        from tacit.commands.learn.study import Asked
        from tacit.studies.command import list_jobs

    console = Console()
    asked = Asked(
        source=source,
        labels=tuple(labels),
        out=out,
        data_dir=data_dir,
        size=size,
        channels=channels,
        skip_bad=skip_bad,
        pairs=pairs,
        epochs=epochs,
        ask=ask,
        seed=seed,
        jobs=cores() if jobs is None else jobs,
        device=device,
    )
    with stoppable():
        task = prompted(asked, console)
        if dry_run:
            list_jobs(task.prepared, console)
            return DONE
        for note in task.given.notes:
            console.print(f"note: {note}", markup=False, highlight=False)
        done = perform(task, console)
    return _conclude(done, asked, console)


def _conclude(done: "Done", asked: "Asked", console: "Console") -> int:
    """The recommendation, the files and the next step."""
    import shlex
    from itertools import chain, count

    from tacit.questions.labels_within.words import recommendation
    from tacit.saved.folder import is_model_folder

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    if done.judged is None:
        say(f"Report: {done.ended.report} (some jobs failed; the same command does what is left)")
        return FAILED
    files = done.files
    console.print()
    console.print(recommendation(done.judged), markup=False, highlight=False)
    console.print()
    say(f"Predictions: {files.predictions}")
    say(f"Label next:  {files.next}")
    if is_model_folder(files.model):
        say(f"Classifier:  {files.model}  (tacit predict {files.model} --images …)")
    else:
        say(f"Classifier:  none; {done.judged.winner.short} makes none")
    say(f"Report:      {done.ended.report}")
    names = chain(["more.csv"], (f"more-{n}.csv" for n in count(2)))
    more = next(path for name in names if not (path := Path(name)).exists())
    again = replace(asked, labels=(*asked.labels, more)).command()
    say(
        f"Next: mv {shlex.quote(str(files.next))} {more}, fill in its column `label`, then "
        f"{shlex.join(again)}"
    )
    return DONE
