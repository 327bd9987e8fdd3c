"""log p(x) of the same few images by several methods, and both bounds on simulated ones."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from tacit.evidence.annealed import Start, annealed_importance_sampling, sigmoid_schedule
from tacit.evidence.bidirectional import bidirectional
from tacit.evidence.estimate import LogProbEstimate
from tacit.evidence.observed import Observed, observe
from tacit.evidence.quadrature import quadrature
from tacit.evidence.refine import refine
from tacit.images.dataset import Images
from tacit.models.models import VAE
from tacit.models.posteriors import DiagonalNormal
from tacit.questions.base import Arrays, Runs
from tacit.questions.shared.samples import Rows
from tacit.questions.shared.scoring import ProposalName, estimated
from tacit.streams import numpy_stream, torch_stream

MOST_FOR_QUADRATURE = 2
MORE = 10
"""The check of so many samples, or distributions, is so many times as many."""


@dataclass(frozen=True)
class Checking:
    """How much is annealed.

    Attributes:
        samples: importance samples per image; `MORE` times as many are drawn beside them.
        distributions: from the start to the posterior, rising; annealed by each of them.
        annealed, resampled: test images that are annealed, and that get more importance samples.
        long: of those annealed, how many are annealed by `MORE` times the most distributions too.
        simulated: images for both bounds.
        proposal: where importance samples come from.
    """

    samples: int
    distributions: tuple[int, ...]
    annealed: int
    resampled: int
    long: int
    simulated: int
    proposal: ProposalName = "refined"

    @property
    def most(self) -> int:
        return self.distributions[-1]


def fitted_start(model: VAE) -> str:
    """Where annealing starts beside the prior: "encoder", or "refined" where there is none."""
    return "encoder" if model.amortized else "refined"


def annealing(
    model: VAE,
    images: Images,
    rows: Rows,
    columns: Arrays,
    checking: Checking,
    runs: Runs,
) -> Arrays:
    """Columns of a few tables, all on images drawn at random from `rows`.

    ``table/resampled``: ``importance-N.log_prob`` with its error and flag, for the samples asked
    for and more. ``table/annealed``: ``START-T.log_prob``, …, from the prior and from the encoder
    (or refined posteriors); of ``table/annealed-long`` there are fewer images. ``table/simulated``:
    ``lower``, ``upper`` and ``flagged`` of images that the model made. With one or two latent
    dimensions the integral stands beside them, ``exact.log_prob``.

    columns: ``log_prob`` by importance sampling, its error and flag, of each of `rows`, (n,).
    runs: those of the measurement; what is finished is kept there, and annealing on its way.
    """
    seed = runs.seed
    order = numpy_stream(0, "annealed").permutation(len(rows))
    found: Arrays = {}

    def observed(place: Rows) -> Observed:
        x = torch.from_numpy(images.scaled(rows[place]))
        return observe(model, x, torch_stream(seed, "observed", "test"))

    def keep(table: str, name: str, estimate: Callable[[], LogProbEstimate]) -> None:
        columns = runs.kept(f"{table}-{name}", lambda: _columns(estimate()))
        found.update({f"table/{table}/{name}.{column}": v for column, v in columns.items()})

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

        keep(table, f"{name}-{distributions}", estimate)

    place = order[: max(checking.resampled, checking.annealed)]
    found["table/resampled/index"] = rows[place]
    for name in ("log_prob", "standard_error", "flagged"):
        found[f"table/resampled/importance-{checking.samples}.{name}"] = columns[name][place]
    data = observed(place)
    keep(
        "resampled",
        f"importance-{MORE * checking.samples}",
        lambda: estimated(model, data, MORE * checking.samples, seed, "test", checking.proposal),
    )
    if model.latent_dim <= MOST_FOR_QUADRATURE:
        generator = torch_stream(seed, "quadrature")
        keep("resampled", "exact", lambda: quadrature(model, data, generator=generator))

    place = order[: checking.annealed]
    few = observed(place)
    found["table/annealed/index"] = rows[place]
    refined = None if model.amortized else _refined(model, few, runs)
    best = fitted_start(model)
    starts: dict[str, Start] = {best: refined or "encoder", "prior": "prior"}
    for name, start in starts.items():
        for distributions in checking.distributions:
            annealed("annealed", name, few, start, distributions)
    if checking.long:
        first = slice(0, checking.long)
        found["table/annealed-long/index"] = rows[place[first]]
        fewer: Start = "encoder"
        if refined is not None:
            fewer = DiagonalNormal(refined.mean[first], refined.log_var[first])
        annealed("annealed-long", best, few.take(first), fewer, MORE * checking.most)
    simulated = runs.kept("simulated", lambda: _simulated(model, checking, seed))
    return found | {f"table/simulated/{name}": column for name, column in simulated.items()}


def _columns(estimate: LogProbEstimate) -> Arrays:
    return {
        "log_prob": estimate.log_prob,
        "standard_error": estimate.standard_error,
        "flagged": estimate.flagged.astype(np.int64),
    }


def _refined(model: VAE, data: Observed, runs: Runs) -> DiagonalNormal:
    """Posteriors of images of a model without an encoder."""

    def compute() -> Arrays:
        generator = torch_stream(runs.seed, "refined", "annealed")
        q = refine(model, data, start="prior", generator=generator).q
        return {"mean": q.mean.numpy(), "log_var": q.log_var.numpy()}

    kept = runs.kept("annealed-refined", compute)
    return DiagonalNormal(torch.from_numpy(kept["mean"]), torch.from_numpy(kept["log_var"]))


def _simulated(model: VAE, checking: Checking, seed: int) -> Arrays:
    both = bidirectional(
        model,
        n_images=checking.simulated,
        schedule=sigmoid_schedule(checking.most),
        generator=torch_stream(seed, "simulated"),
    )
    return {
        "lower": both.lower.log_prob,
        "upper": both.upper.log_prob,
        "flagged": (both.lower.flagged | both.upper.flagged).astype(np.int64),
    }
