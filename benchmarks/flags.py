"""How often a value of log p(x) that no flag is raised for errs, and by how much.

    python -m benchmarks.flags [--model STUDY --run NAME [--long N]] [--images N] [--json FILE]

First, chains are annealed by too few distributions and from wrong normals, on bent decoders of two
latent dimensions whose log p(x) is an integral, and on linear ones of 20 whose log p(x) is algebra.
Counted is how many of the values without a flag err by more than half a nat, and by more than one,
and how many of those with a flag do. Before that, log weights are drawn from normals of every
spread: how often is a value without a flag and errs?

With `--model`, values in turn (`tacit.evidence.precision`, as a study asks for them) of N of the
study's test images stand beside annealing by 1,000 distributions (`--long`) from the prior, from
the encoder and from the refined posteriors' normals, and so do those of N images that the model
simulates, beside the lower and the upper bound that annealing from the encoder and back from their
own codes gives. On 28×28 images that takes two minutes of one core for an image.

Times are seconds of one core (processor time).
"""

import argparse
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tacit.evidence.annealed import annealed_importance_sampling, log_mean, sigmoid_schedule
from tacit.evidence.bidirectional import bidirectional
from tacit.evidence.correlated import CorrelatedNormal, correlated
from tacit.evidence.estimate import LogProbEstimate
from tacit.evidence.exact import LinearGaussian
from tacit.evidence.hamiltonian import LEAPS as FROM_AFAR
from tacit.evidence.methods import CHAINS, refined_posteriors
from tacit.evidence.observed import Observed, observe
from tacit.evidence.precision import LEAPS, log_prob_to_precision
from tacit.evidence.quadrature import quadrature
from tacit.models.likelihoods import Gaussian
from tacit.models.models import VAE
from tacit.models.networks import DenseDecoder, DenseEncoder
from tacit.models.posteriors import Amortized
from tacit.streams import seeded_initialisation, torch_stream

SHAPE = (1, 4, 4)
ERRORS = (0.5, 1.0)
DISTRIBUTIONS = (3, 6, 12, 24, 48)
SPREADS = (0.3, 0.5, 0.7, 0.85, 1.0, 1.25, 1.5, 1.75, 2.0, 3.0)
WRONG = ((0.0, 1.0), (0.5, 1.0), (1.0, 1.0), (0.0, 0.5), (0.0, 2.0))
"""By how many standard deviations a start is moved, and how many times wider it is made."""


def bent(number: int, sigma: float, n: int) -> tuple[VAE, Observed, np.ndarray]:
    """A decoder of two latent dimensions, n images that it simulated, and their log p(x)."""
    with seeded_initialisation(0, number):
        decoder = DenseDecoder(SHAPE, 2, hidden=(12,), activation="tanh")
        encoder = DenseEncoder(SHAPE, 2, hidden=(12,), activation="tanh")
        model = VAE(Amortized(encoder), decoder, Gaussian(sigma))
    generator = torch_stream(number, "bent")
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter *= 3
        x = model.likelihood.sample(model.decoder(model.draw_prior(n, generator)), generator)
    data = observe(model, x, generator, pixel_range=None)
    return model, data, quadrature(model, data, generator=generator).log_prob


def linear(number: int, sigma: float, n: int) -> tuple[VAE, Observed, np.ndarray]:
    """A linear decoder of 20 dimensions, n images that it simulated, and their log p(x)."""
    generator = torch_stream(number, "linear")
    weight = 0.2 * torch.randn(64, 20, generator=generator, dtype=torch.float64)
    bias = torch.zeros(64, dtype=torch.float64)
    model = LinearGaussian(weight, bias, sigma, (1, 8, 8))
    data = observe(model, model.simulate(n, generator), generator, pixel_range=None)
    return model, data, model.log_prob(data.x).log_prob


def fabricated(n: int) -> Iterator[tuple[str, LogProbEstimate, np.ndarray]]:
    """Values by annealing, most of them poor, and the truth."""
    for kind, make in (("two dimensions, bent", bent), ("20 dimensions, linear", linear)):
        for number, sigma in enumerate((0.05, 0.1, 0.2)):
            model, data, truth = make(number, sigma, n)
            q = refined_posteriors(model, data, generator=torch_stream(number, "refined"))
            q = correlated(model, data, q, generator=torch_stream(number, "correlated"))
            for moved, wider in WRONG:
                sd = torch.cholesky_inverse(q.factor).diagonal(dim1=-2, dim2=-1).sqrt()
                start = CorrelatedNormal(q.mean + moved * sd, q.factor / wider)
                for distributions in DISTRIBUTIONS:
                    found = annealed_importance_sampling(
                        model,
                        data,
                        schedule=np.linspace(0, 1, distributions + 1),
                        n_chains=CHAINS,
                        start=start,
                        leaps=LEAPS,
                        generator=torch_stream(number, "chains", distributions, moved, wider),
                    )
                    yield kind, found, truth


def drawn(studies: int = 20_000) -> dict[str, dict[str, float]]:
    """Of chains whose log weights are normal, so many sd apart: shares of values, in all."""
    rng = np.random.default_rng(0)
    found = {}
    for spread in SPREADS:
        log_weight = torch.from_numpy(rng.normal(-0.5 * spread**2, spread, (CHAINS, studies)))
        log_prob, error, ess, _ = log_mean(log_weight, 0)
        estimate = LogProbEstimate(
            log_prob, error, "lower", "mass", "chains", CHAINS, ess, acceptance=np.ones(studies)
        )
        clear, wrong = ~estimate.flagged, np.abs(log_prob)
        shares = {f"clear and above {e:g}": float(np.mean(clear & (wrong > e))) for e in ERRORS}
        found[f"{spread:g}"] = {"clear": float(clear.mean()), **shares}
    return found


def counted(n: int) -> dict[str, Any]:
    """Shares of values, without and with a flag, that err by more than each of `ERRORS`."""
    errors: dict[tuple[str, bool], list[np.ndarray]] = {}
    for kind, found, truth in fabricated(n):
        error = np.abs(found.log_prob - truth)
        for flagged in (False, True):
            errors.setdefault((kind, flagged), []).append(error[found.flagged == flagged])
    rows = {}
    for (kind, flagged), parts in errors.items():
        error = np.concatenate(parts)
        shares = {f"above {limit:g}": float(np.mean(error > limit)) for limit in ERRORS}
        rows[f"{kind}, {'flagged' if flagged else 'clear'}"] = {"values": len(error), **shares}
    return rows


def of_study(folder: Path, run: str, n: int, long: int) -> dict[str, Any]:
    """Values in turn of a study's test images, and of simulated ones, beside long annealing."""
    from tacit.saved.trained import load

    model = load(folder, run).model
    assert isinstance(model, VAE)
    pixels = np.load(folder / "images" / "test-pixels.npy", mmap_mode="r")
    rows = np.sort(np.random.default_rng(0).permutation(len(pixels))[:n])
    x = torch.from_numpy(pixels[rows].astype(np.float32) / 255).reshape(n, *model.decoder.shape)
    data = observe(model, x, torch_stream(0, "observe"))
    begun = time.process_time()
    q = refined_posteriors(model, data, generator=torch_stream(0, "refined"))
    refined_in = time.process_time() - begun

    def in_turn(data: Observed, **more: Any) -> LogProbEstimate:
        return log_prob_to_precision(
            model,
            data,
            precision=math.inf,
            n_distributions=200,
            generator=torch_stream(0, "in turn"),
            **more,
        )

    begun = time.process_time()
    found = in_turn(data, refined=q)
    taken = time.process_time() - begun
    from_afar = {}
    starts: dict[str, Any] = {
        "prior": "prior",
        "encoder": "encoder",
        "refined": correlated(model, data, q, generator=torch_stream(0, "correlated")),
    }
    for name, start in starts.items():
        estimate = annealed_importance_sampling(
            model,
            data,
            schedule=np.linspace(0, 1, long + 1) if name == "refined" else sigmoid_schedule(long),
            start=start,
            leaps=LEAPS if name == "refined" else FROM_AFAR,
            generator=torch_stream(0, "long", name),
        )
        from_afar[name] = beside(found, estimate.log_prob)
    both = bidirectional(
        model,
        n_images=n,
        schedule=sigmoid_schedule(long),
        start="encoder",
        generator=torch_stream(0, "simulated"),
    )
    own = in_turn(Observed(both.x, tuple(map(str, range(n)))))
    return {
        "images": n,
        "seconds an image": {"refining": refined_in / n, "the rest": taken / n},
        "annealed": float(found.annealed.mean()),
        "flagged": float(found.flagged.mean()),
        "log p(x)": float(found.log_prob.mean()),
        "minus long annealing from": from_afar,
        "simulated: minus the lower bound": beside(own, both.lower.log_prob),
        "simulated: minus the upper bound": beside(own, both.upper.log_prob),
    }


def beside(found: LogProbEstimate, other: np.ndarray) -> dict[str, float]:
    """Values without a flag minus others of the same images."""
    apart = (found.log_prob - other)[~found.flagged]
    return {
        "values": len(apart),
        "mean": float(apart.mean()),
        "standard error": float(apart.std(ddof=1) / np.sqrt(len(apart))),
        "largest": float(np.abs(apart).max()),
    }


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and write the numbers where asked."""
    parser = argparse.ArgumentParser(prog="benchmarks.flags", description=__doc__)
    parser.add_argument("--model", type=Path, metavar="STUDY")
    parser.add_argument("--run", default="vae")
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--long", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if asked.model is None:
        found = {"normal log weights": drawn(), **counted(asked.images)}
    else:
        found = of_study(asked.model, asked.run, asked.images, asked.long)
    print(json.dumps(found, indent=1))
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
