"""Each objective beside a slow and obvious reference."""

import math

import pytest
import torch

from tacit.models.config import ModelConfig, build
from tacit.streams import seeded_initialisation, torch_stream
from tacit.training.objectives import Batch, cross_entropy, elbo, squared_error


def new(learn: str, **settings):
    with seeded_initialisation(1):
        return build(
            ModelConfig(learn=learn, shape=(1, 8, 8), n_code=3, n_classes=4, **settings)
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
    z = torch.randn(200_000, 1, 3, generator=torch_stream(0, "z"), dtype=torch.float64)
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
        bound = elbo(n_samples=2000)(model, batch, torch_stream(1, "noise"))["elbo"]
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
