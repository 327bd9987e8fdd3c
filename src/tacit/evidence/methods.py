"""log p(x) by the name of a method, for those who choose one in a study or at the command."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from tacit.evidence.annealed import annealed_importance_sampling, sigmoid_schedule
from tacit.evidence.correlated import CorrelatedNormal, correlated
from tacit.evidence.estimate import LogProbEstimate, concatenate
from tacit.evidence.importance import importance_sampling
from tacit.evidence.observed import MIB, Observed, draw_root, observed_from
from tacit.evidence.proposals import from_encoder
from tacit.evidence.refine import MOST_STEPS, refine
from tacit.models.models import VAE
from tacit.models.posteriors import DiagonalNormal
from tacit.streams import torch_stream

SAMPLES, CHAINS, DISTRIBUTIONS = 1000, 16, 1000
LACKING = 2.0
"""Nats that a posterior may lack whose normal of full covariance is sampled from."""
CORRELATED_AT_ONCE = 100
"""Images whose covariances are in memory together."""


@dataclass(frozen=True)
class Asked:
    """What a method is asked for; see `score`."""

    n_samples: int
    n_distributions: int
    generator: torch.Generator
    memory: int


@dataclass(frozen=True)
class Method:
    """A method of evaluating log p(x). A new one is a line of `METHODS`.

    Attributes:
        name: at the command.
        estimate: of each image. n_samples: how many it takes unless told.
        needs_encoder: whether it can do nothing with a VAE whose posteriors belong to images.
    """

    name: str
    estimate: Callable[[VAE, Observed, Asked], LogProbEstimate]
    n_samples: int = SAMPLES
    needs_encoder: bool = False


def score(
    model: VAE,
    x: Tensor | Observed,
    *,
    method: str | None = None,
    n_samples: int | None = None,
    n_distributions: int = DISTRIBUTIONS,
    generator: torch.Generator,
    memory: int = 512 * MIB,
) -> LogProbEstimate:
    """log p(x) of every image, a lower bound in expectation.

    "importance" draws from the encoder. "refined" optimises each image's posterior against the
    decoder and draws from a normal of full covariance there, and from the prior. "annealed" leads
    chains to the posterior, from the encoder, or from the prior where there is none. Copies have
    one value.

    Args:
        x: images in [0, 1], (B, C, H, W), or `observe(model, images, generator)`.
        method: the first of `METHODS` that the model allows, unless given.
        n_samples: weights per image: 1,000 samples, or 16 chains, unless given.
        n_distributions: of "annealed", from the start to the posterior.
        generator: gives the seed of this call's noise.
        memory: bytes for decoding.

    Raises:
        TypeError: for "importance" where the model has no encoder.
        ValueError: where the method is none, and where x or a number cannot be used.
    """
    if method not in (None, *METHODS):
        raise ValueError(f"`method` is {method!r}; {', '.join(METHODS)} are known")
    chosen = METHODS[method or possible(model)[0]]
    root = draw_root(generator)
    data, place = observed_from(model, x, root).once()
    many = chosen.n_samples if n_samples is None else n_samples
    asked = Asked(many, n_distributions, torch_stream(root, chosen.name), memory)
    return chosen.estimate(model, data, asked).take(place)


def possible(model: VAE) -> list[str]:
    """The methods that can be used with this model, the cheapest first."""
    return [name for name, each in METHODS.items() if model.amortized or not each.needs_encoder]


def _importance(model: VAE, data: Observed, asked: Asked) -> LogProbEstimate:
    return importance_sampling(
        model,
        from_encoder,
        data,
        n_samples=asked.n_samples,
        generator=asked.generator,
        memory=asked.memory,
    )


def _refined(model: VAE, data: Observed, asked: Asked) -> LogProbEstimate:
    q = refined_posteriors(model, data, generator=asked.generator, memory=asked.memory)
    return from_refined(
        model,
        data,
        q,
        n_samples=asked.n_samples,
        generator=asked.generator,
        memory=asked.memory,
    )


def _annealed(model: VAE, data: Observed, asked: Asked) -> LogProbEstimate:
    return annealed_importance_sampling(
        model,
        data,
        schedule=sigmoid_schedule(asked.n_distributions),
        n_chains=asked.n_samples,
        start="encoder" if model.amortized else "prior",
        generator=asked.generator,
        memory=asked.memory,
    )


METHODS = {
    method.name: method
    for method in (
        Method("importance", _importance, needs_encoder=True),
        Method("refined", _refined),
        Method("annealed", _annealed, n_samples=CHAINS),
    )
}
"""All methods by name, cheaper ones first."""


def refined_posteriors(
    model: VAE,
    data: Observed,
    *,
    max_steps: int = MOST_STEPS,
    generator: torch.Generator,
    memory: int = 512 * MIB,
) -> DiagonalNormal:
    """Diagonal normals that lack little enough to be sampled around, from the encoder if any.

    max_steps: gradients that an image takes, at most (see `refine`).
    """
    return refine(
        model,
        data,
        start="encoder" if model.amortized else "prior",
        tolerance=LACKING,
        max_steps=max_steps,
        generator=generator,
        memory=memory,
    ).q


def from_refined(
    model: VAE,
    data: Observed,
    q: DiagonalNormal,
    *,
    n_samples: int,
    generator: torch.Generator,
    memory: int = 512 * MIB,
) -> LogProbEstimate:
    """Importance samples from normals of full covariance at refined posteriors, one each of q."""
    root = draw_root(generator)
    return concatenate(
        [
            importance_sampling(
                model,
                proposal,
                some,
                n_samples=n_samples,
                generator=torch_stream(root, "samples"),
                memory=memory,
            )
            for some, proposal in with_covariance(model, data, q, root, memory)
        ]
    )


def with_covariance(
    model: VAE, data: Observed, q: DiagonalNormal, root: int, memory: int
) -> Iterator[tuple[Observed, CorrelatedNormal]]:
    """A few images after the other, with the normals that `correlated` makes of q's.

    Noise is each image's own, so that portions begin from the same stream.
    """
    for first in range(0, len(data), CORRELATED_AT_ONCE):
        part = slice(first, first + CORRELATED_AT_ONCE)
        some, own = data.take(part), DiagonalNormal(q.mean[part], q.log_var[part])
        generator = torch_stream(root, "correlated")
        yield some, correlated(model, some, own, generator=generator, memory=memory)
