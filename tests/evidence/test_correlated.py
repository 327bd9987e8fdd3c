"""Normals of full covariance: exact on linear models, a density, no worse on bent ones."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from tacit.evidence.correlated import correlated
from tacit.evidence.importance import importance_sampling
from tacit.evidence.observed import Noise, observe
from tacit.evidence.proposals import fitted
from tacit.evidence.refine import refine
from tacit.models.models import VAE
from tacit.models.posteriors import DiagonalNormal
from tacit.streams import torch_stream


def test_on_a_linear_model_every_weight_is_log_p_itself(linear: Callable) -> None:
    model, data = linear(12, 5)
    # From the wrong mean and variances: one Newton step is exact.
    start = DiagonalNormal(*torch.zeros(2, 5, 12, dtype=torch.float64))
    q = correlated(model, data, start, generator=torch_stream(0, "q"))
    assert q.mean.numpy() == pytest.approx(model.posterior(data.x).mean.detach().numpy(), abs=1e-6)
    precision = (q.factor @ q.factor.mT).numpy()
    assert precision == pytest.approx(np.broadcast_to(model.precision, (5, 12, 12)), abs=1e-6)
    truth = model.log_prob(data.x).log_prob
    z = q.draw(50, Noise(0, "z", data.keys, data.x))
    own = (z - q.mean).square().sum(dim=-1) < 4  # near it, the prior's share matters little
    weights = (model.log_joint(data.x, z) - q.log_prob(z)).detach().numpy()
    assert np.abs(weights - truth)[own.numpy()].max() < 0.02
    found = importance_sampling(model, q, data, n_samples=500, generator=torch_stream(0, "w"))
    assert found.log_prob == pytest.approx(truth, abs=0.01)
    assert found.ess is not None
    assert found.ess.min() > 450


def test_its_density_is_that_of_its_draws_and_sums_to_one(linear: Callable) -> None:
    model, data = linear(2, 1)
    start = DiagonalNormal(*torch.zeros(2, 1, 2, dtype=torch.float64))
    q = correlated(model, data, start, generator=torch_stream(0, "q"))
    axis = torch.linspace(-8, 8, 1601, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)[:, None]
    density = q.log_prob(grid).exp()[:, 0]
    area = float(axis[1] - axis[0]) ** 2
    assert float(density.sum()) * area == pytest.approx(1, abs=1e-6)
    mean = (density[:, None] * grid[:, 0]).sum(dim=0) * area
    draws = q.draw(20_000, Noise(0, "z", data.keys, data.x))[:, 0]
    assert draws.mean(dim=0).numpy() == pytest.approx(mean.numpy(), abs=0.02)
    second = (density[:, None] * (grid[:, 0] - mean).square()).sum(dim=0) * area
    assert draws.var(dim=0).numpy() == pytest.approx(second.numpy(), rel=0.06)


@pytest.mark.parametrize("bernoulli", [False, True])
def test_where_codes_are_hardly_correlated_samples_are_worth_as_much(
    curved: Callable[..., tuple[VAE, torch.Tensor]], bernoulli: bool
) -> None:
    model, x = curved(12, 12, bernoulli=bernoulli, sigma=0.4)
    data = observe(model, x, torch_stream(0, "observe"))
    refined = refine(model, data, start="prior", generator=torch_stream(0, "refine")).q
    q = correlated(model, data, refined, generator=torch_stream(0, "q"))
    worth = []
    for proposal in (fitted(refined), q):
        found = importance_sampling(
            model, proposal, data, n_samples=500, generator=torch_stream(0, "w")
        )
        assert found.ess is not None
        worth.append(np.median(found.ess))
    assert worth[1] > 0.9 * worth[0]
    # Each image's noise is its own: alone it gets the same posterior.
    alone = correlated(
        model, data.take(slice(3, 4)), _row(refined, 3), generator=torch_stream(0, "q")
    )
    assert alone.mean[0].numpy() == pytest.approx(q.mean[3].numpy(), abs=1e-4)


def test_without_a_round_the_normal_stays_as_it_was(
    curved: Callable[..., tuple[VAE, torch.Tensor]],
) -> None:
    model, x = curved(6, 4)
    data = observe(model, x, torch_stream(0, "observe"))
    refined = refine(model, data, start="prior", generator=torch_stream(0, "refine")).q
    same = correlated(model, data, refined, generator=torch_stream(0, "q"), rounds=0)
    assert torch.equal(same.mean, refined.mean)
    variances = torch.cholesky_inverse(same.factor).diagonal(dim1=-2, dim2=-1)
    assert variances.numpy() == pytest.approx(refined.log_var.exp().numpy(), rel=1e-4)


def _row(q: DiagonalNormal, row: int) -> DiagonalNormal:
    return DiagonalNormal(q.mean[row : row + 1], q.log_var[row : row + 1])
