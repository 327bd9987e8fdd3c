"""Where a command runs: streams that cannot hold every character, a home that cannot be written."""

import atexit
import codecs
import os
import shutil
import sys
import tempfile
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

PLAIN = {
    "·": "-", "…": "...", "–": "-", "—": "-", "−": "-", "×": "x", "±": "+/-", "★": "*",
    "→": "->", "←": "<-", "≈": "~", "≥": ">=", "≤": "<=", "≠": "!=", "√": "sqrt", "∝": "~",
    "²": "^2", "³": "^3", "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "█": "#",
    "━": "-", "╸": "-", "╺": "-", "•": "*", "✓": "ok", "\u2028": "\n", "\u2029": "\n",
}  # fmt: skip
"""Signs and what stands for them in ASCII."""

HANDLER = "tacit-plain"


def plain(character: str) -> str:
    r"""What stands for a character in ASCII: a sign, its name, or its number, never nothing.

    >>> "".join(map(plain, "±×σ½è日\udcff"))
    '+/-xsigma1/2\\xe8\\u65e5\\udcff'
    """
    if character in PLAIN:
        return PLAIN[character]
    name = unicodedata.name(character, "")
    if name.startswith("GREEK ") and " LETTER " in name:
        spelt = name.split(" LETTER ")[1].split(" WITH ")[0].split()[-1].lower()
        return spelt.capitalize() if character.isupper() else spelt
    # A letter without its accent would be another name: letters are said by their number.
    if not unicodedata.category(character).startswith("L"):
        alike = unicodedata.normalize("NFKD", character).replace("\u2044", "/")
        if alike.isascii():
            return alike
    return character.encode("ascii", "backslashreplace").decode("ascii")


def _stand_in(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(plain, error.object[error.start : error.end])), error.end


def speak_plainly() -> None:
    """From now on, what the standard streams cannot hold is printed as `plain` has it."""
    codecs.register_error(HANDLER, _stand_in)
    for stream in (sys.stdout, sys.stderr):
        # Notebooks and tests put other things in their place, which take all text.
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors=HANDLER)


def close_quietly() -> None:
    """What is left for a standard output that nobody reads goes nowhere when Python ends."""
    with (
        suppress(OSError),
        Path(os.devnull).open("wb") as nowhere,
    ):  # notebooks' streams have no file
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


@contextmanager
def warnings_as_notes() -> Iterator[None]:
    """Within it, what tacit warns of is a line for people, without a place in its source."""
    others = warnings.showwarning

    def show(message: Any, category: type[Warning], *where: Any, **further: Any) -> None:
        if category.__module__.split(".")[0] == "tacit":
            print(f"note: {message}", file=sys.stderr)
        else:
            others(message, category, *where, **further)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def quiet_without_a_home() -> None:
    """Where the home folder cannot be written, matplotlib's own files go elsewhere, unsaid.

    It would tell every process's user what they cannot help.
    """
    if "MPLCONFIGDIR" in os.environ:
        return
    try:
        home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    except RuntimeError:  # no home at all
        home = Path(os.devnull)
    theirs = home / "matplotlib"
    # Permissions alone do not tell, so make what matplotlib would: a disk may be read-only.
    with suppress(OSError):
        theirs.mkdir(parents=True, exist_ok=True)
        if os.access(theirs, os.W_OK | os.X_OK):
            return
    folder = tempfile.mkdtemp(prefix="tacit-matplotlib-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["MPLCONFIGDIR"] = folder  # processes that are started inherit it
