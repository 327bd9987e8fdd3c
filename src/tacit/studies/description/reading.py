"""Studies from their text; every error at once."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tacit.questions.base import Question
from tacit.questions.registry import QUESTIONS
from tacit.studies.description.errors import StudyError, errors_of, nearest, placed
from tacit.studies.description.former_names import renamed
from tacit.studies.description.graph import graph_errors
from tacit.studies.description.places import elsewhere
from tacit.studies.description.spec import MAX_RUNS, Run, Study

MAX_DEPTH = 12


def parse(text: str, where: str) -> tuple[Study, Sequence[Question]]:
    """A study and its questions from YAML text.

    A table `defaults` holds settings that every run has unless it says otherwise.

    Raises:
        StudyError: all errors of the text, with their lines.
    """
    data = _load(text, where)
    if not isinstance(data, dict):
        raise StudyError(where, ["a study is a table with the keys title, runs and questions"])
    renamed(data)
    errors: list[str] = []
    merged = _with_defaults(data, errors)
    study = None
    try:
        study = Study.model_validate(merged)
    except ValidationError as error:
        errors += [_suggest(one) for one in errors_of(error, data)]
    questions = _questions(data, errors)
    runs = _sound_runs(merged) if study is None else study.runs
    if runs is not None:
        errors += [placed(data, *one) for one in graph_errors(runs, questions)]
    if errors or study is None:
        raise StudyError(where, dict.fromkeys(errors))
    return study, list(questions.values())


def _sound_runs(merged: dict[str, Any]) -> dict[str, Run] | None:
    """The runs of a study that has errors, if those lie elsewhere."""
    try:
        if len(merged["runs"]) > MAX_RUNS:
            return None
        return {name: Run.model_validate(run) for name, run in merged["runs"].items()}
    except (ValidationError, KeyError, AttributeError, TypeError):
        return None


def _load(text: str, where: str) -> Any:
    yaml = YAML(typ="rt")
    yaml.allow_duplicate_keys = False
    depth = 0
    try:
        for event in yaml.parse(text):
            kind = type(event).__name__
            depth += kind.endswith("StartEvent") and kind[:3] in ("Map", "Seq")
            depth -= kind.endswith("EndEvent") and kind[:3] in ("Map", "Seq")
            if depth > MAX_DEPTH:
                raise StudyError(where, [f"tables nest deeper than {MAX_DEPTH}"])
            line = event.start_mark.line + 1
            if kind == "AliasEvent":
                raise StudyError(
                    where, [f"line {line}: aliases (*name) are not read; write it out"]
                )
            if any("\ud800" <= c <= "\udfff" for c in getattr(event, "value", None) or ""):
                raise StudyError(where, [f"line {line}: half a character, which no page can hold"])
            if getattr(event, "tag", None) is not None:
                raise StudyError(
                    where, [f"line {line}: tags ({event.tag}) are not read; leave it out"]
                )
        return yaml.load(text)
    except (YAMLError, ValueError) as error:
        if isinstance(error, StudyError):
            raise
        raise StudyError(where, [_yaml_error(error)]) from None
    except RecursionError:
        raise StudyError(where, [f"tables nest deeper than {MAX_DEPTH}"]) from None


def _yaml_error(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    first, *_ = str(problem).strip().splitlines()
    return place + first


def _with_defaults(data: dict[str, Any], errors: list[str]) -> dict[str, Any]:
    merged = {key: value for key, value in data.items() if key != "defaults"}
    defaults, runs = data.get("defaults") or {}, data.get("runs")
    if not isinstance(defaults, dict):
        errors.append("defaults: is not a table")
    elif isinstance(runs, dict):
        for key in defaults:
            if key not in Run.model_fields:
                one = "unknown key" + _right_place(str(key), "run")
                errors.append(placed(data, ("defaults", key), one))
        known = {key: value for key, value in defaults.items() if key in Run.model_fields}
        merged["runs"] = {
            name: {**known, **run} if isinstance(run, dict) else run for name, run in runs.items()
        }
    return merged


def _suggest(one: str) -> str:
    if not one.endswith(": unknown key"):
        return one
    path = one[: -len(": unknown key")].split(", ")[-1].split(".")
    if path[0] == "runs" and len(path) == 3:
        return one + _right_place(path[-1], "run")
    return one + _right_place(path[-1], "study") if len(path) == 1 else one


def _right_place(key: str, inside: Literal["run", "study"]) -> str:
    """Where an unknown key belongs, or what was meant by it."""
    fields = Run.model_fields if inside == "run" else [*Study.model_fields, "defaults"]
    return elsewhere(key, inside) or nearest(key, fields)


def _questions(data: dict[str, Any], errors: list[str]) -> dict[int, Question]:
    """The sound questions by their position."""
    questions: dict[int, Question] = {}
    tables = data.get("questions")
    for position, table in enumerate(tables if isinstance(tables, list) else []):
        if not (isinstance(table, dict) and len(table) == 1):
            continue  # the study's own rule names this one
        ((name, arguments),) = table.items()
        path = ("questions", position, name)
        if name not in QUESTIONS:
            errors.append(placed(data, path, "unknown question" + nearest(str(name), QUESTIONS)))
            continue
        try:
            questions[position] = QUESTIONS[name].model_validate(arguments or {})
        except ValidationError as error:
            known = QUESTIONS[name].model_fields
            for one in errors_of(error, data, path):
                key = one.removesuffix(": unknown key").split(".")[-1]
                errors.append(one + (nearest(key, known) if one.endswith("key") else ""))
    return questions
