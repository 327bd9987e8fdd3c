"""Codes of trained models: they belong to their images, and are held against N(0, I)."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from bits import same_tensors
from tacit.models.models import VAE, Autoencoder
from tacit.questions.generation.question import Generation
from tacit.questions.prior.question import Prior
from tacit.questions.shared.codes import (
    POINT_LOG_VAR,
    Divergence,
    OfCodes,
    against_prior,
    decoded,
    drawn,
    numbers_of_codes,
    posterior,
    untrained,
)
from tacit.questions.shared.seeds import Seeds
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
        name: against_prior(run_of(study, name), study.images.train)
        for name in ("vae", "per-image", "per-image-small")
    }
    # Means drawn from N(0, I) vary by 1 in every dimension before anything is learned.
    at_start = {name: one.spread and one.spread.active_at_start for name, one in found.items()}
    assert at_start == {"vae": 0, "per-image": 200, "per-image-small": 0}
    # After two visits codes have moved by at most 0.1 a dimension.
    shares = [found[name].start_share for name in ("per-image", "per-image-small")]
    assert shares[0] is not None
    assert shares[1] is not None
    assert shares[0] > 0.95
    assert shares[1] < 0.2
    assert found["vae"].start_share is None


def test_drawn_codes_are_where_the_decoder_was_trained_and_points_stay_points() -> None:
    rng = numpy_stream(0, "drawn")
    means = np.zeros((400, 200))
    radius = np.linalg.norm(drawn(means, np.zeros_like(means), rng), axis=1)
    assert radius.min() > 10  # N(0, I) in 200 dimensions is a shell at √200, means at the centre
    points = drawn(means + 3, np.full_like(means, POINT_LOG_VAR), rng)
    assert points == pytest.approx(3, abs=1e-6)


def test_mutual_information_is_at_most_ln_n_and_the_split_adds_up(study: Any) -> None:
    found = against_prior(run_of(study, "per-image"), study.images.train)
    parts = found.divergence
    assert parts is not None
    ceiling = np.log(len(study.images.train))
    assert np.all(parts.information <= ceiling + 1e-9)
    assert parts.information.mean() > ceiling - 0.1  # codes near N(0, I)'s own draws
    assert parts.kl.mean() == pytest.approx(parts.information.mean() + parts.marginal)
    assert parts.kl.mean() == pytest.approx(parts.per_dimension.sum())
    numbers = numbers_of_codes(Seeds({0: found}))
    assert numbers["ln-n"].value == pytest.approx(ceiling)
    rest = numbers["aggregate-kl"]
    assert rest.value == pytest.approx(parts.marginal)
    assert rest.interval == "95 % over 160 training images, given this seed"


def test_points_have_no_density(study: Any) -> None:
    run = run_of(study, "autoencoder")
    assert isinstance(run.model(), Autoencoder)
    found = against_prior(run, study.images.train)
    assert found.divergence is None
    assert found.spread is not None
    # An autoencoder's codes are nothing like N(0, I).
    assert found.spread.influence.mean() > found.spread.null


def test_numbers_over_seeds_are_of_their_means() -> None:
    def one(seed: int) -> OfCodes:
        kl = 7.0 + seed + np.array([-1.0, 0.0, 1.0])
        parts = Divergence(kl, 0 * kl, 0.0, np.ones(1), 7.0 + seed, 0.0, 6.5)
        return OfCodes(np.ones(2), None, parts, None)

    numbers = numbers_of_codes(Seeds({s: one(s) for s in range(3)}))
    number = numbers["kl"]
    assert (number.value, number.interval) == (8.0, "95 % over 3 seeds × 3 training images")
    # Whether all codes together differ from N(0, I) is for every seed to show.
    assert numbers["aggregate-kl-beyond-null"].value == 0.5
    assert numbers["mmd"].interval == "undefined: fewer than 3 images were learned from"


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
    fewer = prior.without("per-image")
    assert fewer is not None
    assert set(fewer.needs()) == set(prior.needs()) - {"per-image"}
    (last,) = fewer.per_image
    assert fewer.without(last) is None, "one of several is all that it can do without"
    without_both = ASKED.without("autoencoder")
    assert without_both is not None
    assert "autoencoder" not in without_both.needs()
