"""log p(x): importance samples per second beside pythae's `get_nll`, and time until it is sure.

    python -m benchmarks.log_prob [--images SOURCE] [--data-dir DIR] [--json FILE]

One model serves both halves: pythae's own dense VAE (784-512-16 and back), trained for 2,000
updates on the images' training side; test images are scored. Times are seconds of one core
(processor time), so that other programs on the machine do not count.

The first half scores the same images with the same weights in float32, so many codes decoded at
once on both sides, and checks that both find the same log p(x). pythae 0.1.2 is no dependency;
without it that half is left out. pythae knows a Gaussian of σ = 1 ("mse") and grey pixels as
Bernoulli ("bce"), so the weights are scored under these.

The second half counts seconds per image until its standard error is below 0.1 nat under the
model's own likelihood, with the encoder as proposal, with a refined posterior, and by annealing
16 chains. Work is doubled from level to level; an image's time is its share of the first level at
which it is sure, as if the level had been known. Refining is part of the time.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tacit.evidence import observed
from tacit.evidence.annealed import annealed_importance_sampling, sigmoid_schedule
from tacit.evidence.estimate import LogProbEstimate
from tacit.evidence.importance import importance_sampling
from tacit.evidence.observed import Observed, observe
from tacit.evidence.proposals import covering, from_encoder
from tacit.evidence.refine import refine
from tacit.images.sources import open_images
from tacit.models.likelihoods import Bernoulli, Gaussian, Likelihood
from tacit.models.models import VAE
from tacit.models.networks import DenseDecoder, DenseEncoder
from tacit.models.posteriors import Amortized, DiagonalNormal
from tacit.streams import seeded_initialisation, torch_stream
from tacit.training.loop import fit
from tacit.training.objectives import elbo
from tacit.training.schedule import Schedule

SHAPE, N_CODE = (1, 28, 28), 16
UPDATES = 2000
N_IMAGES, N_SAMPLES, ROUNDS = 20, 2048, 3
BATCHES = (128, 256, 1024)
N_SURE, SURE, N_CHAINS = 25, 0.1, 16


def trained_vae(source: str, data_dir: str | None) -> tuple[VAE, Tensor]:
    """pythae's default networks for 28×28, trained here, and test images, (25, 1, 28, 28)."""
    split = open_images(source, data_dir=data_dir, size=28, channels="gray")
    with seeded_initialisation(0):
        encoder = DenseEncoder(SHAPE, N_CODE, hidden=(512,))
        decoder = DenseDecoder(SHAPE, N_CODE, hidden=(512,))
        model = VAE(Amortized(encoder), decoder, Gaussian(0.2))
    fit(model, elbo(), split.train, Schedule(len(split.train), 100, UPDATES), seed=0)
    return model, torch.from_numpy(split.test.scaled(slice(N_SURE)))


def seconds_of(work: Callable[[], Any]) -> tuple[float, Any]:
    """Processor time of one call, and what it returned."""
    begun = time.process_time()
    result = work()
    return time.process_time() - begun, result


def as_pythae(model: VAE, loss: str) -> Any:
    """pythae's VAE with the weights of ours."""
    from pythae.models import VAE as PythaeVAE
    from pythae.models import VAEConfig

    config = VAEConfig(input_dim=SHAPE, latent_dim=N_CODE, reconstruction_loss=loss)
    theirs = PythaeVAE(config).eval()
    ours = [
        layer
        for part in (model.posterior.encoder, model.posterior.log_var, model.decoder)  # type: ignore[union-attr]
        for layer in part.modules()
        if isinstance(layer, nn.Linear)
    ]
    layers = [
        layer
        for part in (theirs.encoder, theirs.decoder)
        for layer in part.modules()
        if isinstance(layer, nn.Linear)
    ]
    for source, target in zip(ours, layers, strict=True):
        target.load_state_dict(source.state_dict())
    return theirs


def beside_pythae(model: VAE, x: Tensor) -> dict[str, float]:
    """Samples per second of both, by pythae's two losses and the number of codes at once."""
    try:
        import pythae  # noqa: F401
    except ImportError:
        print("pythae is not installed; its half of the benchmark is left out")
        return {}
    x, found = x[:N_IMAGES], {}
    usual = observed.CPU_ROWS
    likelihoods: dict[str, Likelihood] = {"mse": Gaussian(1.0), "bce": Bernoulli("none")}
    for loss, likelihood in likelihoods.items():
        ours = VAE(model.posterior, model.decoder, likelihood).eval()
        theirs = as_pythae(model, loss)
        # Black and white, so that a Bernoulli is a probability of them.
        data = (x >= 0.5).float() if loss == "bce" else x
        for batch in BATCHES:
            observed.CPU_ROWS = batch
            largest = {"ours": 0, "theirs": 0}
            best = {"ours": float("inf"), "theirs": float("inf")}
            values = {"ours": 0.0, "theirs": 0.0}
            hooks = [
                network.register_forward_hook(_largest_batch(largest, side))
                for side, network in (("ours", ours.decoder), ("theirs", theirs.decoder))
            ]

            def by_us(data: Tensor = data, ours: VAE = ours) -> float:
                return float(
                    importance_sampling(
                        ours,
                        from_encoder,
                        data,
                        n_samples=N_SAMPLES,
                        generator=torch_stream(0, "noise"),
                    ).log_prob.mean()
                )

            def by_them(data: Tensor = data, theirs: Any = theirs, batch: int = batch) -> float:
                with torch.no_grad():
                    # Whatever its name says, it returns the mean of log p(x).
                    return float(theirs.get_nll(data, n_samples=N_SAMPLES, batch_size=batch))

            for _ in range(ROUNDS):  # in turns, so that a slow moment meets both
                for side, work in (("ours", by_us), ("theirs", by_them)):
                    seconds, values[side] = seconds_of(work)
                    best[side] = min(best[side], seconds)
            for hook in hooks:
                hook.remove()
            if set(largest.values()) != {batch}:
                raise RuntimeError(f"{largest} codes at once; {batch} were asked for on both sides")
            n = N_IMAGES * N_SAMPLES
            found |= {
                f"{loss}, {batch} at once: pythae, samples/s": n / best["theirs"],
                f"{loss}, {batch} at once: tacit, samples/s": n / best["ours"],
                f"{loss}, {batch} at once: ratio": best["theirs"] / best["ours"],
                f"{loss}, {batch} at once: pythae's mean log p(x)": values["theirs"],
                f"{loss}, {batch} at once: tacit's mean log p(x)": values["ours"],
            }
    observed.CPU_ROWS = usual
    return found


def _largest_batch(largest: dict[str, int], side: str) -> Callable[..., None]:
    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: object) -> None:
        codes = inputs[0]
        largest[side] = max(largest[side], codes.numel() // codes.shape[-1])

    return note


def seconds_until_sure(model: VAE, x: Tensor) -> dict[str, float]:
    """For each method: the median time of an image, and how many images are never sure."""
    data = observe(model, x, torch_stream(1, "observe"))
    refining, refined = seconds_of(lambda: refine(model, data, generator=torch_stream(1, "refine")))
    noise = (1, "noise")

    def by_encoder(part: Observed, rows: list[int], work: int) -> LogProbEstimate:
        return importance_sampling(
            model, from_encoder, part, n_samples=work, generator=torch_stream(*noise)
        )

    def by_refinement(part: Observed, rows: list[int], work: int) -> LogProbEstimate:
        q = DiagonalNormal(refined.mean[rows], refined.log_var[rows])
        return importance_sampling(
            model, covering(q), part, n_samples=work, generator=torch_stream(*noise)
        )

    def by_annealing(part: Observed, rows: list[int], work: int) -> LogProbEstimate:
        return annealed_importance_sampling(
            model,
            part,
            schedule=sigmoid_schedule(work),
            n_chains=N_CHAINS,
            start="encoder",
            generator=torch_stream(*noise),
        )

    found: dict[str, float] = {}
    for name, method, first, last, before in (
        ("encoder", by_encoder, 125, 128_000, 0.0),
        ("refined", by_refinement, 125, 128_000, refining / len(x)),
        ("annealed", by_annealing, 25, 400, 0.0),
    ):
        seconds = np.full(len(x), np.inf)
        flagged, work, rows = 0, first, list(range(len(x)))
        while rows and work <= last:
            part = Observed(data.x[rows], tuple(data.keys[row] for row in rows))
            taken, estimate = seconds_of(
                lambda part=part, rows=rows, work=work, method=method: method(part, rows, work)
            )
            sure = estimate.standard_error < SURE
            seconds[np.array(rows)[sure]] = before + taken / len(rows)
            flagged += int((sure & estimate.flagged).sum())
            rows = [row for row, done in zip(rows, sure, strict=True) if not done]
            work *= 2
        unit = "distributions" if name == "annealed" else "samples"
        found |= {
            f"{name}: median seconds per image": float(np.median(seconds)),
            f"{name}: images of {len(x)} not sure with {last:,} {unit}": len(rows),
            f"{name}: images sure, but flagged": flagged,
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", default="digits", help="as of `tacit run` (digits)")
    parser.add_argument("--data-dir", help="a folder that holds a named set's files")
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    given = parser.parse_args()
    torch.set_num_threads(1)
    model, x = trained_vae(given.images, given.data_dir)
    numbers: dict[str, float] = {}
    for part in (beside_pythae, seconds_until_sure):
        for name, value in part(model, x).items():
            print(f"{name:60s} {value:12.4g}", flush=True)
            numbers[name] = value
    if given.json is not None:
        given.json.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
