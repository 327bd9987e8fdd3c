"""Importance sampling against algebra, its own promises, and bad input."""

import math

import numpy as np
import pytest
import torch
from scipy.special import logsumexp

from peak import megabytes_of
from tacit.evidence.importance import LogWeights, importance_sampling
from tacit.evidence.methods import score
from tacit.evidence.observed import MIB, Noise, Observed, observe
from tacit.evidence.proposals import (
    NormalMixture,
    fitted,
    from_encoder,
    from_prior,
    mixture,
    widened,
)
from tacit.models.likelihoods import Bernoulli
from tacit.models.posteriors import DiagonalNormal, PerImage
from tacit.streams import torch_stream


def with_prior(q: NormalMixture) -> NormalMixture:
    """Nine parts of q and one of N(0, I)."""
    zeros = torch.zeros_like(q.components[0].mean)
    return mixture([q, fitted(DiagonalNormal(zeros, zeros), "the prior")], [0.9, 0.1])


def noise(seed: int = 0) -> torch.Generator:
    return torch_stream(seed, "noise")


@pytest.mark.parametrize("latent_dim", [1, 2, 10, 50])
def test_the_exact_posterior_gives_the_exact_value(linear, latent_dim: int) -> None:
    model, data = linear(latent_dim, 20, strength=100.0)
    covariance = model.weight @ model.weight.T + model.variance * torch.eye(64).double()
    truth = torch.distributions.MultivariateNormal(model.bias, covariance)
    exact = model.log_prob(data.x).log_prob
    np.testing.assert_allclose(exact, truth.log_prob(data.x.flatten(1)), rtol=0, atol=1e-8)
    found = importance_sampling(
        model, model.exact_posterior(data.x), data, n_samples=200, generator=noise()
    )
    np.testing.assert_allclose(found.log_prob, exact, rtol=0, atol=1e-8)
    assert found.standard_error.max() < 1e-6
    assert not found.flagged.any()


def test_nominal_intervals_cover(linear) -> None:
    """Four proposals of finite variance; one image under 200 names, with noise of their own."""
    model, data = linear(3, 1)
    repeated = Observed(data.x.repeat(200, 1, 1, 1), tuple(map(str, range(200))))
    exact = model.log_prob(data.x).log_prob
    q = from_encoder(model, repeated.x)
    for proposal in (q, widened(q, 1.3), with_prior(q), mixture([q, widened(q, 2)], [0.5, 0.5])):
        found = importance_sampling(model, proposal, repeated, n_samples=1000, generator=noise(3))
        covered = np.abs(found.log_prob - exact) < 1.96 * found.standard_error
        assert 0.90 <= covered.mean() <= 0.98, proposal.name
        # The estimate of p(x), not of its logarithm, is the unbiased one.
        ratio = np.exp(found.log_prob - exact)
        assert abs(ratio.mean() - 1) < 4 * ratio.std() / math.sqrt(200)


def test_the_bound_rises_with_the_number_of_samples(curved) -> None:
    model, x = curved(2, 40)
    means = [
        importance_sampling(model, from_prior, x, n_samples=n, generator=noise(n)).log_prob.mean()
        for n in (1, 4, 16, 64, 1024)
    ]
    assert means == sorted(means)
    assert means[-1] - means[0] > 1


def _reference_estimate(model, q, x, root_noise, n_samples):
    """One weight at a time; log-sum-exp by scipy; errors from the weights themselves."""
    z = q.draw(math.ceil(n_samples / 64) * 64, root_noise)[:n_samples]
    log_weights = np.array(
        [
            [
                float(model.log_joint(x[i : i + 1], z[s, i : i + 1]))
                - float(q.take(slice(i, i + 1)).log_prob(z[s : s + 1, i : i + 1]))
                for i in range(len(x))
            ]
            for s in range(n_samples)
        ]
    )
    weights = np.exp(log_weights - log_weights.max(axis=0))
    error = weights.std(axis=0, ddof=1) / weights.mean(axis=0) / math.sqrt(n_samples)
    ess = weights.sum(axis=0) ** 2 / (weights**2).sum(axis=0)
    return logsumexp(log_weights, axis=0) - math.log(n_samples), error, ess


@torch.no_grad()
def test_it_equals_the_slow_reference(curved) -> None:
    model, x = curved(2, 3)
    model = model.double()
    generator = noise()
    root = int(torch.randint(2**62, (), generator=noise()))
    data = observe(model, x, noise(1))
    q = with_prior(from_encoder(model, data.x))
    stream = Noise(root, "importance", data.keys, data.x)
    log_prob, error, ess = _reference_estimate(model, q, data.x, stream, 150)
    found = importance_sampling(model, q, data, n_samples=150, generator=generator)
    np.testing.assert_allclose(found.log_prob, log_prob, atol=1e-9)
    np.testing.assert_allclose(found.standard_error, error, rtol=1e-6)
    np.testing.assert_allclose(found.ess, ess, rtol=1e-6)


@pytest.mark.parametrize("bernoulli", [False, True])
def test_company_order_and_memory_change_rounding_alone(curved, bernoulli: bool) -> None:
    model, x = curved(3, 9, bernoulli=bernoulli)
    x = (x * 0.8 + 0.1).clone()

    def score(images: torch.Tensor, **settings) -> np.ndarray:
        proposal = lambda model, x: with_prior(from_encoder(model, x))  # noqa: E731
        return importance_sampling(
            model, proposal, images, generator=noise(), **{"n_samples": 300, **settings}
        ).log_prob

    whole = score(x)
    np.testing.assert_allclose(score(x[[4]]), whole[[4]], atol=2e-4)
    order = torch.randperm(9, generator=noise())
    np.testing.assert_allclose(score(x[order]), whole[order.numpy()], atol=2e-4)
    np.testing.assert_allclose(score(x, memory=MIB // 64), whole, atol=2e-4)
    assert (score(x) == whole).all()


def test_a_longer_run_begins_with_the_same_samples() -> None:
    keys, like = ("a", "b"), torch.zeros(1)
    q = fitted(DiagonalNormal(torch.zeros(2, 3), torch.zeros(2, 3)))
    short = q.draw(64, Noise(0, "importance", keys, like))
    stream = Noise(0, "importance", keys, like)
    long = q.draw(192, stream)
    assert torch.equal(long[:64], short)
    other = Noise(0, "importance", keys, like)
    pieces = torch.cat([q.draw(64, other), q.draw(128, other)])
    assert torch.equal(pieces, long)


def test_copies_have_the_same_value(curved) -> None:
    """By one method as by all; where an image is binarised anew, its copies are alike."""
    model, x = curved(2, 3, bernoulli=True)
    copies = x[[0, 1, 0, 2, 1]]
    found = importance_sampling(model, from_prior, copies, n_samples=20, generator=noise())
    assert found.log_prob[[0, 1]] == pytest.approx(found.log_prob[[2, 4]], abs=1e-4)
    for method in ("importance", "refined", "annealed"):
        scored = score(
            model, copies, method=method, n_samples=16, n_distributions=5, generator=noise()
        )
        assert (scored.log_prob[[0, 1]] == scored.log_prob[[2, 4]]).all()
        assert len(set(scored.log_prob)) == 3


def test_weights_in_parts_equal_weights_at_once() -> None:
    rng = np.random.default_rng(0)
    log_weight = rng.normal(-900, 3, size=(500, 4))
    log_weight[:, 3] = -np.inf
    log_weight[1:, 2] = -np.inf
    at_once, parts = LogWeights(4, 500), LogWeights(4, 500)
    at_once.add(log_weight)
    for part in np.split(log_weight, [1, 7, 300]):
        parts.add(part)
    for one, other in zip(at_once.summary(), parts.summary(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)
    log_prob, error, ess, k = parts.summary()
    np.testing.assert_allclose(log_prob, logsumexp(log_weight, axis=0) - math.log(500))
    assert ess[2:].tolist() == [1, 0]
    assert error[2] == pytest.approx(1)
    assert error[3] == np.inf
    assert k[2] == np.inf


def test_a_poor_proposal_is_flagged_and_a_good_one_is_not(linear) -> None:
    model, data = linear(10, 30, strength=100.0)
    poor = importance_sampling(model, from_prior, data, n_samples=1000, generator=noise())
    assert poor.flagged.all()
    good = importance_sampling(
        model, widened(from_encoder(model, data.x), 1.2), data, n_samples=1000, generator=noise()
    )
    assert good.flagged.mean() < 0.2


def test_the_model_is_left_as_it_was(curved) -> None:
    model, x = curved(2, 3)
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    importance_sampling(model, from_encoder, x, n_samples=10, generator=noise())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    assert model.training
    assert not any("forward" in vars(module) for module in model.modules())


def test_dynamic_binarisation_happens_once(curved) -> None:
    model, x = curved(2, 4, bernoulli=True)
    grey = torch.full_like(x, 0.5)
    data = observe(model, grey, noise())
    assert set(data.x.unique().tolist()) == {0, 1}
    again = observe(model, data.x, noise(7))
    assert torch.equal(again.x, data.x)
    assert observe(model, grey[2:], noise()).x.shape == (2, 1, 4, 4)


def test_bernoulli_of_grey_pixels_warns_and_says_so(curved) -> None:
    model, x = curved(2, 2, bernoulli=True)
    model.likelihood = Bernoulli("none")
    with pytest.warns(UserWarning, match="no probability"):
        found = importance_sampling(model, from_prior, x * 0.5, n_samples=5, generator=noise())
    assert "binarise the images" in str(found)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x: x.index_fill(0, torch.tensor([1]), math.nan), "pixel 0 of image 1 is nan"),
        (lambda x: x.repeat(99, 1, 1, 1).index_fill(0, torch.tensor([290]), math.inf), "image 290"),
        (lambda x: x + 2, r"pixels lie in \[0, 1\]"),
        (lambda x: x[:, :, :3], r"\(B, C, H, W\) with \(C, H, W\) = \(1, 4, 4\)"),
        (lambda x: x.repeat(1, 3, 1, 1), r"shape \(3, 3, 4, 4\)"),
        (lambda x: x[0], "has shape"),
        (lambda x: x[:0], "no image"),
        (lambda x: (x * 255).byte(), "floating point"),
    ],
)
def test_bad_images(curved, spoil, message: str) -> None:
    model, x = curved(2, 3)
    with pytest.raises(ValueError, match=message):
        importance_sampling(model, from_prior, spoil(x), n_samples=5, generator=noise())


def test_bad_numbers(curved) -> None:
    model, x = curved(2, 3)
    with pytest.raises(ValueError, match="`n_samples` is 0"):
        importance_sampling(model, from_prior, x, n_samples=0, generator=noise())
    with pytest.raises(ValueError, match="`memory` is 10 bytes"):
        importance_sampling(model, from_prior, x, n_samples=5, generator=noise(), memory=10)
    q = DiagonalNormal(torch.zeros(2, 2), torch.zeros(2, 2))
    with pytest.raises(ValueError, match="for 2 images and there are 3"):
        importance_sampling(model, q, x, n_samples=5, generator=noise())
    with torch.no_grad():
        model.decoder.layers[0].weight[0, 0] = math.nan
    with pytest.raises(ValueError, match=r"image 0 a log p\(x, z\) that is NaN"):
        importance_sampling(model, from_prior, x, n_samples=5, generator=noise())
    model.posterior = PerImage(3, 2)
    with pytest.raises(TypeError, match="no encoder"):
        importance_sampling(model, from_encoder, x, n_samples=5, generator=noise())


@torch.no_grad()
def test_mixtures_are_densities_and_draw_what_they_say() -> None:
    q = fitted(DiagonalNormal(torch.tensor([[2.0]]), torch.tensor([[-2.0]])), "q")
    mixed = mixture([q, widened(q, 3)], [0.7, 0.3])
    grid = torch.linspace(-10, 14, 4001)[:, None, None]
    density = mixed.log_prob(grid).exp()
    assert torch.trapezoid(density[:, 0], grid[:, 0, 0]) == pytest.approx(1, abs=1e-5)
    z = mixed.draw(64 * 400, Noise(0, "draw", ("a",), torch.zeros(1)))
    variance = math.exp(-2) * (0.7 + 0.3 * 9)
    assert z.mean() == pytest.approx(2, abs=0.03)
    assert z.var() == pytest.approx(variance, rel=0.05)
    assert mixed.name == "0.7 q + 0.3 q widened 3 times"
    with pytest.raises(ValueError, match="sum to 1"):
        mixture([q, q], [0.7, 0.7])


SMALL = """
import torch
from tacit.evidence.importance import importance_sampling
from tacit.evidence.proposals import from_encoder
from tacit.models.likelihoods import Gaussian
from tacit.models.models import VAE
from tacit.models.networks import DenseDecoder, DenseEncoder
from tacit.models.posteriors import Amortized
torch.set_num_threads(1)
shape = (1, 16, 16)
decoder = DenseDecoder(shape, 4, hidden=())
model = VAE(Amortized(DenseEncoder(shape, 4, hidden=())), decoder, Gaussian())
x = torch.rand(1000, *shape)
def estimate(n_images, n_samples):
    generator = torch.Generator().manual_seed(0)
    importance_sampling(model, from_encoder, x[:n_images], n_samples=n_samples, generator=generator)
estimate(4, 100)
"""


def test_memory_is_flat() -> None:
    """A thousand times the work takes no more than a few MiB beyond a first small call.

    All at once it would be 400,000 decoded images of 256 pixels in float32: 400 MiB.
    """
    assert megabytes_of("estimate(1000, 400)\nestimate(4, 100_000)", imports=SMALL) < 60
