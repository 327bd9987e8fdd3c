"""The tutorials run as they stand, and what they say of their results is so."""

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tacit.cli import run_command

TUTORIALS = Path(__file__).parent.parent / "docs" / "tutorials"


def run(name: str) -> dict[str, Any]:
    """Run a tutorial's blocks in their order; what its names stand for afterwards."""
    text = (TUTORIALS / name).read_text(encoding="utf-8")
    names: dict[str, Any] = {"__name__": "tutorial"}
    for kind, block in re.findall(r"^```(python|sh)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        if kind == "python":
            exec(compile(block, name, "exec"), names)
            continue
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            assert words[0] == "tacit"
            assert run_command(words[1:]) == 0, line
    return names


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TACIT_CACHE", str(tmp_path / "cache"))


def test_every_tutorial_is_run() -> None:
    assert {path.name for path in TUTORIALS.iterdir()} == {
        "from-pictures-to-a-classifier.md",
        "anomalies.md",
        "own-part.md",
    }


def test_few_labels() -> None:
    names = run("from-pictures-to-a-classifier.md")
    assert np.mean(names["scratch"]) > 0.5
    assert np.mean(names["transferred"]) > np.mean(names["scratch"])
    assert len(Path("predictions.csv").read_text().splitlines()) == 21


def test_anomalies() -> None:
    names = run("anomalies.md")
    assert names["found"] > 0.95
    assert names["ink"] == pytest.approx(0.5)
    assert (names["odd_scores"] < names["grey"]).mean() > 0.9
    assert names["scores"].mean() > names["upside_down"].mean()


def test_own_part(capsys) -> None:
    names = run("own-part.md")
    assert names["difference"].mean() > 0
    assert "log p(x) in nats by importance sampling" in capsys.readouterr().out


def test_the_tutorials_likelihood_is_a_density() -> None:
    import torch

    text = (TUTORIALS / "own-part.md").read_text(encoding="utf-8")
    block = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert block
    names: dict[str, Any] = {"__name__": "tutorial"}
    exec(block[1], names)
    likelihood = names["Laplace"](0.1)
    grid = torch.linspace(-5, 6, 200_001, dtype=torch.float64)
    decoded = torch.zeros(1, 1, 1, 1, dtype=torch.float64)
    density = likelihood.log_prob(grid.reshape(-1, 1, 1, 1), decoded).exp()
    assert torch.trapezoid(density, grid).item() == pytest.approx(1, abs=1e-4)
    drawn = likelihood.sample(decoded.expand(100_000, 1, 1, 1), torch.Generator().manual_seed(0))
    assert (drawn - 0.5).abs().mean().item() == pytest.approx(0.1, rel=0.02)


@pytest.mark.slow
def test_the_readmes_estimators() -> None:
    from sklearn.datasets import load_digits

    import tacit

    data = load_digits()
    images = data.images / 16
    text = (TUTORIALS.parent.parent / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(autoencoder = .*?)```", text, re.DOTALL)
    names: dict[str, Any] = {
        "tacit": tacit,
        "unlabelled": images[:300],
        "few": images[:100],
        "labels": data.target[:100],
        "new": images[-3:],
    }
    exec(block, names)
    loaded = tacit.Classifier.from_pretrained("my-classifier")
    assert loaded.score(images[300:], data.target[300:]) > 0.6
