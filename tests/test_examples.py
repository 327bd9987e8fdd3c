"""Every fenced example of README and the documents runs; commands that take long are parsed."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

import tacit
from tacit.cli import app, run_command

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(path: Path, *kinds: str) -> list[str]:
    """The fenced blocks of these kinds."""
    text = path.read_text(encoding="utf-8")
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)
    return [block for kind, block in fenced if kind in kinds]


def commands(path: Path) -> list[str]:
    """The lines that call tacit, continued ones as one."""
    lines = "\n".join(blocks(path, "sh", "")).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith("tacit ")]


@pytest.mark.parametrize(
    ("path", "line"),
    [(path, line) for path in DOCUMENTS for line in commands(path)],
    ids=lambda one: one.name if isinstance(one, Path) else one[:60],
)
def test_every_command_of_the_documents_can_be_given(path: Path, line: str) -> None:
    words = shlex.split(line.partition("|")[0].partition(" > ")[0], comments=True)
    app.parse_args(words[1:], exit_on_error=False, print_error=False)


def test_commands_are_found() -> None:
    assert sum(len(commands(path)) for path in DOCUMENTS) > 20


@pytest.mark.slow
def test_the_readmes_use_of_finished_studies(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    asked = ["--images", "mnist-5k", "--train-size", "200", "--epochs", "1"]
    assert run_command(["run", "inference", *asked, "--runs", "vae"]) == 0
    assert run_command(["run", "transfer", *asked, "--runs", "classifier"]) == 0
    (first, *_) = blocks(ROOT / "README.md", "python")
    names: dict[str, Any] = {}
    exec(first, names)
    assert names["codes"].shape == (1000, 200)
    assert names["estimate"].log_prob.shape == (20,)


@pytest.mark.slow
def test_studies_from_python(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = (b for b in blocks(ROOT / "docs" / "own-code.md", "python") if "tacit.run" in b)
    without_pandas = re.sub(r"^pandas\.DataFrame\((.*)\).*$", r"\1", block, flags=re.M)
    names: dict[str, Any] = {"tacit": tacit, "images": tacit.open_images("digits").test.pixels}
    exec(without_pandas, names)
    assert names["study"].findings["transfer"].answer
