"""All errors of a study file at once, each with its place."""

import difflib
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from tacit.images.bounded import printable

NAME = r"^[a-z0-9][a-z0-9-]{0,63}$"
"""Of runs, questions and what else a study calls by a name."""

AT_MOST = 100
"""So many errors are listed."""

_WANTED = {
    "int": "a whole number",
    "float": "a number",
    "finite_number": "a finite number",
    "bool": "true or false",
    "string_type": "text",
    "string_sub_type": "text",
    "list": "a list",
    "tuple": "a list",
    "dict": "a table",
    "model": "a table",
    "mapping": "a table",
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "multiple_of": "a multiple of {multiple_of}",
    "too_short": "of at least {min_length} items",
    "too_long": "of at most {max_length} items",
    "string_too_short": "at least {min_length} characters long",
    "string_too_long": "at most {max_length} characters long",
}
"""What a value is to be, by the beginning of pydantic's name of an error."""


class StudyError(ValueError):
    """A study that cannot be run, with every error found."""

    def __init__(self, where: str, errors: Iterable[str]) -> None:
        self.errors = ["\n".join(map(printable, found.split("\n"))) for found in errors]
        listed = "\n".join(f"  - {found}" for found in self.errors[:AT_MOST])
        if len(self.errors) > AT_MOST:
            listed += f"\n  and {len(self.errors) - AT_MOST:,} more"
        count = "1 error" if len(self.errors) == 1 else f"{len(self.errors):,} errors"
        super().__init__(f"{printable(where)}: {count}\n{listed}")


def said(value: Any) -> str:
    """A value in an error: as it is written where it is short, else what it is.

    >>> said(3), said("x" * 100), said(16**5000)
    ('3', 'a text', 'a whole number of 20001 bits')
    """
    if isinstance(value, int) and value.bit_length() > 128:  # Python writes no very long one
        return f"a whole number of {value.bit_length()} bits"
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # it holds such a number, or itself
        return f"a {type(value).__name__}"
    if len(text) < 60:
        return text
    kinds = {dict: "table", list: "list", tuple: "list", str: "text"}
    found = next((kind for of, kind in kinds.items() if isinstance(value, of)), "")
    return f"a {found or type(value).__name__}"


def nearest(name: str, choices: Iterable[str]) -> str:
    """``; did you mean 'vae'? Choices: …`` for an unknown name.

    >>> nearest("vea", ["vae", "classifier"])
    "; did you mean 'vae'? Choices: classifier, vae"
    """
    choices = sorted(choices)
    close = difflib.get_close_matches(name, choices, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"; {hint}Choices: {', '.join(choices) or 'none'}"


def line_of(data: Any, path: tuple[int | str, ...]) -> int | None:
    """The line (from 1) at which `path` stands in a document that ruamel.yaml read."""
    line = None
    for step in path:
        mark = getattr(data, "lc", None)
        try:
            if mark is not None:
                place = mark.key(step) if isinstance(data, dict) else mark.item(step)
                line = place[0] + 1
            data = data[step]
        except (KeyError, IndexError, TypeError):
            break
    return line


def errors_of(error: ValidationError, data: Any, prefix: tuple[int | str, ...] = ()) -> list[str]:
    """One sentence for each error: its line, its path, its value, the rule."""
    errors = []
    for found in error.errors(include_url=False):
        path = (*prefix, *_without_tags(found["loc"], data, prefix))
        errors.append(placed(data, path, _rule(found)))
    return errors


def placed(data: Any, path: tuple[int | str, ...], found: str) -> str:
    """An error with its line and its path."""
    line = line_of(data, path)
    dotted = ".".join(s if isinstance(s, str) else said(s) for s in path) or "the file"
    return f"{'' if line is None else f'line {line}, '}{dotted}: {found}"


def _without_tags(
    loc: tuple[int | str, ...], data: Any, prefix: tuple[int | str, ...]
) -> tuple[int | str, ...]:
    """Leave out the names of alternatives that pydantic puts into a path, as in network.conv."""
    for step in prefix:
        data = data[step] if hasattr(data, "__getitem__") else None
    path = []
    for position, step in enumerate(loc):
        last = position == len(loc) - 1
        if isinstance(data, dict) and (step in data or last):
            path.append(step)
            data = data.get(step)
        elif isinstance(data, list) and isinstance(step, int):
            path.append(step)
            data = data[step] if step < len(data) else None
    return tuple(path)


def _rule(found: Any) -> str:
    kind, value, context = found["type"], found["input"], found.get("ctx", {})
    if kind == "extra_forbidden":
        return "unknown key"
    if kind == "missing":
        return "is missing"
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return f"{said(value)} is none of {context['expected']}" + (
            nearest(value, _choices(context["expected"])).split("Choices")[0].rstrip()
            if isinstance(value, str)
            else ""
        )
    if kind == "union_tag_invalid":
        return f"kind {context['tag']!r} is none of {context['expected_tags']}"
    if kind == "string_pattern_mismatch" and context["pattern"] != NAME:
        return f"{said(value)} is not of the form {context['pattern']}"
    if kind == "string_pattern_mismatch":
        return (
            f"{said(value)} is no name; names are lower-case letters, digits and hyphens, "
            "at most 64 of them"
        )
    if kind == "invalid_key":
        return f"{said(value)} is no name of a setting, which is text"
    if kind == "union_tag_not_found":
        return "`kind` is missing" if isinstance(value, dict) else f"{said(value)}; it is a table"
    if wanted := wanted_of(found):
        return f"{said(value)}; it is {wanted}"
    return f"{said(value)}: {found['msg'][0].lower()}{found['msg'][1:]}"


def wanted_of(found: Any) -> str:
    """What a value had to be, in words: "at least 1"; "" where an error is of no such kind."""
    kind = found["type"]
    begins = [name for name in _WANTED if kind == name or kind.startswith(f"{name}_")]
    wanted = _WANTED[max(begins, key=len)] if begins else ""
    bounds = found.get("ctx", {})
    return wanted.format(
        **{name: f"{b:g}" if isinstance(b, float) else b for name, b in bounds.items()}
    )


def _choices(expected: str) -> list[str]:
    return [word.strip().strip("'") for word in expected.replace(" or ", ",").split(",")]
