"""What log p(x) is read beside: the same likelihood, the same scale."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tacit.images.dataset import Images
from tacit.models.likelihoods import Bernoulli, Gaussian, Likelihood
from tacit.models.models import VAE
from tacit.questions.log_probability.numbers import score
from tacit.questions.log_probability.question import LogProbability
from tacit.questions.shared.scoring import OVERALL, mean_images, picture_log_prob


def some_images(n: int = 12) -> Images:
    rng = np.random.default_rng(0)
    pixels = rng.integers(256, size=(n, 1, 4, 3), dtype=np.uint8)
    return Images(pixels, np.arange(n) % 3, ("a", "b", "c"))


def test_mean_images_are_the_means() -> None:
    images = some_images()
    means = mean_images(images, [0, 2])
    assert set(means) == {OVERALL, 0, 2}
    for key, mean in means.items():
        assert images.labels is not None
        kept = [
            p / 255 for p, c in zip(images.pixels, images.labels, strict=True) if key in (-1, c)
        ]
        assert mean == pytest.approx(sum(kept).ravel() / len(kept))


@pytest.mark.parametrize(
    "likelihood", [Gaussian(0.2), Gaussian(0.7, link="identity"), Bernoulli("threshold")]
)
def test_a_picture_is_scored_with_the_models_own_likelihood(likelihood: Likelihood) -> None:
    x = torch.from_numpy(some_images().scaled()).double()
    x = likelihood.observe(x, torch.Generator().manual_seed(0))
    picture = np.linspace(0.1, 0.9, 12)
    pixels = torch.from_numpy(picture).reshape(1, 4, 3)
    logits = pixels if getattr(likelihood, "link", "sigmoid") == "identity" else pixels.logit()
    wanted = likelihood.double().log_prob(x, logits.expand(x.shape)).numpy()
    assert picture_log_prob(likelihood, x, picture) == pytest.approx(wanted)
    each = np.tile(picture, (len(x), 1))
    assert picture_log_prob(likelihood, x, each) == pytest.approx(wanted)


def test_a_pixel_that_was_never_white_does_not_make_an_image_impossible() -> None:
    x = torch.ones(2, 1, 4, 3)
    assert np.isfinite(picture_log_prob(Bernoulli("none"), x, np.zeros(12))).all()


@pytest.mark.parametrize("run", ["vae", "per-image"])
def test_scores_are_below_the_ceiling_and_belong_to_their_images(
    trained: Callable[[str], Any], run: str
) -> None:
    study = trained("inference")
    (folder,) = (study.folder / "jobs").glob(f"{run}-s0-d0-*")
    from tacit.training.run_folder import SavedRun

    model = SavedRun(folder).model()
    assert isinstance(model, VAE)
    test = study.images.test
    means = mean_images(study.images.train, [])

    def scores(rows: np.ndarray) -> np.ndarray:
        columns = score(model, test, rows, means, 0, "test", LogProbability(run=run, samples=64))
        assert "label" not in columns
        assert "pareto_k" not in columns
        return np.asarray(columns["log_prob"])

    rows = np.array([5, 1, 8])
    found = scores(rows)
    assert (found < -64 * (np.log(0.2) + 0.5 * np.log(2 * np.pi))).all()
    # Neither their order nor their company changes what images score.
    assert scores(rows[::-1])[::-1] == pytest.approx(found, abs=1e-3)
    assert scores(rows[:1]) == pytest.approx(found[:1], abs=1e-3)
