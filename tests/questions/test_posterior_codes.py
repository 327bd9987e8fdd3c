"""Codes of trained models: they belong to their images, and are held against N(0, I)."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from bits import same_tensors
from tacit.models.models import VAE, Autoencoder
from tacit.questions.base import Measurement
from tacit.questions.generation.question import Generation
from tacit.questions.prior.question import Prior
from tacit.questions.shared.codes import (
    POINT_LOG_VAR,
    against_prior,
    decoded,
    drawn,
    of_codes,
    posterior,
    untrained,
)
from tacit.streams import numpy_stream
from tacit.studies.execution.work import assemble
from tacit.training.run_folder import SavedRun

ASKED = Prior(
    amortized="vae", per_image=("per-image", "per-image-small"), autoencoder="autoencoder"
)


@pytest.fixture(scope="module")
def study(trained: Callable[[str], Any]) -> Any:
    return trained("inference")


def run_of(study: Any, name: str) -> SavedRun:
    run: SavedRun = study.runs(ASKED)[name]
    return run


@pytest.mark.parametrize("name", ["vae", "per-image", "autoencoder"])
def test_codes_belong_to_their_images_whatever_the_order(study: Any, name: str) -> None:
    model, images = run_of(study, name).model(), study.images.train
    rows = np.array([17, 3, 150, 3])
    means, log_vars = posterior(model, images, rows)
    all_means, all_log_vars = posterior(model, images, np.arange(len(images)))
    assert np.allclose(means, all_means[rows], atol=1e-6)
    assert np.allclose(log_vars, all_log_vars[rows], atol=1e-6)
    assert np.array_equal(means[1], means[3])
    if name == "per-image":
        assert isinstance(model, VAE)
        assert np.array_equal(means, model.posterior.mean[rows].double().numpy())  # type: ignore[index]


def test_pictures_are_decoded_means(study: Any) -> None:
    model = run_of(study, "vae").model()
    assert isinstance(model, VAE)
    codes = np.zeros((3, model.latent_dim))
    pictures = decoded(model, codes)
    with torch.no_grad():
        wanted = model.decoder(torch.zeros(1, model.latent_dim)).sigmoid().numpy()
    assert pictures.shape == (3, 1, 8, 8)
    assert np.allclose(pictures, wanted, atol=1e-6)


@pytest.mark.parametrize("name", ["vae", "per-image", "per-image-small", "autoencoder"])
def test_untrained_is_the_model_the_run_began_with(study: Any, name: str) -> None:
    run = run_of(study, name)
    began = assemble(run.config, run.seed, [], study.folder)
    assert same_tensors(untrained(run).state_dict(), began.state_dict())
    assert not same_tensors(untrained(run).state_dict(), run.model().state_dict())


def test_active_units_stand_beside_what_the_initialisation_gives(study: Any) -> None:
    found = {
        name: against_prior(run_of(study, name), study.images.train).values
        for name in ("vae", "per-image", "per-image-small")
    }
    # Means drawn from N(0, I) vary by 1 in every dimension before anything is learned.
    assert found["per-image"]["active-at-start"] == 200
    assert found["per-image-small"]["active-at-start"] == 0
    assert found["vae"]["active-at-start"] == 0
    # After two visits codes have moved by at most 0.1 a dimension.
    assert found["per-image"]["start-share"] > 0.95
    assert found["per-image-small"]["start-share"] < 0.2
    assert "start-share" not in found["vae"]


def test_drawn_codes_are_where_the_decoder_was_trained_and_points_stay_points() -> None:
    rng = numpy_stream(0, "drawn")
    means = np.zeros((400, 200))
    radius = np.linalg.norm(drawn(means, np.zeros_like(means), rng), axis=1)
    assert radius.min() > 10  # N(0, I) in 200 dimensions is a shell at √200, means at the centre
    points = drawn(means + 3, np.full_like(means, POINT_LOG_VAR), rng)
    assert points == pytest.approx(3, abs=1e-6)


def test_mutual_information_is_at_most_ln_n_and_the_split_adds_up(study: Any) -> None:
    measured = against_prior(run_of(study, "per-image"), study.images.train)
    values = measured.values
    assert values["ceiling"] == pytest.approx(np.log(len(study.images.train)))
    information = np.asarray(measured.arrays["information"], np.float64)
    assert np.all(information <= values["ceiling"] + 1e-9)
    assert values["information"] > values["ceiling"] - 0.1  # codes near N(0, I)'s own draws
    assert values["kl"] == pytest.approx(values["information"] + values["marginal-kl"])
    assert values["kl"] == pytest.approx(measured.arrays["kl-per-dimension"].sum())
    found = {0: measured}
    rest = of_codes(found, "marginal-kl")
    assert rest.value == pytest.approx(values["marginal-kl"])
    assert rest.interval == "95 % over 160 training images, given this seed"


def test_points_have_no_density(study: Any) -> None:
    run = run_of(study, "autoencoder")
    assert isinstance(run.model(), Autoencoder)
    values = against_prior(run, study.images.train).values
    assert "kl" not in values
    assert "information" not in values
    assert values["mmd"] > values["mmd-null"]  # an autoencoder's codes are nothing like N(0, I)


def test_numbers_over_seeds_are_of_their_means() -> None:
    spread = np.array([-1.0, 0.0, 1.0])
    found = {s: Measurement({"kl": 7.0 + s}, {"kl": 7.0 + s + spread}) for s in range(3)}
    number = of_codes(found, "kl")
    assert (number.value, number.interval) == (8.0, "95 % over 3 seeds × 3 training images")


def test_both_questions_can_do_without_the_classifier_alone() -> None:
    generation = Generation(run="vae", classifier="classifier")
    alone = generation.without("classifier")
    assert alone is not None
    assert set(alone.needs()) == {"vae"}
    assert generation.without("vae") is None
    assert alone.without("classifier") is None
    prior = ASKED.model_copy(update={"classifier": "classifier"})
    assert set(prior.needs()) == {*ASKED.needs(), "classifier"}
    assert prior.without("classifier") == ASKED
    assert prior.without("per-image") is None
    without_both = ASKED.without("autoencoder")
    assert without_both is not None
    assert "autoencoder" not in without_both.needs()
