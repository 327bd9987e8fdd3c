"""Each objective beside a slow and obvious reference."""

import math

import pytest
import torch

from tacit.models.config import DenseNetwork, ModelConfig, build
from tacit.streams import seeded_initialisation, torch_stream
from tacit.training.objectives import (
    Batch,
    cross_entropy,
    dreg,
    elbo,
    generalised_cross_entropy,
    iwae,
    squared_error,
)

SMALL = DenseNetwork(hidden=(8,), activation="tanh")


def new(learn: str, **settings):
    with seeded_initialisation(1):
        return build(
            ModelConfig(
                learn=learn, shape=(1, 8, 8), latent_dim=3, n_classes=4, network=SMALL, **settings
            )
        ).double()


def some_batch(n: int = 5) -> Batch:
    x = torch.rand(n, 1, 8, 8, generator=torch_stream(0, "x"), dtype=torch.float64)
    return Batch(x, torch.arange(n) % 4, torch.arange(n))


def _reference_elbo(model, batch, generator, beta):
    """Sums over pixels and latent dimensions, one image and one number at a time."""
    q = model.posterior(batch.x, batch.index)
    z = q.draw(1, generator)[0]
    picture = model.decode(z)
    sigma = model.likelihood.sigma
    losses = []
    for i in range(len(batch.x)):
        log_likelihood = 0.0
        for pixel, mean in zip(batch.x[i].flatten(), picture[i].flatten(), strict=True):
            log_likelihood -= (
                0.5 * ((pixel - mean) / sigma) ** 2 + math.log(sigma) + 0.5 * math.log(2 * math.pi)
            )
        kl = 0.0
        for mean, log_var in zip(q.mean[i], q.log_var[i], strict=True):
            kl += 0.5 * (mean**2 + log_var.exp() - 1 - log_var)
        losses.append(beta * kl - log_likelihood)
    return torch.stack(losses)


@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
def test_the_elbo_has_no_hidden_weight(beta) -> None:
    model, batch = new("vae"), some_batch()
    terms = elbo(beta)(model, batch, torch_stream(0, "noise"))
    expected = _reference_elbo(model, batch, torch_stream(0, "noise"), beta)
    torch.testing.assert_close(terms["loss"], expected)
    torch.testing.assert_close(terms["elbo"], terms["reconstruction"] - terms["kl"])
    assert all(term.shape == (5,) for term in terms.values())


def test_the_elbo_is_below_log_p_of_a_one_pixel_world() -> None:
    """In the mean over many images and draws; log p(x) by brute force over the prior."""
    model, batch = new("vae"), some_batch(2)
    z = torch.randn(20_000, 1, 3, generator=torch_stream(0, "z"), dtype=torch.float64)
    with torch.no_grad():
        log_p = torch.stack(
            [
                torch.logsumexp(
                    model.likelihood.log_prob(batch.x[i : i + 1], model.decoder(z))[:, 0], 0
                )
                - math.log(len(z))
                for i in range(2)
            ]
        )
        bound = elbo(n_samples=500)(model, batch, torch_stream(1, "noise"))["elbo"]
    assert (bound < log_p).all()


def test_squared_error_sums_over_pixels() -> None:
    model, batch = new("autoencoder"), some_batch()
    loss = squared_error(model, batch, torch_stream(0, "noise"))["loss"]
    picture = model.decode(model.encode(batch.x))
    for i in range(5):
        pairs = zip(batch.x[i].flatten(), picture[i].flatten(), strict=True)
        by_hand = sum((a - b) ** 2 for a, b in pairs)
        torch.testing.assert_close(loss[i], by_hand)


def test_cross_entropy_is_the_negative_log_probability_of_the_label() -> None:
    model, batch = new("classifier"), some_batch()
    terms = cross_entropy(model, batch, torch_stream(0, "noise"))
    probabilities = model(batch.x).softmax(dim=1)
    by_hand = -torch.stack([probabilities[i, batch.y[i]] for i in range(5)]).log()
    torch.testing.assert_close(terms["loss"], by_hand)
    right = [float(probabilities[i].argmax() == batch.y[i]) for i in range(5)]
    assert terms["accuracy"].tolist() == right


def new_vae():
    model = new("vae")
    with torch.no_grad():  # a posterior wide and wrong enough that weights differ
        model.posterior.log_var.bias.fill_(0.5)
    return model


def _reference_iwae(model, batch, generator, n_samples):
    """One image and one sample at a time."""
    q = model.posterior(batch.x, batch.index)
    z = q.draw(n_samples, generator)
    losses = []
    for i in range(len(batch.x)):
        weights = []
        for k in range(n_samples):
            log_p = model.likelihood.log_prob(batch.x[i : i + 1], model.decoder(z[k, i : i + 1]))
            prior = torch.distributions.Normal(0, 1).log_prob(z[k, i]).sum()
            posterior = torch.distributions.Normal(q.mean[i], (0.5 * q.log_var[i]).exp())
            weights.append((log_p[0] + prior - posterior.log_prob(z[k, i]).sum()).exp())
        losses.append(-torch.stack(weights).mean().log())
    return torch.stack(losses)


@pytest.mark.parametrize("objective", [iwae, dreg])
def test_iwae_and_dreg_have_the_value_of_the_reference(objective) -> None:
    model, batch = new_vae(), some_batch(3)
    value = objective(7)(model, batch, torch_stream(0, "noise"))["loss"]
    expected = _reference_iwae(model, batch, torch_stream(0, "noise"), 7)
    torch.testing.assert_close(value, expected)


def gradients(objective, model, batch, n_repeats):
    """Gradients of the mean loss in encoder and decoder, one row for each repeat."""
    rows = {"encoder": [], "decoder": []}
    for repeat in range(n_repeats):
        model.zero_grad()
        objective(model, batch, torch_stream(repeat, "gradient"))["loss"].mean().backward()
        rows["encoder"].append(model.posterior.log_var.bias.grad.clone())
        rows["decoder"].append(model.decoder.layers[-1].bias.grad.clone())
    return {name: torch.stack(values) for name, values in rows.items()}


def test_one_sample_of_iwae_has_the_elbos_gradient_in_expectation() -> None:
    model, batch = new_vae(), some_batch(8)
    one = gradients(iwae(1), model, batch, 1000)
    other = gradients(elbo(), model, batch, 1000)
    for part in one:
        error = ((one[part].var(0) + other[part].var(0)) / 1000).sqrt()
        assert ((one[part].mean(0) - other[part].mean(0)).abs() < 4.5 * error).all(), part


def test_dreg_has_iwaes_gradient_in_expectation_at_less_variance() -> None:
    model, batch = new_vae(), some_batch(8)
    plain, doubly = (gradients(objective(4), model, batch, 1000) for objective in (iwae, dreg))
    torch.testing.assert_close(plain["decoder"], doubly["decoder"])
    error = ((plain["encoder"].var(0) + doubly["encoder"].var(0)) / 1000).sqrt()
    difference = (plain["encoder"].mean(0) - doubly["encoder"].mean(0)).abs()
    assert (difference < 4.5 * error).all()
    assert (doubly["encoder"].var(0) < plain["encoder"].var(0)).all()
    # The square matters: without it the encoder's gradient would be off by far more than noise.
    assert plain["encoder"].mean(0).abs().max() > 8 * error.max()


def _reference_generalised(model, batch, q, targets):
    """One image and one class at a time."""
    losses = []
    for i, probabilities in enumerate(model(batch.x).softmax(dim=1)):
        losses.append(
            sum(
                t * ((1 - p**q) / q if q else -math.log(p))
                for p, t in zip(probabilities.tolist(), targets[i].tolist(), strict=True)
            )
        )
    return torch.tensor(losses, dtype=torch.float64)


@pytest.mark.parametrize("q", [0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("soft", [False, True])
def test_the_generalised_cross_entropy(q, soft) -> None:
    model, batch = new("classifier"), some_batch()
    table = torch.rand(9, 4, generator=torch_stream(0, "targets"), dtype=torch.float64)
    targets = table[batch.index + 2] if soft else torch.eye(4, dtype=torch.float64)[batch.y]
    if soft:
        batch = batch._replace(y=None, index=batch.index + 2)
    terms = generalised_cross_entropy(q, table if soft else None)(
        model, batch, torch_stream(0, "noise")
    )
    torch.testing.assert_close(terms["loss"], _reference_generalised(model, batch, q, targets))
    assert terms["accuracy"].shape == (5,)


def test_without_forgiveness_it_is_the_cross_entropy() -> None:
    model, batch = new("classifier"), some_batch()
    noise = torch_stream(0, "noise")
    plain = cross_entropy(model, batch, noise)
    for q in (0.0, 1e-6):
        terms = generalised_cross_entropy(q)(model, batch, noise)
        torch.testing.assert_close(terms["loss"], plain["loss"], atol=1e-4, rtol=1e-4)
        assert torch.equal(terms["accuracy"], plain["accuracy"])


@pytest.mark.parametrize("q", [0.3, 0.7])
def test_its_gradient_is_the_cross_entropys_times_p_to_the_q(q) -> None:
    logits = torch.randn(6, 4, generator=torch_stream(0, "logits"), dtype=torch.float64)
    y = torch.arange(6) % 4
    batch = Batch(logits, y, torch.arange(6))

    def gradient(objective) -> torch.Tensor:
        x = logits.clone().requires_grad_()
        loss = objective(lambda x: x, batch._replace(x=x), torch_stream(0, "noise"))["loss"]
        return torch.autograd.grad(loss.sum(), x)[0]

    p = logits.softmax(dim=1)[torch.arange(6), y]
    expected = gradient(cross_entropy) * (p**q)[:, None]
    torch.testing.assert_close(gradient(generalised_cross_entropy(q)), expected)


def test_it_keeps_its_digits_where_the_network_is_sure() -> None:
    logits = torch.tensor([[10.0, 0.0]])
    batch = Batch(logits, torch.tensor([0]), torch.tensor([0]))
    found = generalised_cross_entropy(0.7)(lambda x: x, batch, torch_stream(0, "noise"))["loss"]
    assert found.item() == pytest.approx(math.exp(-10), rel=0.01)


def test_faults_of_the_generalised_cross_entropy() -> None:
    with pytest.raises(ValueError, match=r"`q` is 1.5"):
        generalised_cross_entropy(1.5)
    with pytest.raises(ValueError, match="negative"):
        generalised_cross_entropy(0.7, torch.tensor([[0.5, -0.1]]))
    with pytest.raises(ValueError, match="not finite"):
        generalised_cross_entropy(0.7, torch.tensor([[0.5, math.nan]]))
