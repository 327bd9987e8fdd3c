"""log p(x) of the same few images by several methods, and both bounds on simulated ones."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from tacit.evidence.annealed import Start, annealed_importance_sampling, sigmoid_schedule
from tacit.evidence.bidirectional import bidirectional
from tacit.evidence.estimate import LogProbEstimate
from tacit.evidence.observed import Observed
from tacit.evidence.quadrature import quadrature
from tacit.evidence.refine import refine
from tacit.images.dataset import Images
from tacit.measures.distances import Floats
from tacit.models.models import VAE
from tacit.models.posteriors import DiagonalNormal
from tacit.questions.base import Arrays, Runs
from tacit.questions.log_probability.question import LogProbability
from tacit.questions.shared.samples import Rows
from tacit.questions.shared.scoring import columns_of, estimated, observed
from tacit.questions.typed import OfImages
from tacit.streams import numpy_stream, torch_stream

MOST_FOR_QUADRATURE = 2
MORE = 10
"""The check of so many samples, or distributions, is so many times as many."""


@dataclass(frozen=True)
class Estimate:
    """log p(x) by one method, (n,) each."""

    log_prob: Floats
    standard_error: Floats
    flagged: Rows


@dataclass(frozen=True)
class Simulated:
    """Both bounds on log p(x) of images that the model made, (n,) each."""

    lower: Floats
    upper: Floats
    flagged: Rows


@dataclass(frozen=True)
class Checks:
    """What other methods give.

    Attributes:
        resampled: by importance samples, as many as were asked for and more, ``importance-N``; with
            one or two latent dimensions the integral beside them, ``exact``.
        annealed: by annealing from the prior and from the encoder (or refined posteriors),
            ``START-T``. annealed_long: of fewer images.
    """

    resampled: OfImages[Estimate]
    annealed: OfImages[Estimate]
    annealed_long: OfImages[Estimate] | None
    simulated: Simulated


def fitted_start(model: VAE) -> str:
    """Where annealing starts beside the prior: "encoder", or "refined" where there is none."""
    return "encoder" if model.amortized else "refined"


def annealing(
    model: VAE, images: Images, rows: Rows, scored: Estimate, asked: LogProbability, runs: Runs
) -> Checks:
    """log p(x) of a few images by several methods, drawn at random from `rows`.

    scored: of each of `rows` by importance sampling.
    runs: those of the measurement; what is finished is kept there, and annealing on its way.
    """
    seed = runs.seed
    order = numpy_stream(0, "annealed").permutation(len(rows))

    def seen(place: Rows) -> Observed:
        return observed(model, images, rows[place], seed, "test")

    def kept(table: str, name: str, estimate: Callable[[], LogProbEstimate]) -> Estimate:
        return Estimate(**runs.kept(f"{table}-{name}", lambda: columns_of(estimate())))  # type: ignore[arg-type]

    def annealed(table: str, name: str, data: Observed, start: Start, distributions: int) -> None:
        def estimate() -> LogProbEstimate:
            return annealed_importance_sampling(
                model,
                data,
                schedule=sigmoid_schedule(distributions),
                start=start,
                generator=torch_stream(seed, "annealed", name, distributions),
                checkpoint=runs.keep and runs.keep / f"{table}-{name}-{distributions}",
            )

        key = f"{name}-{distributions}"
        by[table][key] = kept(table, key, estimate)

    place = order[: max(asked.resampled_images, asked.annealed_images)]
    data, more = seen(place), MORE * asked.samples
    few = Estimate(scored.log_prob[place], scored.standard_error[place], scored.flagged[place])
    by: dict[str, dict[str, Estimate]] = {"annealed": {}, "annealed-long": {}}
    resampled = OfImages(rows[place], None, {f"importance-{asked.samples}": few})
    resampled.of[f"importance-{more}"] = kept(
        "resampled",
        f"importance-{more}",
        lambda: estimated(model, data, more, seed, "test", by_encoder=asked.by_encoder),
    )
    if model.latent_dim <= MOST_FOR_QUADRATURE:
        generator = torch_stream(seed, "quadrature")
        resampled.of["exact"] = kept(
            "resampled", "exact", lambda: quadrature(model, data, generator=generator)
        )

    place = order[: asked.annealed_images]
    some = seen(place)
    refined = None if model.amortized else _refined(model, some, runs)
    best = fitted_start(model)
    starts: dict[str, Start] = {best: refined or "encoder", "prior": "prior"}
    for name, start in starts.items():
        for distributions in asked.distributions:
            annealed("annealed", name, some, start, distributions)
    long, first = None, slice(0, asked.long_images)
    if asked.long_images:
        fewer: Start = "encoder"
        if refined is not None:
            fewer = DiagonalNormal(refined.mean[first], refined.log_var[first])
        annealed("annealed-long", best, some.take(first), fewer, MORE * asked.distributions[-1])
        long = OfImages(rows[place[first]], None, by["annealed-long"])
    simulated = runs.kept("simulated", lambda: _simulated(model, asked, seed))
    return Checks(
        resampled,
        OfImages(rows[place], None, by["annealed"]),
        long,
        Simulated(**simulated),  # type: ignore[arg-type]
    )


def _refined(model: VAE, data: Observed, runs: Runs) -> DiagonalNormal:
    """Posteriors of images of a model without an encoder."""

    def compute() -> Arrays:
        generator = torch_stream(runs.seed, "refined", "annealed")
        q = refine(model, data, start="prior", generator=generator).q
        return {"mean": q.mean.numpy(), "log_var": q.log_var.numpy()}

    kept = runs.kept("annealed-refined", compute)
    return DiagonalNormal(torch.from_numpy(kept["mean"]), torch.from_numpy(kept["log_var"]))


def _simulated(model: VAE, asked: LogProbability, seed: int) -> Arrays:
    both = bidirectional(
        model,
        n_images=asked.simulated_images,
        schedule=sigmoid_schedule(asked.distributions[-1]),
        generator=torch_stream(seed, "simulated"),
    )
    return {
        "lower": both.lower.log_prob,
        "upper": both.upper.log_prob,
        "flagged": (both.lower.flagged | both.upper.flagged).astype(np.int64),
    }
