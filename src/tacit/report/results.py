"""Findings on disk: results.json for others to read, findings.json to make the page from again."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import TypeAdapter

from tacit.files import write_atomically
from tacit.measures.number import Number
from tacit.questions.finding import Finding
from tacit.report.provenance import ImagesUsed, Provenance

RESULTS, FINDINGS, ENVIRONMENT = "results.json", "findings.json", "environment.json"

T = TypeVar("T")


def write_records(folder: Path, provenance: Provenance, findings: Sequence[Finding]) -> None:
    """Write results.json, findings.json and environment.json into `folder`.

    The first two hold nothing that differs between two runs of the same study; times and the
    machine stand in the third, which is the `Provenance`.
    """
    for name, content in (
        (RESULTS, results_json(provenance.study, provenance.images, findings)),
        (FINDINGS, to_json([asdict(finding) for finding in findings])),
        (ENVIRONMENT, to_json(asdict(provenance))),
    ):
        write_atomically(folder / name, partial(Path.write_bytes, data=content))


def read_records(folder: Path) -> tuple[Provenance, tuple[Finding, ...]]:
    """What `write_records` wrote into `folder`.

    Raises:
        FileNotFoundError: a record is missing.
        ValueError: a record is damaged, or is no such record.
    """
    return (
        _read(folder / ENVIRONMENT, TypeAdapter(Provenance)),
        _read(folder / FINDINGS, TypeAdapter(tuple[Finding, ...])),
    )


def results_json(study: str, images: ImagesUsed, findings: Sequence[Finding]) -> bytes:
    """Every answer, as stated in the outside contract; the same findings give the same bytes."""
    return to_json(
        {
            "study": study,
            "images": {
                "source": images.source,
                "sha256": images.sha256,
                "train": images.train,
                "test": images.test,
            },
            "findings": [
                {
                    "question": finding.question,
                    "asks": finding.asks,
                    "answer": finding.answer,
                    "verdict": finding.verdict,
                    "headline": finding.headline,
                    "key": finding.key,
                    "label": finding.label,
                    "alerts": list(finding.alerts),
                    "numbers": {name: number(n) for name, n in finding.numbers.items()},
                    "runs": list(finding.runs),
                }
                for finding in findings
            ],
        },
        sort_keys=True,
    )


def number(measured: Number) -> dict[str, Any]:
    """A number as JSON holds it: a whole value is written as a fraction too, 3 as 3.0."""
    record = asdict(measured)
    for name in ("value", "low", "high"):
        record[name] = None if record[name] is None else float(record[name])
    return record


def to_json(record: Any, *, sort_keys: bool = False) -> bytes:
    """Indented JSON in UTF-8 that ends with a line break.

    Raises:
        ValueError: it holds NaN or an infinity.
    """
    text = json.dumps(
        record,
        indent=1,
        sort_keys=sort_keys,
        allow_nan=False,
        ensure_ascii=False,
        default=_scalar,
    )
    return f"{text}\n".encode("utf-8", "replace")


def _scalar(value: object) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a record holds {value!r}, a {type(value).__name__}; JSON has no such thing")


def _read(path: Path, kind: TypeAdapter[T]) -> T:
    try:
        return kind.validate_json(path.read_bytes(), strict=True)
    except ValueError as error:
        raise ValueError(f"{path} is damaged or no such record: {error}") from error
