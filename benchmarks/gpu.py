"""Everything on a GPU in one run of at most eight minutes, and whether it agrees with the CPU.

    python -m benchmarks.gpu [--device auto|cpu|cuda] [--data-dir DIR] [--json FILE]

One table: agreement of the device with the CPU within stated tolerances, then what is fast. Works
on a CPU too, where it compares the CPU with itself: that shows that the script runs. `--budget`
stops it between rows when so many seconds are spent.
"""

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from benchmarks import plain
from benchmarks.data import images_of
from benchmarks.epochs import BATCH, CONFIGS, PLAIN, RATE, new
from benchmarks.pairing import Row
from benchmarks.per_image import FEW, MANY, Repeated, Stopwatch, per_image_model
from benchmarks.table import shown, table
from tacit.evidence.importance import importance_sampling
from tacit.evidence.proposals import from_encoder
from tacit.images.dataset import Split
from tacit.models.models import VAE
from tacit.models.precision import Precision
from tacit.streams import torch_stream
from tacit.training.batches import batch_of
from tacit.training.devices import device_of
from tacit.training.evaluation import evaluate
from tacit.training.loop import fit
from tacit.training.objectives import ObjectiveTable, elbo, objective_of
from tacit.training.schedule import Schedule

FORWARD, TRAINED, LOG_PROB = 1e-4, 2e-3, 1e-3
"""Tolerances: decoded pixels relative to their norm, losses of 20 float32 updates relative to the
CPU's, log p(x) relative to the CPU's. Sums run in another order on a GPU."""


def settle(device: torch.device) -> None:
    """Wait until the device has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(work: Callable[[], object], device: torch.device, rounds: int = 3) -> list[float]:
    """Wall time of rounds after one that warms up."""
    taken = []
    for number in range(rounds + 1):
        settle(device)
        began = time.perf_counter()
        work()
        settle(device)
        if number:
            taken.append(time.perf_counter() - began)
    return taken


def forward_agrees(device: torch.device, images: Split) -> Row:
    """The same weights and codes decode to the same pixels."""
    model = new("vae").eval()
    codes = torch.randn(256, 200, generator=torch_stream(0, "codes"))
    with torch.no_grad():
        here = model.decode(codes)
        there = model.to(device).decode(codes.to(device)).cpu()
    off = float((there - here).norm() / here.norm())
    return Row("decoded pixels, relative difference", "CPU", [off], "", FORWARD)


def training_agrees(device: torch.device, images: Split) -> Row:
    """Twenty updates without noise, in float32, lose the same."""
    losses = []
    for place in (torch.device("cpu"), device):
        model = new("autoencoder").to(place)
        schedule = Schedule(len(images.train), BATCH, 20, rate=RATE, precision="float32")
        objective = objective_of(CONFIGS["autoencoder"], ObjectiveTable())
        losses.append(np.array(fit(model, objective, images.train, schedule, seed=0).loss))
    off = float(np.max(np.abs(losses[1] / losses[0] - 1)))
    return Row("losses of 20 float32 updates, largest difference", "CPU", [off], "%", TRAINED)


def log_prob_agrees(device: torch.device, images: Split) -> Iterator[Row]:
    """Importance sampling draws its noise on the CPU, so that estimates are comparable."""
    model = new("mlp").eval()
    assert isinstance(model, VAE)
    x = torch.from_numpy(images.test.scaled(np.arange(20)))
    values, rates = [], []
    for place in (torch.device("cpu"), device):
        model.to(place)

        def work(place: torch.device = place) -> np.ndarray:
            generator = torch_stream(0, "noise")
            return importance_sampling(
                model, from_encoder, x.to(place), n_samples=1024, generator=generator
            ).log_prob

        values.append(work())
        rates.append(seconds(work, place))
    off = float(np.max(np.abs(values[1] / values[0] - 1)))
    yield Row("log p(x) by 1,024 samples, largest difference", "CPU", [off], "%", LOG_PROB)
    ratios = [there / here for here, there in zip(*rates, strict=True)]
    yield Row("log p(x) by 1,024 samples of 20 images", "CPU", ratios)


def epochs(device: torch.device, images: Split) -> Iterator[Row]:
    """An epoch in both precisions beside the bare step, and beside the plain script where there is
    one."""
    n = len(images.train)
    updates = math.ceil(n / BATCH)
    for kind in CONFIGS:
        batches = [
            batch_of(images.train, rows, device) for rows in np.array_split(np.arange(n), updates)
        ]

        def bare(kind: str = kind, batches: list = batches) -> None:
            model = new(kind).to(device)
            optimizer = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)
            generator = torch.Generator(device=device)
            objective = objective_of(CONFIGS[kind], ObjectiveTable())
            for batch in batches:
                optimizer.zero_grad(set_to_none=True)
                objective(model, batch, generator)["loss"].mean().backward()
                optimizer.step()

        def ours(precision: Precision, kind: str = kind) -> float:
            model = new(kind).to(device)
            schedule = Schedule(n, BATCH, updates, rate=RATE, precision=precision)
            objective = objective_of(CONFIGS[kind], ObjectiveTable())
            fit(model, objective, images.train, schedule, seed=0)
            return float(evaluate(model, objective, images.test)["loss"].mean())

        taken = {name: seconds(lambda p=name: ours(p), device) for name in ("float32", "bfloat16")}
        against = {"the bare step in float32": seconds(bare, device)}
        if kind in PLAIN:
            against["a plain script"] = seconds(lambda k=kind: scripted(k, device, images), device)
        for precision, mine in taken.items():
            for name, theirs in against.items():
                ratios = [a / b for a, b in zip(mine, theirs, strict=True)]
                yield Row(f"epoch of the {kind}, {n:,} images, {precision}", name, ratios)
        exact, rounded = ours("float32"), ours("bfloat16")
        yield Row(
            f"test objective of the {kind} in bfloat16", "float32",
            [abs(rounded / exact - 1)], "%", 0.002,
        )  # fmt: skip


def scripted(kind: str, device: torch.device, images: Split) -> None:
    """The plain script, with its batches brought to the device one by one."""
    train = images.train
    digits = plain.Digits(np.array(train.pixels[:, 0]), np.asarray(train.labels))
    model = PLAIN[kind]().to(device)
    loss = model.loss
    model.loss = lambda x, y: loss(x.to(device), y.to(device))
    plain.train(model, digits, batch_size=BATCH)


def per_image(device: torch.device, quick: bool) -> Row:
    """A step with ten thousand and with ten million rows."""
    medians = []
    for n in (20_000 if quick else MANY, FEW):
        train, watch = Repeated(images_of(None, 1000).train, n), Stopwatch(time.perf_counter)
        model = per_image_model(n).to(device)
        fit(model, elbo(), train, Schedule(n, 128, 50), seed=0, checkpointer=watch)
        medians.append(watch.per_update())
        del model
    return Row(
        f"update of a per-image VAE at {20_000 if quick else MANY:,} images",
        f"at {FEW:,}",
        [medians[0] / medians[1]],
        aim=1.1,
    )


def rows(device: torch.device, images: Split, quick: bool) -> Iterator[Row]:
    """Agreement first: what is fast and wrong is of no use."""
    yield forward_agrees(device, images)
    yield training_agrees(device, images)
    yield from log_prob_agrees(device, images)
    yield per_image(device, quick)
    yield from epochs(device, images)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--data-dir", help="the folder of MNIST's four files")
    parser.add_argument("--budget", type=float, default=420, help="seconds (420)")
    parser.add_argument("--quick", action="store_true", help="see that all of it runs")
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    given = parser.parse_args()
    device = torch.device(device_of(given.device))
    images = images_of(given.data_dir, 512 if given.quick else 60_000)
    began, found = time.perf_counter(), []
    for row in rows(device, images, given.quick):
        found.append(row)
        print(f"{row.work}: {shown(row.value, row.unit)}", flush=True)
        if time.perf_counter() - began > given.budget:
            print("the time is spent; the rows that follow are left out")
            break
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"\n{table(found)}\n{name}, PyTorch {torch.__version__}")
    if given.json is not None:
        text = json.dumps([row.to_json() for row in found], indent=1)
        given.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
