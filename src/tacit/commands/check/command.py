"""``tacit check``: labels that are probably wrong, copies and leaks, odd pictures."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tacit.commands.options import DONE, CommandError, study_command
from tacit.studies.options import Flag, Reading, out_of_range

FOUND = 1


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class CheckOptions(Reading):
    """The options of ``tacit check`` that results depend on."""

    labels: Annotated[
        list[Path] | None,
        Parameter(
            consume_multiple=True,
            negative=(),
            help="CSV files with the columns path (below the folder; index, from 0, of an array), "
            "label and maybe split, in place of the source's own labels.",
        ),
    ] = None
    beside: Annotated[
        Path | None,
        Parameter(help="A table of somebody else's labels: where the two differ is listed."),
    ] = None
    encoder: Annotated[
        str | None,
        Parameter(
            help="An encoder from elsewhere, timm:NAME[@FILE], onnx:FILE or features:FILE, by "
            "whose features labels, copies and odd pictures are judged."
        ),
    ] = None
    model: Annotated[
        Path | None,
        Parameter(help="A saved VAE or a study: pictures that are unlikely under it are odd."),
    ] = None
    run: Annotated[str | None, Parameter(help="The run's name, where --model is a study.")] = None
    seed: Annotated[int, Parameter(help="Of the folds in which labels are held out.")] = 0


@study_command
def check(
    source: str,
    /,
    *,
    options: CheckOptions = CheckOptions(),  # frozen
    strict: Flag = False,
    out: Path = Path("tacit-out/check"),
) -> int:
    """List labels that are probably wrong, copies and leaks, and odd pictures.

    Exit code 0 where nothing is surely wrong, 1 where something is, 2 where the images cannot be
    used. What cannot be read is listed too; with --skip-bad it does not count.

    Parameters
    ----------
    source
        A folder of images, an .npz, .npy or idx file, or digits, mnist-5k, mnist, fashion-mnist.
    strict
        Exit with 1 where something is suspected, too.
    out
        The folder for the tables and the page; no table that you changed is written over.
    """
    from rich.console import Console

    from tacit.studies.execution.stopping import importing, stoppable

    for error in out_of_range(options):
        raise CommandError(error)
    if options.run is not None and options.model is None:
        raise CommandError("--run names a run of --model, which is not given")
    with importing():
        from tacit.commands.check.run import Asked, perform
    with stoppable():
        found = perform(Asked(source, options, out), Console())
    return FOUND if found.sure or (strict and found.suspected) else DONE
