"""The explorer on disk, beside a study's other records, and in the page."""

import base64
import json
from dataclasses import asdict, dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path

from markupsafe import Markup
from pydantic import TypeAdapter

from tacit.files import write_atomically
from tacit.report.explorer.making import Explorer

EXPLORER = "explorer.json"

SCRIPTS = ("network.js", "explorer.js")


def write_explorer(folder: Path, explorer: Explorer | None) -> None:
    """Write explorer.json into a study's folder, or take away what an earlier one left."""
    if explorer is None:
        (folder / EXPLORER).unlink(missing_ok=True)
        return
    text = json.dumps(asdict(explorer), allow_nan=False) + "\n"
    write_atomically(folder / EXPLORER, partial(Path.write_text, data=text, encoding="utf-8"))


def read_explorer(folder: Path) -> Explorer | None:
    """What `write_explorer` wrote; None where there is none.

    Raises:
        ValueError: it is damaged, or is no such record.
    """
    path = folder / EXPLORER
    if not path.exists():
        return None
    try:
        explorer = TypeAdapter(Explorer).validate_json(path.read_bytes(), strict=True)
        base64.b64decode(explorer.data, validate=True)
    except ValueError as error:
        raise ValueError(f"{path} is damaged or no such record: {error}") from error
    return explorer


@dataclass(frozen=True)
class Embedded:
    """The explorer as the page's template takes it.

    Attributes:
        note: how exact it is, in words.
        content: the tables, as JSON in which no tag can begin. data: the packed numbers.
        scripts: the program.
    """

    note: str
    content: Markup
    data: Markup
    scripts: tuple[Markup, ...]


def embedded(explorer: Explorer) -> Embedded:
    """An explorer made ready for the page."""
    content = json.dumps(explorer.content, allow_nan=False).replace("<", r"\u003c")
    here = files("tacit.report.explorer")
    scripts = tuple(Markup((here / name).read_text(encoding="utf-8")) for name in SCRIPTS)
    return Embedded(explorer.note, Markup(content), Markup(explorer.data), scripts)
