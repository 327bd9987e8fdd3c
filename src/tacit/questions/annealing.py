"""log p(x) of the same few images by several methods, and both bounds on simulated ones."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from tacit.evidence.annealed import Start, annealed_importance_sampling, sigmoid_schedule
from tacit.evidence.bidirectional import bidirectional
from tacit.evidence.estimate import LogProbEstimate
from tacit.evidence.observed import Observed, observe
from tacit.evidence.quadrature import quadrature
from tacit.evidence.refine import refine
from tacit.images.dataset import Images
from tacit.models.models import VAE
from tacit.models.posteriors import DiagonalNormal
from tacit.questions.samples import Rows
from tacit.questions.scoring import estimated
from tacit.streams import numpy_stream, torch_stream

Arrays = dict[str, NDArray[np.generic]]
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
    """

    samples: int
    distributions: tuple[int, ...]
    annealed: int
    resampled: int
    long: int
    simulated: int

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
    seed: int,
) -> Arrays:
    """Columns of a few tables, all on images drawn at random from `rows`.

    ``table/resampled``: ``importance-N.log_prob`` with its error and flag, for the samples asked
    for and more. ``table/annealed``: ``START-T.log_prob``, …, from the prior and from the encoder
    (or refined posteriors); of ``table/annealed-long`` there are fewer images. ``table/simulated``:
    ``lower``, ``upper`` and ``flagged`` of images that the model made. With one or two latent
    dimensions the integral stands beside them, ``exact.log_prob``.

    columns: ``log_prob`` by importance sampling, its error and flag, of each of `rows`, (n,).
    """
    order = numpy_stream(0, "annealed").permutation(len(rows))
    found: Arrays = {}

    def observed(place: Rows) -> Observed:
        x = torch.from_numpy(images.scaled(rows[place]))
        return observe(model, x, torch_stream(seed, "observed", "test"))

    def keep(table: str, name: str, estimate: LogProbEstimate) -> None:
        found[f"table/{table}/{name}.log_prob"] = estimate.log_prob
        found[f"table/{table}/{name}.standard_error"] = estimate.standard_error
        found[f"table/{table}/{name}.flagged"] = estimate.flagged.astype(np.int64)

    place = order[: max(checking.resampled, checking.annealed)]
    found["table/resampled/index"] = rows[place]
    for name in ("log_prob", "standard_error", "flagged"):
        found[f"table/resampled/importance-{checking.samples}.{name}"] = columns[name][place]
    data = observed(place)
    more = estimated(model, data, MORE * checking.samples, seed, "test")
    keep("resampled", f"importance-{MORE * checking.samples}", more)
    if model.n_code <= MOST_FOR_QUADRATURE:
        exact = quadrature(model, data, generator=torch_stream(seed, "quadrature"))
        keep("resampled", "exact", exact)

    place = order[: checking.annealed]
    data = observed(place)
    found["table/annealed/index"] = rows[place]
    refined = None
    if not model.amortized:
        generator = torch_stream(seed, "refined", "annealed")
        refined = refine(model, data, start="prior", generator=generator).q
    best = fitted_start(model)
    starts: dict[str, Start] = {best: refined or "encoder", "prior": "prior"}
    for name, start in starts.items():
        for distributions in checking.distributions:
            estimate = annealed_importance_sampling(
                model,
                data,
                schedule=sigmoid_schedule(distributions),
                start=start,
                generator=torch_stream(seed, "annealed", name, distributions),
            )
            keep("annealed", f"{name}-{distributions}", estimate)
    if checking.long:
        first = slice(0, checking.long)
        found["table/annealed-long/index"] = rows[place[first]]
        longest = MORE * checking.most
        few: Start = "encoder"
        if refined is not None:
            few = DiagonalNormal(refined.mean[first], refined.log_var[first])
        estimate = annealed_importance_sampling(
            model,
            data.take(first),
            schedule=sigmoid_schedule(longest),
            start=few,
            generator=torch_stream(seed, "annealed", best, longest),
        )
        keep("annealed-long", f"{best}-{longest}", estimate)
    both = bidirectional(
        model,
        n_images=checking.simulated,
        schedule=sigmoid_schedule(checking.most),
        generator=torch_stream(seed, "simulated"),
    )
    found["table/simulated/lower"] = both.lower.log_prob
    found["table/simulated/upper"] = both.upper.log_prob
    found["table/simulated/flagged"] = (both.lower.flagged | both.upper.flagged).astype(np.int64)
    return found
