"""One epoch of training: beside pythae's trainer, a plain script, and the bare step."""

import contextlib
import logging
import math
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import plain
from benchmarks.data import images_of
from benchmarks.pairing import Numbers, Row, Side, Work, in_turns, ratio_row
from benchmarks.settings import Settings
from tacit.models.config import ConvNetwork, DenseNetwork, GaussianTable, ModelConfig, build
from tacit.models.models import Model
from tacit.models.precision import Precision
from tacit.streams import seeded_initialisation, torch_stream
from tacit.training.batches import batch_of
from tacit.training.loop import fit
from tacit.training.objectives import ObjectiveTable, objective_of
from tacit.training.pages import keep_pages
from tacit.training.schedule import Schedule

BATCH, RATE = 128, 1e-3
CONFIGS = {
    # pythae's default networks; its "mse" is a Gaussian of σ = 1.
    "mlp": ModelConfig(
        learn="vae",
        shape=(1, 28, 28),
        latent_dim=16,
        network=DenseNetwork(hidden=(512,)),
        likelihood=GaussianTable(sigma=1.0),
    ),
    "vae": ModelConfig(learn="vae", shape=(1, 28, 28), latent_dim=200, network=ConvNetwork()),
    "autoencoder": ModelConfig(learn="autoencoder", shape=(1, 28, 28), latent_dim=16),
}
PLAIN = {"vae": plain.VAE, "autoencoder": plain.Autoencoder}


def new(kind: str) -> Model:
    """A model of this kind with its initial weights."""
    with seeded_initialisation(0):
        return build(CONFIGS[kind])


def ours(kind: str, precision: Precision, data_dir: str | None, n: int) -> Any:
    """tacit: an epoch of the only loop."""
    train = images_of(data_dir, n).train
    objective = objective_of(CONFIGS[kind], ObjectiveTable())

    def prepare() -> Work:
        model = new(kind)
        updates = math.ceil(n / BATCH)
        schedule = Schedule(n, BATCH, updates, rate=RATE, precision=precision)

        def work() -> Numbers:
            return {"loss": float(np.mean(fit(model, objective, train, schedule, seed=0).loss))}

        return work

    return prepare


def bare(kind: str, data_dir: str | None, n: int) -> Any:
    """The same updates with every batch a tensor already: forward, backward, update."""
    keep_pages()
    train = images_of(data_dir, n).train
    objective = objective_of(CONFIGS[kind], ObjectiveTable())
    device = torch.device("cpu")
    batches = [
        batch_of(train, rows, device) for rows in np.array_split(np.arange(n), math.ceil(n / BATCH))
    ]

    def prepare() -> Work:
        model = new(kind)
        optimizer = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)
        generator = torch_stream(0, "noise")

        def work() -> Numbers:
            for batch in batches:
                optimizer.zero_grad(set_to_none=True)
                objective(model, batch, generator)["loss"].mean().backward()
                optimizer.step()
            return {}

        return work

    return prepare


def scripted(kind: str, data_dir: str | None, n: int) -> Any:
    """The plain script's epoch."""
    train = images_of(data_dir, n).train
    assert train.labels is not None
    digits = plain.Digits(np.array(train.pixels[:, 0]), train.labels)

    def prepare() -> Work:
        torch.default_generator.manual_seed(0)
        model = PLAIN[kind]()
        return lambda: {"loss": plain.train(model, digits, batch_size=BATCH)}

    return prepare


def by_pythae(data_dir: str | None, n: int) -> Any:
    """The epoch of pythae's trainer alone, without what it does before and after."""
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    logging.disable(logging.INFO)
    train = images_of(data_dir, n).train
    pixels = torch.from_numpy(train.scaled(np.arange(n)))
    data = BaseDataset(pixels, torch.from_numpy(np.asarray(train.labels)))
    folder = tempfile.mkdtemp()

    def prepare() -> Work:
        torch.default_generator.manual_seed(0)
        config = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=1,
            learning_rate=RATE,
            per_device_train_batch_size=BATCH,
            no_cuda=True,
        )
        model = VAE(VAEConfig(input_dim=(1, 28, 28), latent_dim=16, reconstruction_loss="mse"))
        trainer = BaseTrainer(model, data, training_config=config)
        trainer.prepare_training()

        def work() -> Numbers:
            with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(nowhere):
                return {"loss": float(trainer.train_step(1))}

        return work

    return prepare


def mlp_rows(settings: Settings) -> list[Row]:
    """pythae's MLP VAE."""
    if settings.pythae is None:
        return []
    n, data = settings.images, settings.data_dir
    rounds = in_turns(
        {
            "float32": Side(ours, "mlp", "float32", data, n),
            "bfloat16": Side(ours, "mlp", "bfloat16", data, n),
            "pythae": Side(by_pythae, data, n, path=(settings.pythae,)),
        },
        settings.rounds,
    )
    work = f"epoch of an MLP VAE (784-512-16, batch {BATCH}, {n:,} images)"
    return [
        ratio_row(
            rounds, precision, "pythae", work=f"{work}, {precision}",
            against="pythae 0.1.2's trainer", aim=aim,
        )
        for precision, aim in (("float32", 0.55), ("bfloat16", 0.35))
    ]  # fmt: skip


def conv_rows(settings: Settings) -> list[Row]:
    """The reports' convolutional models."""
    n, data = settings.images // 4, settings.data_dir
    rows = []
    for kind in PLAIN:
        rounds = in_turns(
            {
                "float32": Side(ours, kind, "float32", data, n),
                "bfloat16": Side(ours, kind, "bfloat16", data, n),
                "script": Side(scripted, kind, data, n),
                "bare": Side(bare, kind, data, n),
            },
            settings.rounds,
        )
        work = f"epoch of the reports' convolutional {kind} ({n:,} images)"
        rows += [
            ratio_row(
                rounds, side, against, work=f"{work}, {side}", against=named, aim=aim
            )
            for side, against, named, aim in (
                ("float32", "script", "a plain PyTorch script", 0.90),
                ("bfloat16", "script", "a plain PyTorch script", 0.50),
                ("float32", "bare", "the bare step on tensors in place", 1.05),
            )
        ]  # fmt: skip
    return rows
