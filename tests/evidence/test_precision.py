"""log p(x) to an asked precision is within it, or says that it is not and by how much."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tacit.evidence import precision
from tacit.evidence.estimate import concatenate
from tacit.evidence.exact import LinearGaussian
from tacit.evidence.methods import from_refined, refined_posteriors, score
from tacit.evidence.observed import Observed, observe
from tacit.evidence.precision import log_prob_to_precision
from tacit.evidence.quadrature import quadrature
from tacit.models.posteriors import DiagonalNormal
from tacit.streams import torch_stream


def noise(seed: int = 0) -> torch.Generator:
    return torch_stream(seed, "noise")


def correlated(latent_dim: int, sigma: float, n: int) -> tuple[LinearGaussian, Observed]:
    """A posterior whose dimensions depend on each other: a diagonal proposal fits it badly."""
    rng = np.random.default_rng(0)
    weight = torch.tensor(rng.normal(size=(64, latent_dim)) * 0.4)
    model = LinearGaussian(weight, torch.zeros(64, dtype=torch.float64), sigma, (1, 8, 8))
    x = model.simulate(n, noise())
    return model, observe(model, x, noise(1), pixel_range=None)


@pytest.mark.parametrize(("latent_dim", "sigma"), [(2, 0.2), (8, 0.2), (16, 0.1), (24, 0.1)])
def test_what_is_not_flagged_is_within_the_precision(latent_dim: int, sigma: float) -> None:
    model, data = correlated(latent_dim, sigma, 20)
    exact = model.log_prob(data.x).log_prob
    found = log_prob_to_precision(model, data, n_distributions=100, generator=noise(2))
    error = np.abs(found.log_prob - exact)
    assert found.flagged.mean() <= 0.15
    assert (error[~found.flagged] < 0.5).mean() >= 0.95


def test_dearer_methods_are_for_the_images_that_need_them() -> None:
    model, data = correlated(16, 0.1, 20)
    found = log_prob_to_precision(model, data, n_distributions=100, generator=noise(2))
    by_encoder = score(model, data, n_samples=1000, generator=noise(3)).flagged
    assert 0 < np.sum(found.methods == "importance sampling from the encoder") < 20
    assert by_encoder.any()
    # On a linear model the normal of full covariance is the posterior: nothing is left to anneal.
    assert not found.flagged.any()
    assert not found.annealed.any()
    assert found.sampled_ess[found.methods != "importance sampling from the encoder"].min() > 900
    assert "20 images" in str(found)


def test_what_samples_leave_flagged_is_annealed_until_it_is_not(curved) -> None:
    """Posteriors of a bent decoder, known by quadrature; a few wrong ones to begin from."""
    model, x = curved(2, 30, sigma=0.05)
    data = observe(model, x, noise())
    exact = quadrature(model, data, generator=noise()).log_prob
    refined = refined_posteriors(model, data, generator=noise())
    wide = DiagonalNormal(refined.mean + 0.5 * refined.log_var.mul(0.5).exp(), refined.log_var)
    found = log_prob_to_precision(
        model,
        data,
        precision=np.inf,
        n_samples=100,
        n_distributions=200,
        refined=wide,
        generator=noise(),
    )
    assert 5 < found.annealed.sum() < 30
    assert found.flagged.mean() < 0.1
    error = np.abs(found.log_prob - exact)
    assert (error[~found.flagged] < 0.5).mean() > 0.9
    sampled = from_refined(model, data, wide, n_samples=100, generator=noise())
    assert error.mean() < 0.5 * np.abs(sampled.log_prob - exact).mean()


def test_what_the_budget_does_not_settle_says_by_how_much_bounds_differ(
    curved, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, x = curved(6, 6, sigma=0.002)
    doubted, both_ways = [], precision.annealed_both_ways

    def seen(model, x, **settings):
        before = settings["generator"].get_state()
        lower, upper = both_ways(model, x, **settings)
        settings["generator"].set_state(before)
        there = precision.annealed_importance_sampling(model, x, **settings)
        np.testing.assert_array_equal(there.log_prob, lower.log_prob)
        doubted.extend(lower.log_prob)
        return lower, upper

    monkeypatch.setattr(precision, "annealed_both_ways", seen)
    found = log_prob_to_precision(
        model, x, precision=0.05, n_samples=200, n_distributions=5, generator=noise()
    )
    assert 3 <= found.flagged.sum() < 6
    assert np.array_equal(np.isfinite(found.upper), found.flagged)
    assert len(doubted) == found.flagged.sum(), "the way back is for what stays in doubt"
    assert found.apart[found.flagged].max() > 1
    assert all(bool(found.reasons(i)) == found.flagged[i] for i in range(6))
    assert "bounds differ by" in str(found)
    crossed = replace(found, upper=found.log_prob - 2.0)
    assert "bounds differ by 2 nats at the median, by 2 at most" in str(crossed)


def test_copies_have_one_value_and_estimates_join() -> None:
    model, data = correlated(4, 0.2, 4)
    copies = data.take(np.array([0, 1, 0, 2, 3]))
    found = log_prob_to_precision(model, copies, generator=noise())
    assert found.log_prob[0] == found.log_prob[2]
    refined = refined_posteriors(model, copies, generator=noise())
    given = log_prob_to_precision(model, copies, refined=refined, generator=noise())
    assert given.log_prob[0] == given.log_prob[2]
    with pytest.raises(ValueError, match="`refined` has 5 posteriors and there are 4 images"):
        log_prob_to_precision(model, data, refined=refined, generator=noise())
    both = concatenate([found, found])
    assert len(both) == len(both.flagged) == len(both.apart) == 10
    assert (both.take(slice(5, 10)).log_prob == found.log_prob).all()


@pytest.mark.parametrize("precision", [0, -1, np.nan])
def test_a_precision_is_a_positive_number(precision: float) -> None:
    model, data = correlated(2, 0.2, 1)
    with pytest.raises(ValueError, match=r"`precision` is .*; it is a positive number of nats"):
        log_prob_to_precision(model, data, precision=precision, generator=noise())
