"""A small study on a few digits, run once."""

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tacit.images.dataset import Images, Split
from tacit.images.sources import open_images
from tacit.studies.command import perform, prepare
from tacit.studies.execution.executors.processes import Processes
from tacit.studies.options import How, RunOptions
from tacit.studies.provenance import Told

STUDY = """
title: Small
snapshots: [1, 2]
defaults: {latent_dim: 4, epochs: 2}
runs:
  vae: {learn: vae}
  per-image: {learn: vae, posterior: per-image}
  classifier: {learn: classifier}
  few:
    learn: classifier
    train: {per_class: 2, draws: 2}
    updates: 10
    encoder: {from: classifier, frozen: true}
  autoencoder: {learn: autoencoder}
questions:
  - classifier: {run: classifier}
"""


@pytest.fixture(scope="session")
def digits() -> Split:
    opened = open_images("digits", train_size=80)
    return Split(opened.train, opened.test.take(np.arange(40)))


@pytest.fixture
def unlabelled(digits: Split) -> Split:
    return Split(*(Images(part.pixels) for part in digits))


@pytest.fixture(scope="session")
def small_study(tmp_path_factory) -> Path:
    """The YAML file of a study."""
    path = tmp_path_factory.mktemp("study") / "small.yaml"
    path.write_text(STUDY)
    return path


def run_quietly(path: Path, out: Path, **options):
    """Run a study on 80 digits; returns how it ended and what was printed."""
    jobs, explorer = options.pop("jobs", 1), options.pop("explorer", "small")
    asked = RunOptions(train_size=80, **options)
    console = Console(file=io.StringIO(), width=200)
    prepared = prepare(str(path), asked, How(jobs=jobs), out)
    told = Told("tacit run small", asked.chosen(), explorer)
    ended = perform(prepared, told, console, Processes(jobs, prepared.device))
    return ended, console.file.getvalue()


@pytest.fixture(scope="session")
def finished(small_study, tmp_path_factory):
    """The study's folder after one whole run."""
    out = tmp_path_factory.mktemp("out")
    ended, _ = run_quietly(small_study, out, jobs=2)
    assert ended.whole
    return out / "small"
