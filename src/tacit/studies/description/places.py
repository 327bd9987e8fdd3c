"""Where a study's keys belong: for keys in the wrong place, and as a JSON schema for editors."""

from collections.abc import Iterator
from typing import Any, Literal, get_args

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from tacit.questions.registry import QUESTIONS
from tacit.studies.description.spec import Run, Study


def elsewhere(key: str, inside: Literal["run", "study"]) -> str:
    """Where a key belongs that a study does not have where it was written; "" if nowhere.

    inside: "run" for a key of a run or of `defaults`, "study" for one of the study's own.

    >>> elsewhere("beta", "run")
    '; it belongs to objective: objective: {beta: …}'
    >>> elsewhere("seeds", "run")
    '; it belongs to the study itself, beside runs'
    """
    if inside == "run" and key in Study.model_fields:
        return "; it belongs to the study itself, beside runs"
    if inside == "study" and key in Run.model_fields:
        return "; it belongs to a run, or to defaults for all of them"
    for model, whose in ((Study, ""), (Run, " of a run")) if inside == "study" else ((Run, ""),):
        homes = [
            name for name, found in _tables(model) if any(key in t.model_fields for t in found)
        ]
        homes = [name for name in homes if name != "runs"]
        if homes:
            return f"; it belongs to {' or '.join(homes)}{whose}: {homes[0]}: {{{key}: …}}"
    return ""


def schema() -> dict[str, Any]:
    """What a study's file may hold, as a JSON schema (draft 2020-12) for editors."""
    kinds: dict[str, type[BaseModel]] = {kind.name: kind for kind in QUESTIONS.values()}
    models: tuple[type[BaseModel], ...] = (Study, Run, *kinds.values())
    refs, shared = models_json_schema(
        [(model, "validation") for model in models], title="A tacit study"
    )
    definitions = shared["$defs"]
    del definitions["Run"]["required"]  # `defaults` may say what a run leaves out
    study = definitions.pop("Study")
    properties = study["properties"]
    properties["defaults"] = refs[Run, "validation"]
    properties["questions"]["items"] = {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
        "properties": {
            name: {"anyOf": [refs[kind, "validation"], {"type": "null"}]}
            for name, kind in kinds.items()
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **study,
        "title": shared["title"],
        "$defs": definitions,
    }


def _tables(model: type[BaseModel]) -> Iterator[tuple[str, list[type[BaseModel]]]]:
    """The keys of a table that are tables themselves, with what each may be."""
    for name, field in model.model_fields.items():
        found = list(_models(field.annotation))
        if found:
            yield name, found


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
