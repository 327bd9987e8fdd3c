"""Importance samples per second beside pythae's `get_nll`, and time until log p(x) is sure.

    python -m benchmarks.log_prob [--json FILE]

Both score the same images with the same weights: pythae's own dense VAE (784-512-16 and back), in
float32 on one core. pythae 0.1.2 is no dependency; without it that half is left out. The second
half counts seconds for 20 images until every standard error is below 0.1 nat, with the encoder as
proposal, with a refined posterior, and by annealing, on a decoder that was trained for a minute.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from tacit.evidence.annealed import annealed_importance_sampling, sigmoid_schedule
from tacit.evidence.estimate import LogProbEstimate
from tacit.evidence.importance import importance_sampling
from tacit.evidence.proposals import fitted, from_encoder, mixture, widened
from tacit.evidence.refine import refine
from tacit.models.likelihoods import Bernoulli, Gaussian
from tacit.models.models import VAE
from tacit.models.networks import DenseDecoder, DenseEncoder
from tacit.models.posteriors import Amortized
from tacit.streams import seeded_initialisation, torch_stream
from tacit.training.objectives import Batch, elbo

SHAPE, N_CODE = (1, 28, 28), 16
N_IMAGES, N_SAMPLES, ROUNDS = 20, 1000, 5
SURE = 0.1


def dense_vae(likelihood: Bernoulli | Gaussian) -> VAE:
    """pythae's default networks for these images, from our parts."""
    with seeded_initialisation(0):
        encoder = DenseEncoder(SHAPE, N_CODE, hidden=(512,))
        return VAE(Amortized(encoder), DenseDecoder(SHAPE, N_CODE, hidden=(512,)), likelihood)


def best_seconds(score: Callable[[], object]) -> float:
    """The fastest of several rounds."""
    seconds = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        score()
        seconds.append(time.perf_counter() - begun)
    return min(seconds)


def beside_pythae() -> dict[str, float]:
    """Samples per second of both, by pythae's two losses and two batch sizes."""
    try:
        from pythae.models import VAE as PythaeVAE
        from pythae.models import VAEConfig
    except ImportError:
        print("pythae is not installed; its half of the benchmark is left out")
        return {}
    x = (torch.rand(N_IMAGES, *SHAPE, generator=torch_stream(0, "x")) > 0.8).float()
    found = {}
    for loss, likelihood in (("bce", Bernoulli("none")), ("mse", Gaussian(1.0))):
        model = dense_vae(likelihood)
        config = VAEConfig(input_dim=SHAPE, latent_dim=N_CODE, reconstruction_loss=loss)
        theirs = PythaeVAE(config).eval()
        linear = [
            [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
            for network in (theirs, model)
        ]
        shapes = [sorted(tuple(layer.weight.shape) for layer in side) for side in linear]
        assert shapes[0] == shapes[1], "the networks differ"
        ours = best_seconds(
            lambda model=model: importance_sampling(
                model, from_encoder, x, n_samples=N_SAMPLES, generator=torch_stream(0, "noise")
            )
        )
        for batch in (100, 1000):
            with torch.no_grad():
                other = best_seconds(
                    lambda theirs=theirs, batch=batch: theirs.get_nll(
                        x, n_samples=N_SAMPLES, batch_size=batch
                    )
                )
            found[f"{loss}, batch {batch}: pythae, samples/s"] = N_IMAGES * N_SAMPLES / other
            found[f"{loss}, batch {batch}: tacit, samples/s"] = N_IMAGES * N_SAMPLES / ours
            found[f"{loss}, batch {batch}: ratio"] = other / ours
    return found


def trained_vae() -> tuple[VAE, torch.Tensor]:
    """A Gaussian VAE trained briefly on blurred noise, and images that it was not trained on."""
    smooth = nn.AvgPool2d(9, stride=1, padding=4)
    noise = torch.randn(2000 + N_IMAGES, *SHAPE, generator=torch_stream(0, "images"))
    images = (0.5 + 2 * smooth(noise)).clamp(0, 1)
    model = dense_vae(Gaussian(0.2))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    order, draws, objective = torch_stream(0, "order"), torch_stream(0, "noise"), elbo()
    for _ in range(30):
        for rows in torch.randperm(2000, generator=order).split(100):
            optimizer.zero_grad()
            objective(model, Batch(images[rows], None, rows), draws)["loss"].mean().backward()
            optimizer.step()
    return model, images[2000:]


def seconds_until_sure() -> dict[str, float]:
    """For each method, work is doubled until every image's standard error is below 0.1 nat."""
    model, x = trained_vae()

    def by_encoder(work: int) -> LogProbEstimate:
        return importance_sampling(
            model, from_encoder, x, n_samples=1000 * work, generator=torch_stream(1, "noise")
        )

    def by_refinement(work: int) -> LogProbEstimate:
        best = fitted(refine(model, x, generator=torch_stream(1, "refine")).q)
        safe = mixture([best, widened(best, 1.5)], [0.7, 0.3])
        return importance_sampling(
            model, safe, x, n_samples=1000 * work, generator=torch_stream(1, "noise")
        )

    def by_annealing(work: int) -> LogProbEstimate:
        return annealed_importance_sampling(
            model, x, schedule=sigmoid_schedule(50 * work), generator=torch_stream(1, "noise")
        )

    found = {}
    for name, method, most in (
        ("encoder", by_encoder, 128),
        ("refined", by_refinement, 128),
        ("annealed", by_annealing, 16),
    ):
        work = 1
        while True:
            begun = time.perf_counter()
            largest = float(np.max(method(work).standard_error))
            seconds = time.perf_counter() - begun
            if largest < SURE or work >= most:
                break
            work *= 2
        found[f"{name}: seconds"] = seconds
        found[f"{name}: largest standard error"] = largest
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    file = parser.parse_args().json
    torch.set_num_threads(1)
    numbers: dict[str, float] = {}
    for part in (beside_pythae, seconds_until_sure):
        found = part()
        for name, value in found.items():
            print(f"{name:45s} {value:12.4g}", flush=True)
        numbers |= found
    if file is not None:
        file.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
