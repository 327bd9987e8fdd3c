"""Options that commands share, and what becomes of errors. Nothing here costs time to import."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from cyclopts import Parameter

if TYPE_CHECKING:
    from tacit.commands.inputs import Inputs
    from tacit.saved.trained import TrainedModel

DONE, FAILED, USAGE = 0, 1, 2
GOES_ON = "nothing that was finished is lost, and the same command goes on"
Command = TypeVar("Command", bound=Callable[..., int])


class CommandError(ValueError):
    """What was asked cannot be done; the message says why and what can."""


@Parameter(name="*")
@dataclass(frozen=True)
class Which:
    """Which run of a study; a folder of a saved model needs none of them."""

    run: Annotated[str | None, Parameter(help="The run's name, where MODEL is a study.")] = None
    seed: Annotated[int | None, Parameter(help="Which repetition; the first by default.")] = None
    draw: Annotated[int, Parameter(help="Which choice of few labels.")] = 0
    epoch: Annotated[
        int | None, Parameter(help="The snapshot of that epoch; the final model by default.")
    ] = None


@Parameter(name="*")
@dataclass(frozen=True)
class Source:
    """Which images, and how many of them."""

    images: Annotated[
        list[str] | None,
        Parameter(
            consume_multiple=True,
            negative=(),
            help="A named set, a folder, an .npz, .npy or idx file, or image files; a study's "
            "test images by default.",
        ),
    ] = None
    data_dir: Annotated[Path | None, Parameter(help="Folder that holds a named set's files.")] = (
        None
    )
    limit: Annotated[int | None, Parameter(help="Only the first so many images.")] = None
    skip_bad: Annotated[
        bool,
        Parameter(
            negative=(),
            show_default=False,
            help="Leave unreadable images out instead of stopping.",
        ),
    ] = False


def command(function: Command) -> Command:
    """Errors of the user's making are said in one line, with exit code 2.

    Exit code 1 where a cluster is lost, after which the same command goes on.
    """

    @functools.wraps(function)
    def careful(*arguments: Any, **options: Any) -> int:
        from tacit.errors import ClusterLost, ImagesError
        from tacit.studies.description.errors import StudyError

        try:
            return function(*arguments, **options)
        except BrokenPipeError:
            raise
        except ClusterLost as error:
            return _ended(FAILED, f"{error}; {GOES_ON}")
        except (CommandError, StudyError, ImagesError, OSError) as error:
            return _ended(USAGE, _words(error))

    return careful  # type: ignore[return-value]


def study_command(function: Command) -> Command:
    """For commands that run studies: errors are said in one line.

    Exit code 2 for what cannot be used; 1 for a file that cannot be written, or a cluster that is
    lost, after which the same command goes on.
    """

    @functools.wraps(function)
    def careful(*arguments: Any, **options: Any) -> int:
        from tacit.errors import ClusterLost, ImagesError
        from tacit.files import NotWritten
        from tacit.studies.description.errors import StudyError

        try:
            from tacit.studies.execution.holding import FolderError
        except ModuleNotFoundError as error:
            if error.name != "fcntl":
                raise
            return _ended(
                USAGE,
                "studies run on Linux and macOS, and on Windows within WSL: this system has no "
                "fcntl, by which a study's folder is held",
            )

        try:
            return function(*arguments, **options)
        except (NotWritten, ClusterLost) as error:
            return _ended(FAILED, f"{error}; {GOES_ON}")
        except (CommandError, StudyError, ImagesError, FolderError) as error:
            return _ended(USAGE, str(error))
        except OSError as error:  # of a path that was given: too long a name, a folder not readable
            if error.filename is None:
                raise
            return _ended(USAGE, _words(error))

    return careful  # type: ignore[return-value]


def _ended(code: int, error: str) -> int:
    """Say the error in one line; the exit code."""
    from rich.console import Console

    Console(stderr=True, soft_wrap=True).print(f"error: {error}", markup=False, highlight=False)
    return code


@contextmanager
def errors_of_use() -> Iterator[None]:
    """What the library refuses becomes a `CommandError`."""
    try:
        yield
    except (ValueError, TypeError, OSError) as error:
        raise CommandError(_words(error)) from error


def _words(error: Exception) -> str:
    """What an error says; of one of the system the file and the reason, without its number."""
    from tacit.files import NotWritten

    if isinstance(error, OSError) and not isinstance(error, NotWritten) and error.strerror:
        return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    return str(error)


def check_limit(source: Source) -> None:
    """See that the number of images makes sense.

    Raises:
        CommandError: it does not.
    """
    if source.limit is not None and source.limit < 1:
        raise CommandError(f"--limit is {source.limit}; it is at least 1")


def open_model(model: Path, which: Which, encoder: str | None = None) -> "TrainedModel":
    """The model that was named.

    Raises:
        CommandError: there is none, or it is damaged.
    """
    from tacit.saved.trained import load

    with errors_of_use():
        return load(
            model,
            which.run,
            seed=which.seed,
            draw=which.draw,
            epoch=which.epoch,
            encoder=encoder,
        )


def open_inputs(
    model: Path, trained: "TrainedModel", source: Source, *, as_they_are: bool = False
) -> "Inputs":
    """The images that were named, or a study's test images, made alike to the model's.

    as_they_are: refuse images of another shape instead.

    Raises:
        CommandError: none were named, and MODEL is no study.
        ImagesError: they cannot be used.
    """
    from tacit.commands.inputs import read_inputs, study_inputs

    check_limit(source)
    if trained.reads_originals:
        raise CommandError(
            f"{model} reads original pictures by an encoder from elsewhere, and gives their "
            "classes: tacit predict; the features are had by tacit encode IMAGES --encoder SOURCE"
        )
    if source.images:
        inputs = read_inputs(
            source.images,
            trained.shape,
            data_dir=source.data_dir,
            skip_bad=source.skip_bad,
            as_they_are=as_they_are,
        )
    elif (model / "images").is_dir():
        inputs = study_inputs(model)
        if not len(inputs):
            raise CommandError(f"{model} has no test images; name the images: --images SOURCE")
    else:
        raise CommandError("name the images: --images SOURCE")
    return inputs if source.limit is None else inputs.first(source.limit)
