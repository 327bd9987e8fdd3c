"""log p(x) by the name of a method, for those who choose one in a study or at the command."""

from typing import Literal

import torch
from torch import Tensor

from tacit.evidence.annealed import annealed_importance_sampling, sigmoid_schedule
from tacit.evidence.estimate import LogProbEstimate
from tacit.evidence.importance import importance_sampling
from tacit.evidence.observed import MIB, Observed, draw_root, observed_from
from tacit.evidence.proposals import covering, from_encoder
from tacit.evidence.refine import refine
from tacit.models.models import VAE
from tacit.streams import torch_stream

Method = Literal["importance", "refined", "annealed"]

SAMPLES, CHAINS, DISTRIBUTIONS = 1000, 16, 1000


def score(
    model: VAE,
    x: Tensor | Observed,
    *,
    method: Method = "importance",
    n_samples: int | None = None,
    n_distributions: int = DISTRIBUTIONS,
    generator: torch.Generator,
    memory: int = 512 * MIB,
) -> LogProbEstimate:
    """log p(x) of every image, a lower bound in expectation.

    "importance" draws from the encoder. "refined" optimises each image's posterior against the
    decoder and draws from it, from a wider one and from the prior. "annealed" leads chains to the
    posterior, from the encoder, or from the prior where there is none. Copies have one value.

    Args:
        x: images in [0, 1], (B, C, H, W), or `observe(model, images, generator)`.
        n_samples: weights per image: 1,000 samples, or 16 chains, unless given.
        n_distributions: of "annealed", from the start to the posterior.
        generator: gives the seed of this call's noise.
        memory: bytes for decoding.

    Raises:
        TypeError: for "importance" where the model has no encoder.
        ValueError: where x or a number cannot be used.
    """
    root = draw_root(generator)
    data, place = observed_from(model, x, root).once()
    return _scored(model, data, method, n_samples, n_distributions, root, memory).take(place)


def _scored(
    model: VAE,
    data: Observed,
    method: Method,
    n_samples: int | None,
    n_distributions: int,
    root: int,
    memory: int,
) -> LogProbEstimate:
    noise = torch_stream(root, method)
    if method == "annealed":
        return annealed_importance_sampling(
            model,
            data,
            schedule=sigmoid_schedule(n_distributions),
            n_chains=CHAINS if n_samples is None else n_samples,
            start="encoder" if model.amortized else "prior",
            generator=noise,
            memory=memory,
        )
    n_samples = SAMPLES if n_samples is None else n_samples
    if method == "importance":
        return importance_sampling(
            model, from_encoder, data, n_samples=n_samples, generator=noise, memory=memory
        )
    start: Literal["encoder", "prior"] = "encoder" if model.amortized else "prior"
    refined = refine(model, data, start=start, generator=noise, memory=memory)
    return importance_sampling(
        model, covering(refined.q), data, n_samples=n_samples, generator=noise, memory=memory
    )
