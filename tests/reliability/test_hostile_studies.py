"""Study files made to harm: refused with a reason, in bounded time and memory, running nothing."""

import time
from typing import Any

import pytest
from rich.console import Console

from peak import megabytes_of
from tacit.images.dataset import Split
from tacit.images.sources import open_images
from tacit.studies.description.errors import AT_MOST, StudyError
from tacit.studies.description.named import MAX_BYTES, study_text
from tacit.studies.description.reading import parse
from tacit.studies.description.spec import MAX_RUNS
from tacit.studies.execution.plan import MAX_JOBS, plan

STUDY = "title: t\nruns:\n  a: {learn: vae}\n"
RUNS = "title: t\nruns:\n"

HOSTILE = {
    "decimal digits": (f"{STUDY}seeds: [{'9' * 90_000}]\n", "4300"),
    "hexadecimal": (f"{STUDY}seeds: [0x{'f' * 90_000}]\n", "a whole number of 360000 bits"),
    "octal": (f"{STUDY}seeds: [0o{'7' * 90_000}]\n", "a whole number of 270000 bits"),
    "a long key": (f"{STUDY}? 0x{'f' * 9_000}\n: 1\n", "a whole number of 36000 bits"),
    "long epochs": (f"{RUNS}  a: {{learn: vae, epochs: 0x{'f' * 9_000}}}\n", "36000 bits"),
    "infinity": (f"{STUDY}seeds: [1e999999999]\n", "inf; it is a finite number"),
    "deep flow": ("x: " + "[" * 90_000, "nest deeper than 12"),
    "deep keys": ("? " * 45_000, "nest deeper than 12"),
    "deep lists": ("- " * 45_000, "nest deeper than 12"),
    "deep blocks": ("\n".join(" " * i + "a:" for i in range(400)), "nest deeper than 12"),
    "exploding aliases": (
        "a: &a [x, x]\n" + "".join(f"{c}: &{c} [*a, *a]\n" for c in "bcdefgh"),
        "line 2: aliases",
    ),
    "code": ("title: !!python/object/apply:os.system ['touch sprung']\nruns: {}\n", "tags"),
    "code by another name": (
        "%TAG ! tag:yaml.org,2002:python/\n---\ntitle: !object/apply:os.system [x]\nruns: {}\n",
        "tags",
    ),
    "an object": (f"{STUDY}seeds: !!python/tuple [0]\n", "line 4: tags"),
    "two of a key": (f"{STUDY}title: u\n", "duplicate key"),
    "two of a key in a run": (f"{RUNS}  a: {{learn: vae, learn: vae}}\n", "duplicate key"),
    "many runs": (
        RUNS + "".join(f"  r{i}: {{learn: vae}}\n" for i in range(700)),
        f"at most {MAX_RUNS} items",
    ),
    "a long chain": (
        RUNS + "".join(f"  r{i}: {{learn: vae, encoder: {{from: r{i+1}}}}}\n" for i in range(900)),
        f"at most {MAX_RUNS} items",
    ),
    "many questions": (
        f"{STUDY}questions:\n" + "  - classifier: {run: a}\n" * 600,
        "at most 500 items",
    ),
    "many errors": (
        STUDY + "".join(f"key{i}: 1\n" for i in range(3_000)),
        f"and {3_000 - AT_MOST:,} more",
    ),
    "a key for the terminal": (f'{STUDY}"\\e[2J": 1\n', r"\x1b[2J: unknown key"),
    "half a character": (f'title: "\\uD800"\n{RUNS[9:]}  a: {{learn: vae}}\n', "half a character"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_study_is_refused(name, tmp_path, monkeypatch) -> None:
    text, reason = HOSTILE[name]
    assert len(text) <= MAX_BYTES
    monkeypatch.chdir(tmp_path)
    began = time.process_time()
    with pytest.raises(StudyError) as refused:
        parse(text, "study")
    assert time.process_time() - began < 20
    message = str(refused.value)
    assert reason in message
    assert len(message) < 30_000
    assert "\x1b" not in message
    message.encode()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_hostile_studies_take_little_memory(tmp_path) -> None:
    for name in ("decimal digits", "hexadecimal", "deep flow", "exploding aliases", "many errors"):
        (tmp_path / f"{name}.yaml").write_text(HOSTILE[name][0])
    code = """
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        parse(study_text(str(path))[1], "study")
    except StudyError:
        continue
    raise AssertionError(path)
"""
    imports = """
from pathlib import Path
from tacit.studies.description.errors import StudyError
from tacit.studies.description.named import study_text
from tacit.studies.description.reading import parse
"""
    assert megabytes_of(code, str(tmp_path), imports=imports) < 150


def test_a_large_file_is_not_read(tmp_path) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(10 * 2**30)  # takes no disk
    with pytest.raises(StudyError, match="a study has at most"):
        study_text(str(path))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"{STUDY}seeds: [{', '.join(map(str, range(1_000)))}]\n", None),
        (f"{RUNS}  a: {{learn: vae, train: {{per_class: 1, draws: 1000}}}}\n"
         f"seeds: [{', '.join(map(str, range(100)))}]\n", "100,000 jobs"),
        (f"{RUNS}  a: {{learn: vae, epochs: 1000000000}}\n", None),
    ],
    ids=["seeds", "draws", "epochs"],
)  # fmt: skip
def test_a_plan_is_bounded(text, reason) -> None:
    opened = open_images("digits", train_size=20)
    images = Split(opened.train, opened.test)
    study, questions = parse(text, "study")
    if reason is None:
        study = study.model_copy(update={"seeds": study.seeds[:3]})
        assert len(plan(study, questions, images).jobs) <= 3
        return
    with pytest.raises(ValueError, match=f"{reason}; a study has at most {MAX_JOBS:,}"):
        plan(study, questions, images)


def test_titles_are_no_markup() -> None:
    """A closing tag that opens nothing would end the command with a traceback after its work."""
    from types import SimpleNamespace

    from tacit.cli import _conclude
    from tacit.questions.finding import Finding

    finding = Finding("q", "[/x] [bold]", "?", "", {}, (), headline="[/y]", alerts=("[/z]",))
    said = {"findings": [finding], "alerts": finding.alerts, "unanswered": {}, "report": "r"}
    ended: Any = SimpleNamespace(**said)
    console = Console(record=True, width=80)
    _conclude(ended, console)
    shown = console.export_text()
    assert "[/x] [bold]" in shown
    assert "Cannot tell. [/y]" in shown
    assert "[/z]" in shown
