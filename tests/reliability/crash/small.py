"""Small studies that hold every kind of run and every question, on a few dozen digits."""

import hashlib
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np

from tacit.images.opened import Opened
from tacit.images.sources import open_images
from tacit.studies.description.reading import parse
from tacit.studies.execution.executors.processes import Processes
from tacit.studies.execution.plan import Job
from tacit.studies.provenance import Told
from tacit.studies.study import Ended, prepared, run_study

STUDIES = {
    "classifiers": """
title: Classifiers, autoencoders and what they take from each other
snapshots: [1, 2]
defaults: {latent_dim: 4, epochs: 2, batch_size: 40}
runs:
  autoencoder: {learn: autoencoder, output_bias: training-mean}
  classifier: {learn: classifier}
  frozen: {learn: autoencoder, encoder: {from: classifier, frozen: true}}
  probabilities:
    learn: autoencoder
    encoder: {from: classifier, part: probabilities, frozen: true}
  few: {learn: classifier, train: {per_class: 2, draws: 2}, updates: 4}
  transferred:
    learn: classifier
    train: {per_class: 2, draws: 2}
    updates: 4
    encoder: {from: autoencoder}
questions:
  - transfer: {scratch: few, transferred: transferred}
  - frozen-encoder:
      reference: autoencoder
      frozen: frozen
      probabilities: probabilities
      classifier: classifier
      images: 20
""",
    "networks": """
title: The other networks and schedules
snapshots: [1]
defaults: {latent_dim: 4, epochs: 2, batch_size: 40}
runs:
  pool: {learn: classifier, network: pool, one_cycle: true}
  decoded: {learn: autoencoder, decoder: {from: few}}
  without-layer: {learn: autoencoder, network: {kind: conv, hidden: null}}
  few: {learn: autoencoder, train: {per_class: 2, draws: 1}, updates: 4}
  views: {learn: contrastive, network: {kind: resnet, width: 4}, objective: byol}
questions:
  - classifier: {run: pool}
  - effective-rank: {runs: [views, pool]}
  - overfitting: {runs: [pool, few], refine_images: 4, refine_steps: 3}
""",
    "posteriors": """
title: Codes from an encoder, and image by image
snapshots: [1, 2]
defaults: {latent_dim: 3, epochs: 2, batch_size: 40}
runs:
  vae: {learn: vae}
  per-image: {learn: vae, posterior: {kind: per-image, updates: 2}}
  classifier: {learn: classifier}
questions:
  - inference-method: {amortized: vae, per_image: [per-image], refined: 4}
  - prior: {amortized: vae, per_image: [per-image], classifier: classifier, components: 2}
  - generation: {run: vae, classifier: classifier}
""",
    "likelihoods": """
title: How likely images are
snapshots: [1]
defaults: {latent_dim: 2, epochs: 2, batch_size: 40}
runs:
  vae: {learn: vae}
  per-image: {learn: vae, posterior: per-image}
questions:
  - log-probability:
      run: vae
      samples: 20
      per_class: 2
      shown_per_class: 1
      methods: [importance, annealed]
      annealed_images: 2
      distributions: [4]
      long_images: 2
      resampled_images: 4
      simulated_images: 2
  - log-probability:
      run: per-image
      samples: 20
      per_class: 2
      shown_per_class: 1
      methods: [importance, annealed]
      annealed_images: 2
      distributions: [3, 4]
      resampled_images: 2
      simulated_images: 2
  - inference-gap: {run: vae, images: 4, samples: 100}
""",
    "stages": """
title: Bounds of several samples, learned in phases
snapshots: [1]
defaults:
  network: {kind: dense, hidden: [8], activation: tanh}
  latent_dim: 2
  batch_size: 40
  likelihood: {kind: bernoulli, binarize: dynamic}
  output_bias: training-mean
  phases: [{epochs: 1, rate: 0.01}, {epochs: 2, rate: 0.001}]
runs:
  iwae: {learn: vae, objective: {kind: iwae, samples: 3}}
  dreg: {learn: vae, objective: {kind: dreg, samples: 3}}
questions:
  - bound-by-stage: {runs: [iwae, dreg], samples: 10, images: 20}
""",
    "sizes": """
title: How wide a code, and what a layer is worth
defaults: {latent_dim: 2, epochs: 1, batch_size: 40}
runs:
  two: {learn: vae}
  three: {learn: vae, latent_dim: 3}
  with-layer: {learn: autoencoder}
  without-layer: {learn: autoencoder, network: {kind: conv, hidden: null}}
questions:
  - code-size: {runs: [two, three]}
  - compare: {runs: [two, three]}
  - linear-layers: {with_layer: with-layer, without_layer: without-layer}
""",
    "labels": """
title: How many labels
defaults: {latent_dim: 3, epochs: 1, batch_size: 40}
runs:
  vae: {learn: vae}
questions:
  - label-efficiency:
      budgets: [1, 2]
      draws: 2
      pairs:
        - {codes: pixels, method: nearest}
        - {codes: vae, method: poisson-mbo, shares: uniform}
        - {codes: vae, method: fine-tune, recipe: {epochs: 1, updates: 2}}
  - encoders: {codes: [pixels, vae], budgets: [1, 2], draws: 2}
  - labels-within:
      pairs: [{codes: pixels, method: nearest}, {codes: vae, method: logistic}]
      index: [0, 3, 5, 7, 11, 20, 21, 30]
      classes: [0, 1, 0, 1, 1, 0, 1, 0]
      class_names: [left, right]
""",
}

PASSING = {".lock", ".holder.json", ".workers", "environment.json", "report.html", "times.json"}
"""Files that hold a time, the machine, or nothing."""


class Watching:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.causes: list[str] = []
        self.said: list[str] = []

    def planned(self, jobs: tuple[Job, ...], finished: Collection[str]) -> None: ...
    def started(self, job: Job) -> None: ...
    def progressed(self, job: Job, update: int, updates: int, loss: float) -> None: ...

    def ended(self, job: Job, seconds: float, cause: str | None) -> None:
        if cause:
            self.causes.append(f"{job.label}: {cause}")

    def noticed(self, text: str) -> None:
        self.said.append(text)


def some_digits() -> Opened:
    """60 training and 40 test images."""
    opened = open_images("digits", train_size=60)
    return replace(opened, test=opened.test.take(np.arange(40)))


def run_small(
    name: str, folder: Path, opened: Opened, *, at_once: int = 1
) -> tuple[Ended, Watching]:
    """Run a small study; returns how it ended and what was said."""
    study, questions = parse(STUDIES[name], name)
    watching = Watching()
    task = prepared(name, study, questions, opened, folder)
    ended = run_study(task, Told(f"tacit run {name}"), watching, Processes(at_once))
    return ended, watching


def content(folder: Path) -> dict[str, str]:
    """The hash of every file that a study leaves, by path, but of those that hold times."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in PASSING
    }


def sealed(folder: Path) -> dict[str, tuple[int, int]]:
    """Which jobs are finished, each with what changes when it is done again."""
    found = {}
    for path in folder.rglob("done.json"):
        status = path.stat()
        found[path.relative_to(folder).as_posix()] = (status.st_ino, status.st_mtime_ns)
    return found
