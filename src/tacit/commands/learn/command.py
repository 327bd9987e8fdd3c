"""``tacit learn``: a few labels to a recommendation, predictions, and what to label next."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tacit.commands.options import DONE, FAILED, study_command
from tacit.studies.options import How, LearnOptions

if TYPE_CHECKING:
    from rich.console import Console

    from tacit.commands.learn.run import Done
    from tacit.commands.learn.study import Asked


@study_command
def learn(
    source: str,
    /,
    *,
    options: LearnOptions,
    how: How = How(),  # noqa: B008  # frozen
    out: Path = Path("tacit-out/few-labels"),
) -> int:
    """From a few labels to predictions for all images, a classifier, and what to label next.

    Running the same command again goes on where it stopped; with more labels, representations that
    were learned are used again.

    Parameters
    ----------
    source
        A folder of images, an .npz, .npy or idx file, or digits, mnist-5k, mnist, fashion-mnist.
    out
        The folder for all of it; nothing that you changed is written over.
    """
    from rich.console import Console

    from tacit.studies.execution import forking
    from tacit.studies.execution.executors.launched import Launch, follow
    from tacit.studies.execution.stopping import importing, stoppable

    launch = Launch.found()
    if launch is not None and launch.rank > 0:
        return DONE if how.dry_run else follow(launch)
    if not how.dry_run:
        forking.begin()  # imports beside this process what the lines that follow import in it
    with importing():
        from tacit.commands.learn.run import perform, prompted
        from tacit.commands.learn.study import Asked
        from tacit.studies.command import list_jobs, tell_images

    console = Console()
    asked = Asked(source, options, how, out)
    with stoppable():
        task = prompted(asked, console)
        tell_images(task.prepared, console)
        if how.dry_run:
            list_jobs(task.prepared, console)
            return DONE
        done = perform(task, console)
    return _conclude(done, asked, console)


def _conclude(done: "Done", asked: "Asked", console: "Console") -> int:
    """The recommendation, the files and the next step."""
    import shlex
    from itertools import chain, count

    from tacit.questions.labels_within.words import headline, sentences
    from tacit.saved.folder import is_model_folder

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    if done.judged is None:
        say(f"Report: {done.ended.report} (some jobs failed; the same command does what is left)")
        return FAILED
    files = done.files
    console.print()
    said = [headline(done.judged).headline, *sentences(done.judged)]
    console.print(" ".join(filter(None, said)), markup=False, highlight=False)
    console.print()
    say(f"Predictions: {files.predictions}")
    say(f"Label next:  {files.next}")
    if is_model_folder(files.model):
        say(f"Classifier:  {files.model}  (tacit predict {files.model} --images …)")
    else:
        say(f"Classifier:  none; {done.judged.winner.short} makes none")
    say(f"Report:      {done.ended.report}")
    if not done.asks:
        say("Every image without a label is a copy of one with a label: nothing is left to ask.")
        return DONE
    names = chain(["more.csv"], (f"more-{n}.csv" for n in count(2)))
    more = next(path for name in names if not (path := Path(name)).exists())
    more_labels = replace(asked.options, labels=[*asked.options.labels, more])
    again = replace(asked, options=more_labels).command()
    say(
        f"Next: mv {shlex.quote(str(files.next))} {more}, fill in its column `label`, then "
        f"{shlex.join(again)}"
    )
    return DONE
