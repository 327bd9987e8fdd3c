"""A step of the per-image VAE, with ten thousand images and with ten million."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from benchmarks.data import noise_images
from benchmarks.pairing import Numbers, Row, Side, Work, in_turns, ratio_row
from benchmarks.settings import Settings
from tacit.images.dataset import Images
from tacit.models.config import DenseNetwork
from tacit.models.likelihoods import Gaussian
from tacit.models.models import VAE
from tacit.models.posteriors import DiagonalNormal, PerImage
from tacit.streams import seeded_initialisation, torch_stream
from tacit.training.batches import batch_of
from tacit.training.history import History
from tacit.training.loop import fit
from tacit.training.objectives import elbo
from tacit.training.schedule import Schedule
from tacit.training.state import State

N_CODE, FEW, MANY = 16, 10_000, 10_000_000
BYTES_PER_IMAGE = {"rows": 2 * (3 * 4 * N_CODE + 8) + 16, "dense": 2 * 4 * 4 * N_CODE}
"""Means and log-variances with Adam's two moments, and the steps of rows or a gradient of all."""


@dataclass(frozen=True)
class Repeated:
    """As many examples as one likes, of a thousand images."""

    images: Images
    n: int
    labels: None = None

    def __len__(self) -> int:
        return self.n

    def scaled(self, index: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        return self.images.scaled(index % len(self.images))


class Stopwatch:
    """A checkpointer that notes when it was called, which on a GPU is not at every update."""

    def __init__(self, clock: Callable[[], float] = process_time) -> None:
        self.clock = clock
        self.updates: list[int] = []
        self.times: list[float] = []

    def resume(self, state: State) -> tuple[int, History]:
        return 0, History()

    def after_update(self, update: int, loss: float, state: State, history: History) -> None:
        self.updates.append(update)
        self.times.append(self.clock())

    def snapshot(self, update: int, state: State) -> None:
        """Nothing."""

    def per_update(self) -> float:
        """The median time of an update, in seconds; of those between two calls their mean."""
        return float(np.median(np.diff(self.times) / np.diff(self.updates)))


def per_image_model(n: int) -> VAE:
    with seeded_initialisation(0):
        decoder = DenseNetwork().decoder((1, 28, 28), N_CODE)
        return VAE(PerImage(n, N_CODE), decoder, Gaussian(0.2))


def stepped(n: int, updates: int) -> Any:
    """tacit: the median update of a run on n images."""
    train, model = Repeated(noise_images(1000, 28), n), per_image_model(n)

    def prepare() -> Work:
        def work() -> Numbers:
            watch = Stopwatch()
            fit(model, elbo(), train, Schedule(n, 128, updates), seed=0, checkpointer=watch)
            return {"seconds": watch.per_update()}

        return work

    return prepare


class DensePosterior(PerImage):
    """`PerImage` whose gradients fill the whole table."""

    def forward(self, x: torch.Tensor | None, index: torch.Tensor) -> DiagonalNormal:
        return DiagonalNormal(F.embedding(index, self.mean), F.embedding(index, self.log_var))


def dense(n: int, updates: int) -> Any:
    """PyTorch's Adam on the whole table, as a script has it that makes the table a parameter."""
    train, model = Repeated(noise_images(1000, 28), n), per_image_model(n)
    model.posterior.__class__ = DensePosterior
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    generator, objective = torch_stream(0, "noise"), elbo()
    batch = batch_of(train, np.arange(128), torch.device("cpu"))

    def prepare() -> Work:
        def work() -> Numbers:
            times = [process_time()]
            for _ in range(updates):
                optimizer.zero_grad()
                objective(model, batch, generator)["loss"].mean().backward()
                optimizer.step()
                times.append(process_time())
            return {"seconds": float(np.median(np.diff(times)))}

        return work

    return prepare


def free_memory() -> float:
    """Bytes that new processes can have, or infinity where the system does not say."""
    try:
        text = Path("/proc/meminfo").read_text()
    except OSError:
        return math.inf
    (line,) = [line for line in text.splitlines() if line.startswith("MemAvailable")]
    return int(line.split()[1]) * 1024


def rows(settings: Settings) -> list[Row]:
    """The step's time by the number of images, and dense Adam's beside it."""
    many, updates = (20_000, 20) if settings.quick else (MANY, 200)
    found, spare = [], 2 * 2**30
    if free_memory() < many * BYTES_PER_IMAGE["rows"] + spare:
        size = (many * BYTES_PER_IMAGE["rows"] + spare) / 2**30
        print(f"per-image: left out, since {size:.0f} GiB of memory are not free")
        return []
    rounds = in_turns(
        {"many": Side(stepped, many, updates), "few": Side(stepped, FEW, updates)},
        settings.rounds,
    )
    found.append(
        ratio_row(
            rounds, "many", "few", aim=1.1,
            work=f"update of a per-image VAE at {many:,} images ({N_CODE} dimensions)",
            against=f"at {FEW:,} images",
        )
    )  # fmt: skip
    if free_memory() < many * BYTES_PER_IMAGE["dense"] + spare:
        print("per-image: dense Adam is left out, since its memory is not free")
        return found
    slow = in_turns({"dense": Side(dense, many, 3)}, 1)
    seconds = float(np.median([done.seconds("processor") for done in rounds["many"]]))
    found.append(
        Row(
            work=f"the same update at {many:,} images",
            against="dense Adam on all rows",
            values=[seconds / done.seconds("processor") for done in slow["dense"]],
            details={"seconds": seconds, "dense": slow["dense"][0].numbers["seconds"]},
        )
    )
    return found
