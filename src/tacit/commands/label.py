"""``tacit label``: a page on this machine to label images on, which learns while you do."""

import contextlib
import shlex
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tacit.commands.options import DONE, CommandError, study_command
from tacit.studies.options import LearnOptions, Reading, out_of_range

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Console

    from tacit.page.server import Shown


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class LabelOptions(Reading):
    """The options of ``tacit label``."""

    labels: Annotated[
        Path,
        Parameter(help="The table that answers are written to; one that is there is gone on with."),
    ] = Path("labels.csv")
    encoder: Annotated[
        str | None,
        Parameter(
            help="An encoder from elsewhere, timm:NAME[@FILE], onnx:FILE or features:FILE, whose "
            "features say which images are alike; without it tacit learns that from the images."
        ),
    ] = None
    beside: Annotated[
        Path | None,
        Parameter(help="A table of somebody else's labels: where the two differ is shown."),
    ] = None
    model: Annotated[
        Path | None,
        Parameter(help="A saved VAE or a study: the map shows log p(x) under it."),
    ] = None
    run: Annotated[str | None, Parameter(help="The run's name, where --model is a study.")] = None
    by: Annotated[
        str | None,
        Parameter(help="Who labels, for the table; by default your name on this machine."),
    ] = None
    seed: Annotated[int, Parameter(help="Of what is learned, and of the first images.")] = 0


@study_command
def label(
    source: str,
    /,
    *,
    options: LabelOptions = LabelOptions(),  # frozen
    out: Path | None = None,
    port: int = 0,
    browser: Annotated[bool, Parameter(negative="--no-browser")] = True,
) -> int:
    """Label images on a page in the browser; every answer sorts all the others.

    The page is for this machine and whoever has its address; it ends with Ctrl-C, and loses
    nothing. `tacit learn SOURCE --labels labels.csv` reads the table that it writes; with --out it
    follows by itself when the page ends.

    Parameters
    ----------
    source
        A folder of images, an .npz, .npy or idx file, or digits, mnist-5k, mnist, fashion-mnist.
    out
        The folder for what `tacit learn` makes of the labels when the page ends: predictions, a
        classifier, a report, and representations, which it then finds done.
    port
        Of the page; 0 for any that is free.
    browser
        Open the page in the browser.
    """
    from rich.console import Console

    for error in out_of_range(options):
        raise CommandError(error)
    if not 0 <= port < 65536:
        raise CommandError(f"--port is {port}; it is 0 to 65535")
    if options.run is not None and options.model is None:
        raise CommandError("--run names a run of --model, which is not given")
    if options.labels.is_dir():
        raise CommandError(f"--labels is {options.labels}, a folder; name a file")
    if not options.labels.parent.is_dir():
        raise CommandError(f"--labels: there is no folder {options.labels.parent}")
    if out is not None:
        from tacit.commands.learn.files import Files

        Files(out).check()
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as error:
        raise CommandError(f"the page needs {error.name}: pip install 'tacit[page]'") from None
    from tacit.errors import UnlikeImagesError
    from tacit.studies.execution.stopping import importing, stoppable

    with importing():
        import tacit.page.server  # noqa: F401
    console = Console()
    with stoppable():
        try:
            shown, score = opened(source, options, console)
        except UnlikeImagesError as unlike:
            # The pictures are shown as they are; only what is learned from them is of one size.
            options = replace(options, size=unlike.size, channels=unlike.channels)
            shown, score = opened(source, options, console)
    if out is not None:
        shown.out = str(out)
    ended = _serve(shown, score, port, browser, console)
    shown.session.table.keep()
    return _learn(source, options, out, shown, console) if ended == DONE else ended


def learn_options(options: LabelOptions) -> LearnOptions:
    """Those of the command that learns from the labels, on the features that are there."""
    shared = {field.name: getattr(options, field.name) for field in fields(Reading)}
    encoder = None if options.encoder is None else [options.encoder]
    return LearnOptions(labels=[options.labels], encoder=encoder, seed=options.seed, **shared)


def to_learn(source: str, options: LabelOptions, out: Path | None = None) -> list[str]:
    """The words of that command."""
    told = [] if out is None else ["--out", str(out)]
    return ["tacit", "learn", source, *learn_options(options).words(), *told]


def _learn(
    source: str, options: LabelOptions, out: Path | None, shown: "Shown", console: "Console"
) -> int:
    """After the page: what `tacit learn` makes of the labels, into `out`; else how to get there."""

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    again = shlex.join(to_learn(source, options, out))
    _, rows, y, _ = shown.session.given()
    if not shown.session.table.path.exists():
        say(f"No image was answered, so that {options.labels} was not made.")
        return DONE
    if out is None:
        say(f"Next: {again}")
        return DONE
    if len(set(y)) < 2 or len(rows) == len(shown.session.names):
        why = "labels of two classes" if len(set(y)) < 2 else "an image without a label"
        say(f"Nothing is learned into {out}: that takes {why}.")
        return DONE
    from tacit.commands.learn.command import learn

    say(f"Learning from {len(rows):,} labels into {out}: {again}")
    return learn(source, options=learn_options(options), out=out)


def opened(
    source: str, options: LabelOptions, console: "Console"
) -> "tuple[Shown, Callable[[], NDArray[np.float64]] | None]":
    """The images, their codes and the table, read and checked, with the session that they make.

    Beside it what works out log p(x) of them, which takes its time; None without a model.

    Raises:
        CommandError, ImagesError: what cannot be used, and why.
    """
    import getpass

    import numpy as np

    from tacit.commands.learn.pool import read_pool
    from tacit.commands.likely import log_prob_of, open_vae
    from tacit.encoders.opening import features_of, open_encoder
    from tacit.images.originals import of_arrays
    from tacit.images.tables import Names
    from tacit.page.codes import codes_for_labelling
    from tacit.page.correcting import two_people
    from tacit.page.server import Shown
    from tacit.page.session import Session
    from tacit.page.table import LabelTable, read_beside
    from tacit.studies.execution.progress import reading
    from tacit.training.devices import device_of

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    encoder = None
    if options.encoder is not None:
        encoder = open_encoder(options.encoder, str(device_of("auto")))
    pool = read_pool(source, options, console)
    if len(pool.images) < 3:
        raise CommandError(f"{source} has {len(pool.images)} images; three or more can be sorted")
    try:
        by = options.by or getpass.getuser()
    except (OSError, KeyError):
        by = "unknown"
    vae = None
    if options.model is not None:
        vae = open_vae(options.model, options.run, pool.images.shape)
    names = Names(pool.names, pool.column, pool.images.source, pool.root)
    table = LabelTable(options.labels, names, by=by, left_out=pool.skipped)
    beside = {}
    if options.beside is not None:
        beside = read_beside(options.beside, names, table, left_out=pool.skipped)
    for note in [*pool.opened.notes, *table.notes]:
        say(note)
    originals = pool.images.originals or of_arrays(pool.images.pixels)[0]
    if encoder is None:
        codes = codes_for_labelling(pool.images, seed=options.seed, say=say)
    else:
        with reading(console, "encoding images") as progress:
            codes = features_of(encoder, pool.images, progress)
    copies = np.unique(pool.contents, return_inverse=True)[1].astype(np.int64)
    session = Session(codes, table, copies, seed=options.seed, progress=say)
    if beside:
        found = two_people(session, beside)
        say(
            f"{options.labels} and {options.beside}: {found}."
            if found.both
            else f"{options.labels} and {options.beside}: no image has a label in both yet."
        )
    shown = Shown(
        session,
        pool.images,
        originals,
        title=pool.images.source,
        beside=beside,
        scored=vae is not None,
    )
    if vae is None:
        return shown, None
    return shown, lambda: log_prob_of(vae, pool.images)[0]


def _serve(
    shown: "Shown",
    score: "Callable[[], NDArray[np.float64]] | None",
    port: int,
    browser: bool,
    console: "Console",
) -> int:
    """Until Ctrl-C."""
    import socket
    import threading
    import webbrowser

    import uvicorn

    from tacit.page.server import HOST, application, new_token

    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError as error:
        raise CommandError(f"--port {port}: {error.strerror}; name another, or 0") from None
    listening.listen()
    port = listening.getsockname()[1]
    token = new_token()

    def finish() -> None:
        server.should_exit = True

    app = application(
        shown, token=token, port=lambda: port, closing=shown.session.close, finish=finish
    )
    config = uvicorn.Config(
        app, http="h11", ws="none", log_level="warning", access_log=False, server_header=False,
        timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    address = f"http://{HOST}:{port}/{token}/"
    threading.Thread(target=shown.draw, args=(score,), name="map", daemon=True).start()
    table = shown.session.table.path
    console.print(
        f"Label here: {address}\nAnswers go to {table}. Ctrl-C ends the page; nothing is lost"
        + (f", and what they say goes to {shown.out}." if shown.out else "."),
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip
    if browser:
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn ends in order, and passes the signal on
        server.run(sockets=[listening])
    return DONE
