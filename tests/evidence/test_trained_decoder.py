"""A trained MNIST decoder of two latent dimensions: every method beside the integral."""

import os
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from tacit.evidence.annealed import annealed_importance_sampling, sigmoid_schedule
from tacit.evidence.estimate import LogProbEstimate
from tacit.evidence.methods import score
from tacit.evidence.observed import Observed, observe
from tacit.evidence.quadrature import quadrature
from tacit.images.sources import open_images
from tacit.models.config import DenseNetwork, ModelConfig, build
from tacit.models.models import VAE
from tacit.streams import seeded_initialisation, torch_stream
from tacit.training.loop import fit
from tacit.training.objectives import elbo
from tacit.training.schedule import Schedule

pytestmark = [
    pytest.mark.slow,
    pytest.mark.mnist,
    pytest.mark.skipif("TACIT_MNIST" not in os.environ, reason="TACIT_MNIST names no folder"),
]
ERROR = 0.5
"""Nats by which an estimate errs that should have been flagged."""


@pytest.fixture(scope="module")
def trained() -> Iterator[tuple[VAE, Observed]]:
    """A VAE after ten epochs of 20,000 images, and 100 test images."""
    opened = open_images("mnist", data_dir=os.environ["TACIT_MNIST"], train_size=20_000)
    network = DenseNetwork(hidden=(200, 200))
    with seeded_initialisation(0):
        model = build(ModelConfig(learn="vae", shape=(1, 28, 28), latent_dim=2, network=network))
    assert isinstance(model, VAE)
    schedule = Schedule(n_images=20_000, batch_size=128, updates=1570)
    fit(model, elbo(), opened.train, schedule, seed=0)
    x = torch.from_numpy(opened.test.scaled(np.arange(100)))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield model, observe(model, x, torch_stream(0, "observed"))
    torch.set_num_threads(threads)


def test_every_method_beside_the_integral(trained: tuple[VAE, Observed]) -> None:
    """Differences, and whether a flag tells which numbers are wrong.

    A diagonal encoder that is off by many of a narrow posterior's widths leaves importance samples
    nats low: these are flagged. A mode that refinement never saw leaves healthy weights: that is
    the share of errors that no flag sees, and why sensitivity stays below one.
    """
    model, data = trained
    exact = quadrature(model, data, generator=torch_stream(0, "quadrature"))
    assert not exact.flagged.any()
    found: dict[str, LogProbEstimate] = {
        name: score(model, data, method=name, n_samples=1000, generator=torch_stream(0, name))
        for name in ("importance", "refined")
    }
    found["annealed"] = annealed_importance_sampling(
        model, data, schedule=sigmoid_schedule(300), generator=torch_stream(0, "annealed")
    )
    errors = {name: one.log_prob - exact.log_prob for name, one in found.items()}
    print(
        f"\n{'method':12}{'mean':>8}{'median':>8}{'worst':>8}{'wrong':>7}{'caught':>8}{'false':>7}"
    )
    caught, false = {}, {}
    for name, error in errors.items():
        wrong, flagged = np.abs(error) > ERROR, found[name].flagged
        caught[name], false[name] = flagged[wrong].mean(), flagged[~wrong].mean()
        print(
            f"{name:12}{error.mean():8.2f}{np.median(error):8.3f}{error.min():8.2f}"
            f"{wrong.sum():7}{caught[name]:8.2f}{false[name]:7.2f}"
        )
        # Lower bounds in expectation: what is above the truth is noise, and small on average.
        assert error.mean() < 0.1
        assert caught[name] > 0.7
        # What is not flagged is right, but for modes that were never seen.
        assert np.median(np.abs(error[~flagged])) < 0.25
    assert np.abs(np.median(errors["refined"])) < 0.05
    assert (np.abs(errors["refined"]) < ERROR).mean() > 0.85
    assert errors["refined"].mean() > errors["importance"].mean() + 1
    assert np.abs(np.median(errors["annealed"])) < 0.3
    assert errors["annealed"].mean() > -1
    assert false["refined"] < 0.4
