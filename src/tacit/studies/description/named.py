"""Study files: built-in ones by name, others by path."""

import os
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from tacit.images.catalog import NAMES
from tacit.studies.description.errors import StudyError, nearest

MAX_BYTES = 100_000
"""A study is a page or two; to read ten times as much takes a second, and its errors as long."""


def builtin_names() -> list[str]:
    """The studies that come with tacit."""
    folder = resources.files("tacit.studies") / "builtin"
    return sorted(p.name[: -len(".yaml")] for p in folder.iterdir() if p.name.endswith(".yaml"))


def beside(
    study: str, source: str, setting: str = "images.source", names: Sequence[str] = NAMES
) -> str:
    """A folder or file that a study names: where one lies beside the study's file, that one.

    Otherwise it is looked for where the command is given, as those of a built-in study are.

    Args:
        study: a built-in study, or the path of its file.
        source: what is named.
        setting: where it is named, for messages.
        names: what is no path.

    Raises:
        StudyError: there is none in either place.
    """
    if source in names or not source or study in builtin_names() or Path(source).is_absolute():
        return source
    near = Path(study).parent / source
    if near.exists():
        return str(near)
    if not Path(source).exists() and ("/" in source or near.parent != Path()):
        named = f", nor a named set of this name ({', '.join(names)})" if names else ""
        raise StudyError(
            study,
            [
                f"{setting} is '{source}': there is neither {near.absolute()}, beside the "
                f"study, nor {Path(source).absolute()}, where the command is given{named}"
            ],
        )
    return source


def study_text(study: str) -> tuple[str, str]:
    """The name and the text of a study: a built-in one, or a file.

    Raises:
        StudyError: if there is none, with the nearest name.
    """
    if study in builtin_names():
        file = resources.files("tacit.studies") / "builtin" / f"{study}.yaml"
        return study, file.read_text(encoding="utf-8")
    path = Path(study)
    # The system refuses to look up a name of more characters than a file's may have.
    if not os.path.isfile(path):  # noqa: PTH113
        raise StudyError(
            f"study '{study}'",
            ["neither a built-in study nor a file" + nearest(study, builtin_names())],
        )
    if path.stem in (".", ".."):
        raise StudyError(
            f"study '{study}'",
            [f"is called '{path.stem}': results would not lie in a folder of their own; rename it"],
        )
    if path.stat().st_size > MAX_BYTES:
        raise StudyError(study, [f"{path.stat().st_size} bytes; a study has at most {MAX_BYTES}"])
    try:
        return path.stem, path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise StudyError(study, [f"is not UTF-8 text: {error}"]) from None
