"""Annealing against algebra and quadrature; both ways; interrupted and continued."""

import math

import numpy as np
import pytest
import torch

from tacit.evidence.annealed import (
    annealed_importance_sampling,
    sigmoid_schedule,
)
from tacit.evidence.bidirectional import bidirectional
from tacit.evidence.checkpoint import Store
from tacit.evidence.correlated import CorrelatedNormal, correlated
from tacit.evidence.hamiltonian import Coordinates, chains_at, transition
from tacit.evidence.observed import MIB, Noise, Observed
from tacit.models.posteriors import DiagonalNormal
from tacit.streams import torch_stream


def noise(seed: int = 0) -> torch.Generator:
    return torch_stream(seed, "noise")


@pytest.mark.parametrize(("latent_dim", "start"), [(1, "prior"), (5, "prior"), (50, "encoder")])
def test_it_agrees_with_algebra(linear, latent_dim: int, start: str) -> None:
    model, data = linear(latent_dim, 20, strength=0.5 if latent_dim == 50 else 1.0)
    exact = model.log_prob(data.x).log_prob
    found = annealed_importance_sampling(
        model, data, schedule=sigmoid_schedule(150), n_chains=32, start=start, generator=noise()
    )
    error = np.abs(found.log_prob - exact)
    assert (error < 0.1).mean() >= 0.9
    assert (error < 3 * found.standard_error + 1e-9).mean() >= 0.9
    # Where the density is normal a leap hardly errs, however long it is.
    assert np.median(found.acceptance) > 0.9
    assert not found.flagged.any()


@pytest.mark.parametrize("schedule", [np.linspace(0, 1, 13), sigmoid_schedule(12)])
def test_weights_are_unbiased_while_step_sizes_adapt(linear, schedule) -> None:
    """The mean of w / p(x) over 6,000 chains of a short, poor run is 1."""
    model, data = linear(2, 1, strength=3.0)
    repeated = Observed(data.x.repeat(400, 1, 1, 1), tuple(map(str, range(400))))
    found = annealed_importance_sampling(
        model, repeated, schedule=schedule, n_chains=15, generator=noise()
    )
    ratio = np.exp(found.log_prob - model.log_prob(data.x).log_prob)
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / 20
    assert ratio.std() / 20 < 0.03


def test_from_a_full_covariance_weights_are_equal_where_it_is_exact(linear) -> None:
    model, data = linear(12, 5, strength=20.0)
    q = correlated(model, data, model.posterior(data.x), generator=noise())
    found = annealed_importance_sampling(
        model, data, schedule=[0, 0.5, 1], n_chains=10, start=q, leaps=2, generator=noise()
    )
    np.testing.assert_allclose(found.log_prob, model.log_prob(data.x).log_prob, atol=1e-4)
    assert found.ess == pytest.approx(10)


def test_from_a_full_covariance_weights_are_unbiased(linear) -> None:
    """A normal of the wrong mean and covariance: p(x) over 6,000 chains of a short run."""
    model, data = linear(3, 1, strength=6.0)
    repeated = Observed(data.x.repeat(400, 1, 1, 1), tuple(map(str, range(400))))
    exact = model.exact_posterior(repeated.x)
    scale = torch.tensor([0.7, 1.1, 0.9], dtype=torch.float64)
    wrong = CorrelatedNormal(exact.mean + 0.2, exact.factor * scale)
    found = annealed_importance_sampling(
        model,
        repeated,
        schedule=np.linspace(0, 1, 7),
        n_chains=15,
        start=wrong,
        leaps=2,
        generator=noise(),
    )
    ratio = np.exp(found.log_prob - model.log_prob(data.x).log_prob)
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / 20
    assert 0.002 < ratio.std() / 20 < 0.03


def test_step_sizes_follow_a_bent_density_to_the_acceptance_asked_for(curved) -> None:
    model, x = curved(4, 4, sigma=0.03)
    found = annealed_importance_sampling(
        model, x, schedule=sigmoid_schedule(80), n_chains=8, generator=noise()
    )
    assert np.median(found.acceptance) == pytest.approx(0.65, abs=0.15)


def test_a_transition_leaves_its_density_as_it_is(linear) -> None:
    """Chains that start from p_β are still from p_β: moments of a Gaussian, known by algebra."""
    model, data = linear(2, 1, strength=5.0)
    zeros = torch.zeros(1, 2, dtype=torch.float64)
    q0, beta = Coordinates.of(DiagonalNormal(zeros, zeros)), 0.3
    identity = torch.eye(2).double()
    precision = identity + beta * (model.precision - identity)
    pull = (data.x.flatten(1) - model.bias) @ model.weight / model.variance
    mean = torch.linalg.solve(precision, beta * pull.T).T
    stream = Noise(0, "start", data.keys, data.x)
    factor = torch.linalg.cholesky(precision.inverse())
    begin = mean + stream.normal(20_000, 2) @ factor.T
    chains = chains_at(model, data.x, q0, begin, 10**6)
    before = chains.standard
    step = torch.full((1,), 0.5, dtype=torch.float64)
    for _ in range(3):
        chains, acceptance = transition(model, data.x, q0, beta, chains, step, stream, 10**6)
    assert 0.5 < acceptance.mean() < 0.999
    assert (chains.standard - before).abs().mean() > 0.1
    torch.testing.assert_close(chains.standard.mean(dim=0), mean, atol=0.015, rtol=0)
    covariance = torch.cov(chains.standard[:, 0].T)
    torch.testing.assert_close(covariance, precision.inverse(), atol=0.02, rtol=0.03)
    again = chains_at(model, data.x, q0, chains.standard, 7)
    torch.testing.assert_close(again.log_joint, chains.log_joint)
    torch.testing.assert_close(again.gradient, chains.gradient)


def test_bidirectional_bounds_enclose_the_truth(linear) -> None:
    model, _ = linear(3, 1, strength=3.0)
    found = bidirectional(
        model, n_images=30, schedule=sigmoid_schedule(40), n_chains=8, generator=noise()
    )
    exact = model.log_prob(found.x).log_prob
    below, above = exact - found.lower.log_prob, found.upper.log_prob - exact
    assert (found.lower.bound, found.upper.bound) == ("lower", "upper")
    assert 0 < found.gap.mean() < 0.3
    for side in (below, above):
        # A bound in expectation: over 30 images its mean is above zero, but for its noise.
        assert side.mean() > -2 * side.std() / math.sqrt(30)
        assert abs(side.mean()) < 0.2
    # Both 1 / p(x) and p(x) are estimated without bias, from very short runs too.
    short = bidirectional(
        model, n_images=400, schedule=sigmoid_schedule(5), n_chains=4, generator=noise(1)
    )
    exact = model.log_prob(short.x).log_prob
    for ratio in (np.exp(short.lower.log_prob - exact), np.exp(exact - short.upper.log_prob)):
        assert abs(ratio.mean() - 1) < 4 * ratio.std() / 20
    assert short.gap.mean() > found.gap.mean()
    assert "gap: mean" in str(found)
    assert len(found) == 30
    assert (found.standard_error > 0).all()


def test_bidirectional_runs_for_bernoulli_from_the_encoder(curved) -> None:
    model, _ = curved(2, 1, bernoulli=True)
    found = bidirectional(
        model, n_images=4, schedule=sigmoid_schedule(60), start="encoder", generator=noise()
    )
    assert found.upper.measure == "mass"
    assert set(found.x.unique().tolist()) == {0, 1}
    assert np.abs(found.gap).mean() < 0.5


def test_company_and_memory_change_rounding_alone(curved) -> None:
    model, x = curved(2, 5)
    model = model.double()
    settings = {"schedule": sigmoid_schedule(15), "n_chains": 4}
    whole = annealed_importance_sampling(model, x, generator=noise(), **settings)
    part = annealed_importance_sampling(model, x[[4, 2]], generator=noise(), **settings)
    np.testing.assert_allclose(part.log_prob, whole.log_prob[[4, 2]], atol=1e-6)
    small = annealed_importance_sampling(model, x, generator=noise(), memory=MIB // 64, **settings)
    np.testing.assert_allclose(small.log_prob, whole.log_prob, atol=1e-6)


class Interrupted(Exception):
    pass


def test_an_interrupted_run_goes_on_to_the_same_bits(curved, tmp_path, monkeypatch) -> None:
    model, x = curved(2, 3)

    def run(folder):
        return annealed_importance_sampling(
            model,
            x,
            schedule=sigmoid_schedule(30),
            n_chains=4,
            generator=noise(),
            checkpoint=folder,
        )

    whole = run(None)
    save, saves = Store.save, []

    def save_until_the_tenth(self, **tensors):
        self.seconds_between = 0.0
        save(self, **tensors)
        saves.append(int(tensors["t"]))
        if len(saves) == 10:
            raise Interrupted

    monkeypatch.setattr(Store, "save", save_until_the_tenth)
    with pytest.raises(Interrupted):
        run(tmp_path)
    again = run(tmp_path)
    assert saves == list(range(1, 31))
    finished = run(tmp_path)
    assert len(saves) == 30
    for other in (again, finished):
        assert (other.log_prob == whole.log_prob).all()
        assert (other.acceptance == whole.acceptance).all()
    assert [path.name for path in tmp_path.iterdir()] == ["images-000000.safetensors"]


@pytest.mark.parametrize("changed", ["model", "images", "schedule", "seed", "chains"])
def test_a_checkpoint_of_another_run_is_refused(curved, tmp_path, changed: str) -> None:
    model, x = curved(2, 3)
    settings = {"schedule": sigmoid_schedule(3), "n_chains": 2, "generator": noise()}
    annealed_importance_sampling(model, x, checkpoint=tmp_path, **settings)
    settings["generator"] = noise()
    if changed == "model":
        with torch.no_grad():
            model.decoder.layers[0].bias += 0.1
    if changed == "images":
        x = x.flip(0)
    settings |= {
        "schedule": {"schedule": sigmoid_schedule(4)},
        "seed": {"generator": noise(1)},
        "chains": {"n_chains": 3},
    }.get(changed, {})
    with pytest.raises(ValueError, match="is the progress of another run"):
        annealed_importance_sampling(model, x, checkpoint=tmp_path, **settings)


def test_collapsed_acceptance_is_flagged(curved) -> None:
    """A density too narrow for two transitions: the step size cannot follow."""
    model, x = curved(2, 2, sigma=0.001)
    found = annealed_importance_sampling(
        model, x, schedule=[0, 0.5, 0.9, 1], n_chains=8, generator=noise()
    )
    assert found.acceptance.max() < 0.2
    assert "acceptance under 20%" in found.reasons(0)


def test_schedules() -> None:
    betas = sigmoid_schedule(10)
    assert betas[[0, -1]].tolist() == [0, 1]
    assert len(betas) == 11
    np.testing.assert_allclose(betas + betas[::-1], 1)
    assert np.diff(betas).argmax() in (4, 5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"schedule": [0.1, 1]}, "from 0 to 1"),
        ({"schedule": [0]}, "from 0 to 1"),
        ({"schedule": [0, 0.5, 0.5, 1]}, "from 0.5 to 0.5 at 2; it rises"),
        ({"schedule": [0, math.nan, 1]}, "it rises"),
        ({"n_chains": 0}, "`n_chains` is 0"),
        ({"start": "posterior"}, "`start` is 'posterior'"),
        ({"start": DiagonalNormal(torch.zeros(1, 2), torch.zeros(1, 2))}, "need one row each"),
    ],
)
def test_bad_settings(curved, settings, message: str) -> None:
    model, x = curved(2, 3)
    with pytest.raises(ValueError, match=message):
        annealed_importance_sampling(
            model, x, **{"schedule": [0, 1], "generator": noise(), **settings}
        )
