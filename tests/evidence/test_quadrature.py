"""Quadrature against algebra; importance sampling and annealing against quadrature."""

import numpy as np
import pytest
import torch

from tacit.evidence.annealed import annealed_importance_sampling, sigmoid_schedule
from tacit.evidence.gap import inference_gap
from tacit.evidence.importance import importance_sampling
from tacit.evidence.observed import MIB, observe
from tacit.evidence.proposals import fitted, from_prior, mixture, widened
from tacit.evidence.quadrature import quadrature
from tacit.evidence.refine import refine
from tacit.models.posteriors import PerImage
from tacit.streams import torch_stream


def noise(seed: int = 0) -> torch.Generator:
    return torch_stream(seed, "noise")


@pytest.mark.parametrize("latent_dim", [1, 2])
@pytest.mark.parametrize("strength", [0.1, 10.0, 100_000.0])
def test_it_equals_algebra(linear, latent_dim: int, strength: float) -> None:
    """From a posterior as wide as the prior to one of a 300th of its width."""
    model, data = linear(latent_dim, 6, strength=strength)
    found = quadrature(model, data, generator=noise(), tolerance=1e-4)
    exact = model.log_prob(data.x).log_prob
    error = np.abs(found.log_prob - exact)
    assert (error <= found.standard_error + 1e-9).all()
    assert error.max() < 1e-4
    assert found.bound == "exact"
    assert not found.flagged.any()


def test_a_posterior_at_the_edge_is_not_called_exact(linear) -> None:
    """An image whose code lies ten prior deviations out: the mass that is missing is said."""
    model, _ = linear(1, 1, strength=10.0)
    x = model.decoder(torch.full((1, 1), 13.0, dtype=torch.float64)).detach()
    data = observe(model, x, noise(), pixel_range=None)
    found = quadrature(model, data, generator=noise())
    assert abs(found.log_prob - model.log_prob(x).log_prob)[0] > 1
    assert found.standard_error[0] > 0.2
    assert found.reasons(0) == ("numerical error above 0.05 nats",)


@pytest.mark.parametrize("bernoulli", [False, True])
def test_three_methods_agree_on_a_bent_decoder(curved, bernoulli: bool) -> None:
    model, x = curved(2, 15, bernoulli=bernoulli)
    data = observe(model, x, noise())
    exact = quadrature(model, data, generator=noise())
    q = fitted(refine(model, data, n_starts=3, generator=noise()).q)
    safe = mixture([q, widened(q, 2), from_prior(model, data.x)], [0.4, 0.3, 0.3])
    sampled = importance_sampling(model, safe, data, n_samples=3000, generator=noise())
    annealed = annealed_importance_sampling(
        model, data, schedule=sigmoid_schedule(100), n_chains=16, generator=noise()
    )
    for found in (sampled, annealed):
        error = np.abs(found.log_prob - exact.log_prob)
        assert (error < 4 * found.standard_error + 0.01)[~found.flagged].all()
        assert error[~found.flagged].max() < 0.5
        assert found.flagged.mean() < 0.4
        assert found.measure == exact.measure
    small = quadrature(model, data, generator=noise(), memory=MIB // 16)
    np.testing.assert_allclose(small.log_prob, exact.log_prob, atol=1e-4)


def test_more_than_two_dimensions_are_refused(curved) -> None:
    model, x = curved(3, 2)
    with pytest.raises(ValueError, match="3 latent dimensions; quadrature is for one or two"):
        quadrature(model, x, generator=noise())
    model, x = curved(2, 2)
    with pytest.raises(ValueError, match="`tolerance` is 0"):
        quadrature(model, x, generator=noise(), tolerance=0)


def test_the_gap_of_the_linear_model_is_algebra(linear) -> None:
    """Its encoder is the best diagonal normal: no amortisation gap, and a known other one."""
    model, data = linear(12, 40, strength=30.0)
    found = inference_gap(model, data, n_samples=2000, generator=noise())
    expected = 0.5 * (model.precision.diagonal().log().sum() - model.precision.logdet()).item()
    assert expected > 0.2
    # Refinement by noisy steps ends about 0.1 nat below the optimum.
    assert found.approximation.mean() == pytest.approx(expected, abs=0.2)
    assert found.amortisation.mean() == pytest.approx(0, abs=0.2)
    assert np.abs(found.amortisation / found.amortisation_error).max() < 5
    assert "approximation gap, a lower bound" in str(found)
    exact = inference_gap(
        model, data, log_prob=model.log_prob(data.x), elbo_samples=50, generator=noise()
    )
    assert exact.approximation.mean() == pytest.approx(expected, abs=0.2)
    assert "a lower bound" not in str(exact)
    with pytest.raises(ValueError, match="`log_prob` has 3 images and x 40"):
        inference_gap(model, data, log_prob=model.log_prob(data.x[:3]), generator=noise())


def test_the_gap_of_a_poor_encoder_and_of_none(curved) -> None:
    model, x = curved(2, 10)
    found = inference_gap(model, x, n_samples=500, elbo_samples=50, generator=noise())
    assert found.amortisation.min() > 0
    assert found.approximation.mean() > 0
    whole = found.log_prob.log_prob - found.own.elbo
    np.testing.assert_allclose(found.approximation + found.amortisation, whole)
    model.posterior = PerImage(10, 2)
    without = inference_gap(model, x, n_samples=500, elbo_samples=50, generator=noise())
    assert without.own is None
    assert without.amortisation is None
    assert "gives these images no posterior" in str(without)
    own = model.posterior(None, torch.arange(10))
    given = inference_gap(model, x, q=own, n_samples=500, elbo_samples=50, generator=noise())
    assert given.amortisation.min() > 0
