"""How much faster several ranks train one run on this machine: ``python -m benchmarks.ranks``.

One process and several take turns, some updates each, in the same minutes. The ratio of their times
says what ranks gain, and that of processor seconds what they cost. Each rank has one thread.
"""

import argparse
import os
import time
from typing import Any

import numpy as np
import torch

from tacit.images.dataset import Images
from tacit.models.config import ConvNetwork, ModelConfig, build
from tacit.streams import numpy_stream, seeded_initialisation
from tacit.studies.execution import forking
from tacit.training.loop import fit
from tacit.training.objectives import elbo, simclr
from tacit.training.ranks.joining import Meeting, Seat, joined
from tacit.training.schedule import Schedule
from tacit.training.views import RECIPES

KINDS: dict[str, dict[str, Any]] = {
    "vae": {"learn": "vae"},
    "per-image": {"learn": "vae", "posterior": "per-image"},
    "contrastive": {"learn": "contrastive"},
}


def train(
    seat: Seat | None, pipe: Any, kind: str, n: int, batch: int, updates: int, rounds: int
) -> None:
    """Wait for a word, train, and say what it took: seconds on the clock and of processors."""
    torch.set_num_threads(1)
    shape = (1, 28, 28)
    pixels = numpy_stream(0, "ranks").integers(0, 256, (n, *shape), dtype=np.uint8)
    config = ModelConfig(
        shape=shape, latent_dim=64, n_images=n, network=ConvNetwork(), **KINDS[kind]
    )
    objective = simclr(RECIPES["characters"]) if kind == "contrastive" else elbo()
    with joined(seat, "cpu") as ranks:
        for _ in range(rounds + 1):  # the first warms up
            with seeded_initialisation(0):
                model = build(config)
            pipe.recv()
            began, used = time.perf_counter(), time.process_time()
            fit(
                model,
                objective,
                Images(pixels, None, ()),
                Schedule(n, batch, updates),
                seed=0,
                ranks=ranks,
            )
            pipe.send((time.perf_counter() - began, time.process_time() - used))


def started(meeting: Meeting, size: int, *arguments: Any) -> list[Any]:
    """Pipes to so many processes that train together."""
    context = forking.begin()
    seats = meeting.seats("benchmark", size) if size > 1 else [None]
    pipes = []
    for seat in seats:
        ours, theirs = context.Pipe()
        context.Process(target=train, args=(seat, theirs, *arguments), daemon=True).start()
        pipes.append(ours)
    return pipes


def measured(pipes: list[Any]) -> tuple[float, float]:
    """One round: seconds on the clock, and of all processors."""
    for pipe in pipes:
        pipe.send("go")
    said = [pipe.recv() for pipe in pipes]
    return max(clock for clock, _ in said), sum(used for _, used in said)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=KINDS, default="vae")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--images", type=int, default=4096)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--updates", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    arguments = (asked.kind, asked.images, asked.batch, asked.updates, asked.rounds)
    meeting = Meeting()  # it closes when nobody holds it
    sides = {size: started(meeting, size, *arguments) for size in (1, asked.ranks)}
    for pipes in sides.values():
        measured(pipes)
    rounds = [{size: measured(pipes) for size, pipes in sides.items()} for _ in range(asked.rounds)]
    faster = np.array([one[1][0] / one[asked.ranks][0] for one in rounds])
    costlier = np.array([one[asked.ranks][1] / one[1][1] for one in rounds])
    print(
        f"{asked.kind}, batches of {asked.batch}, {asked.ranks} ranks against 1 on "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}: {np.median(faster):.2f} times as "
        f"fast ({faster.min():.2f} to {faster.max():.2f}), {np.median(costlier):.2f} times the "
        f"processor seconds"
    )


if __name__ == "__main__":
    main()
