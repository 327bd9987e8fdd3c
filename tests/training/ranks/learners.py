"""What ranks learn in tests, by name; functions that a process of its own can call."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rounding import Doubled
from tacit.images.dataset import Images
from tacit.images.sources import open_images
from tacit.models.config import DenseNetwork, ModelConfig, build
from tacit.models.parts import freeze
from tacit.streams import numpy_stream, seeded_initialisation
from tacit.training import batches
from tacit.training.checkpoint import FolderCheckpointer, Stopped
from tacit.training.loop import fit
from tacit.training.objectives import byol, cross_entropy, dreg, elbo, simclr, squared_error, vicreg
from tacit.training.ranks import Ranks
from tacit.training.schedule import Schedule
from tacit.training.views import Affine, Blur, Views

SHAPE = (1, 8, 8)
N = 10
SEEN = Views(affine=Affine(), quarter_turns=True, flip=0.5, blur=Blur())
KINDS: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "autoencoder": ("autoencoder", squared_error, {}),
    "frozen": ("autoencoder", squared_error, {}),
    "in parts": ("vae", elbo(), {}),
    "classifier": ("classifier", cross_entropy, {}),
    "vae": ("vae", elbo(), {}),
    "binary vae": ("vae", dreg(3), {"likelihood": {"kind": "bernoulli"}}),
    "per-image": ("vae", elbo(), {"posterior": "per-image", "n_images": N}),
    "per-image in parts": ("vae", elbo(), {"posterior": "per-image", "n_images": N}),
    "simclr": ("contrastive", simclr(SEEN), {}),
    "vicreg": ("contrastive", vicreg(SEEN), {}),
    "byol": ("contrastive", byol(SEEN), {"momentum": 0.9}),
}


def some_images(n: int = N) -> Images:
    pixels = numpy_stream(0, "pixels").integers(0, 256, (n, *SHAPE), dtype=np.uint8)
    return Images(pixels, np.arange(n) % 2, ("even", "odd"))


def new(name: str, seed: int = 0) -> torch.nn.Module:
    learn, _, settings = KINDS[name]
    if learn == "contrastive":
        settings = {"projector": {"hidden": 8, "out": 6}, **settings}
    network = DenseNetwork(hidden=(8,), activation="tanh")
    config = ModelConfig(
        learn=learn, shape=SHAPE, latent_dim=3, n_classes=2, network=network, **settings
    )
    with seeded_initialisation(seed):
        model = build(config).double()
    if name == "frozen":
        freeze(model.encoder)
    return model


def learned(
    ranks: Ranks, name: str, updates: int, folder: Path | None = None, stop_at: int = 0
) -> Mapping[str, Any]:
    """The weights and the history after so many updates in float64; of batches of 4 of 10."""
    schedule = Schedule(
        N, 4, updates, evaluate_at=(updates,), snapshot_at=(1,), row_updates=2, rate=3e-3
    )
    model = new(name)
    checkpointer = None
    if folder is not None:
        seen = iter(range(1, 10**6))
        checkpointer = FolderCheckpointer(
            folder / name,
            # One rank alone is asked to stop: all of them do.
            stop=lambda: next(seen) == stop_at and ranks.rank == ranks.size - 1,
            ranks=ranks,
        )
        (folder / name).mkdir(parents=True, exist_ok=True)
    before = batches.PIXELS_AT_ONCE
    batches.PIXELS_AT_ONCE = 64 if "in parts" in name else before
    try:
        history = fit(
            model,
            KINDS[name][1],
            Doubled(some_images()),
            schedule,
            seed=0,
            test=Doubled(some_images(7)),
            checkpointer=checkpointer,
            ranks=ranks,
        )
    except Stopped:
        return {}
    finally:
        batches.PIXELS_AT_ONCE = before
    state: dict[str, Tensor] = {k: v.clone() for k, v in model.state_dict().items()}
    return {"state": state, "history": history.to_json()}


def all_learned(ranks: Ranks, *arguments: Any) -> dict[str, Mapping[str, Any]]:
    return {name: learned(ranks, name, *arguments) for name in KINDS}


def epoch_losses(ranks: Ranks, seeds: tuple[int, ...]) -> dict[str, list[float]]:
    """What 100 digits cost after an epoch in float32, of each kind and seed."""
    found: dict[str, list[float]] = {}
    images = open_images("digits", train_size=100).train
    for name in ("autoencoder", "classifier", "vae", "per-image", "simclr"):
        learn, objective, settings = KINDS[name]
        config = ModelConfig(
            learn=learn, shape=SHAPE, latent_dim=8, n_classes=10, **(settings | {"n_images": 100})
        )
        for seed in seeds:
            with seeded_initialisation(seed):
                model = build(config)
            schedule = Schedule(100, 16, 7, evaluate_at=(7,))
            history = fit(model, objective, images, schedule, seed=seed, ranks=ranks)
            found.setdefault(name, []).append(history.evaluations[-1].train["loss"].mean)
    return found


def breaking(ranks: Ranks, rank: int) -> None:
    """One rank meets a error of its own while the others wait for it."""
    ranks.any(False)
    if ranks.rank == rank:
        raise ValueError("these pixels are bad")
    ranks.any(False)
