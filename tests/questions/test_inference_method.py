"""Encoder against own codes: measured end to end, unfinished told from worse, said as it is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from tacit.images.dataset import Images
from tacit.measures.formatting import show
from tacit.models.models import VAE
from tacit.models.posteriors import PerImage
from tacit.questions.base import Measurement, Runs, Setting
from tacit.questions.inference_method.numbers import Inferred, numbers_of
from tacit.questions.inference_method.question import InferenceMethod
from tacit.questions.inference_method.words import rule, sentences
from tacit.studies.description.errors import StudyError
from tacit.studies.description.reading import parse

ASKED = InferenceMethod(amortized="vae", per_image=("per-image", "per-image-5"), refined=20)


@pytest.fixture(scope="module")
def study(trained: Callable[[str], Any]) -> Any:
    return trained("inference")


@pytest.fixture(scope="module")
def measured(study: Any) -> Measurement:
    return ASKED.measure(study.runs(ASKED))


def without_labels(runs: Runs) -> Runs:
    train, test = (Images(images.pixels) for images in (runs.train, runs.test))
    names = ("vae", "per-image", "per-image-5")
    return Runs(runs.seed, train, test, {name: [runs[name]] for name in names})


def test_own_codes_are_those_of_the_images_beside_them(study: Any, measured: Measurement) -> None:
    model = study.runs(ASKED)["per-image"].model()
    assert isinstance(model, VAE)
    assert isinstance(model.posterior, PerImage)
    index = measured.arrays["table/train/index"]
    x = study.images.train.scaled(index)
    with torch.no_grad():
        pictures = model.decode(model.posterior.mean[torch.from_numpy(index)]).numpy()
    error = ((x - pictures) ** 2).sum(axis=(1, 2, 3))
    found = measured.arrays["table/train/per-image.squared_error"]
    assert found == pytest.approx(error, rel=1e-4)


def test_a_per_image_run_has_no_codes_for_test_images_but_refined_ones(
    measured: Measurement,
) -> None:
    columns = {name for name in measured.arrays if name.startswith("table/test/")}
    assert "table/test/vae.elbo" in columns
    assert "table/test/per-image.elbo" not in columns
    assert "table/test/per-image.refined_elbo" in columns


def test_two_epochs_are_not_finished_and_refinement_says_so(measured: Measurement) -> None:
    found = Inferred({0: measured}, "vae", ("per-image", "per-image-5"))
    for run in found.per_image:
        unfinished = found.unfinished(run)
        assert unfinished.low is not None
        assert unfinished.low > 0
    assert found.updates("per-image") == 2
    assert found.updates("per-image-5") == 10
    assert found.converged > 0.9


def test_the_lead_is_the_sum_of_its_parts(measured: Measurement) -> None:
    found = Inferred({0: measured}, "vae", ("per-image",))
    parts = (
        found.encoder_minus_own("per-image"),
        found.decoder("per-image", "train"),
        found.unfinished("per-image"),
        found.missed("train"),
    )
    lead, decoder, unfinished, missed = (part.value or np.nan for part in parts)
    assert lead == pytest.approx(decoder + unfinished - missed)


def test_a_snapshot_is_whole(study: Any, measured: Measurement) -> None:
    run = study.runs(ASKED)["per-image"]
    labels = study.images.train.labels[measured.arrays["table/train/index"]]
    first = np.unique(labels, return_index=True)[1]
    rows = measured.arrays["table/train/index"][first]
    assert np.array_equal(measured.arrays["shown/train/original"], study.images.train.pixels[rows])
    for epoch, update in run.snapshots.items():
        model = run.model(update)
        with torch.no_grad():
            wanted = model.decode(model.posterior.mean[torch.from_numpy(rows)]).numpy() * 255
        assert np.abs(measured.arrays[f"snapshot/{epoch}/per-image"] - wanted).max() < 0.51


def test_it_is_answered_with_every_figure_and_without_labels_too(
    study: Any, measured: Measurement, tmp_path: Path
) -> None:
    finding = ASKED.answer({0: measured}, study.setting(tmp_path / "a"))
    assert finding.runs == ("vae", "per-image", "per-image-5")
    assert len(finding.figures) == 7
    assert all((tmp_path / "a" / figure.file).stat().st_size for figure in finding.figures)
    assert "After 2 epochs" in finding.answer
    assert any("One seed" in caveat for caveat in finding.caveats)

    few = InferenceMethod(amortized="vae", per_image=("per-image",), refined=3)
    unlabelled = few.measure(without_labels(study.runs(ASKED)))
    assert "table/train/label" not in unlabelled.arrays
    setting = Setting("q", study.setting(tmp_path / "b").figures, (), 160, 100, (1, 8, 8), "x")
    assert few.answer({0: unlabelled}, setting).numbers["encoder-misses.test.elbo"].n == 3


def test_measuring_twice_gives_the_same_to_the_bit(study: Any) -> None:
    few = InferenceMethod(amortized="vae", per_image=("per-image",), refined=3)
    first = few.measure(study.runs(few))
    torch.rand(5)
    np.random.random(5)  # noqa: NPY002  # the global generators must not matter
    again = few.measure(study.runs(few))
    assert again.values == first.values
    assert all(np.array_equal(again.arrays[k], v) for k, v in first.arrays.items())


TWO_VAES = """
title: Two ways
runs:
  vae: {learn: vae}
  per-image: {learn: vae, posterior: per-image%s}
questions:
  - %s: {amortized: %s, per_image: [%s]}
"""


@pytest.mark.parametrize("question", ["inference-method", "prior"])
@pytest.mark.parametrize("roles", [("per-image", "vae"), ("vae", "vae")])
def test_runs_in_the_wrong_role_are_named(question: str, roles: tuple[str, str]) -> None:
    with pytest.raises(StudyError, match="run 'vae' learns 'amortized vae'; needed: 'per-image"):
        parse(TWO_VAES % ("", question, *roles), "two")


def test_codes_of_different_images_are_not_compared() -> None:
    few = ", train: {per_class: 2}"
    with pytest.raises(StudyError, match="'vae' and 'per-image' learn from different images"):
        parse(TWO_VAES % (few, "inference-method", "vae", "per-image"), "two")


@pytest.mark.parametrize("fault", [{"per_image": []}, {"refined": 1}, {"refine": 500}])
def test_faults_of_its_table_are_refused(fault: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        InferenceMethod.model_validate({"amortized": "vae", "per_image": ["per-image"]} | fault)


def fabricated(
    *, lead: float, decoder: float, unfinished: float, seeds: int = 1, scatter: float = 0.0
) -> Inferred:
    """Runs "a" (amortised) and "p" whose differences are as given; `scatter` is between seeds."""
    measured = {}
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        shift = scatter * (seed - (seeds - 1) / 2)
        base = 400 + 25 * np.random.default_rng(99).normal(size=200)

        def near(values: np.ndarray, rng: np.random.Generator = rng) -> np.ndarray:
            noise = rng.normal(size=200)
            return values + noise - noise.mean()

        arrays = {"table/test/a.elbo": near(base - 5), "table/test/a.refined_elbo": near(base)}
        arrays["table/test/p.refined_elbo"] = near(base - decoder + shift)
        refined_p = base - decoder + shift
        arrays["table/train/p.refined_elbo"] = near(refined_p)
        arrays["table/train/p.elbo"] = near(refined_p - unfinished)
        arrays["table/train/a.elbo"] = near(refined_p - unfinished + lead - shift)
        arrays["table/train/a.refined_elbo"] = near(base)
        for run in ("a", "p"):
            arrays[f"table/train/{run}.squared_error"] = near(np.full(200, 20.0 + (run == "a")))
            for split in ("train", "test"):
                arrays[f"table/{split}/{run}.steps"] = np.full(200, 192)
                arrays[f"table/{split}/{run}.converged"] = np.ones(200)
                arrays[f"table/{split}/{run}.missing"] = np.full(200, 0.2)
        values = {"a/epochs": 30.0, "p/epochs": 30.0, "p/visits": 1.0, "p/mean-std": 1.0}
        values |= {"a/beta": 1.0, "p/beta": 1.0, "a/visits": 1.0}
        measured[seed] = Measurement(values, arrays)
    return Inferred(measured, "a", ("p",))


def test_unfinished_alone_is_not_called_worse() -> None:
    said = sentences(fabricated(lead=250, decoder=0, unfinished=250))
    assert said.startswith("After 30 epochs the shared encoder's codes are better than every")
    assert "'p' (1 update per visit, 30 in all) ends 250.00 nats" in said
    assert "below the encoder on training images, though its codes reconstruct with" in said
    assert (
        "that its codes had not finished; all refined alike, the two decoders are not dist" in said
    )


def test_a_decoder_that_stays_worse_is_said_to() -> None:
    said = sentences(fabricated(lead=250, decoder=150, unfinished=100))
    assert "its decoder, trained on unfinished codes, stays worse by 150.0" in said


def test_own_codes_may_be_the_better_ones() -> None:
    said = sentences(fabricated(lead=-40, decoder=-60, unfinished=20))
    assert said.startswith("After 30 epochs every image's own codes are better")
    assert "above the encoder on training images; refining" in said
    assert "its decoder is the better one by" in said


def test_what_cannot_be_told_apart_is_said_so() -> None:
    said = sentences(fabricated(lead=0, decoder=0, unfinished=0))
    assert said.startswith("After 30 epochs own codes and the shared encoder's are not disting")
    assert "refining adds nothing that shows" in said


def test_seeds_that_disagree_leave_a_difference_undecided() -> None:
    agreeing = fabricated(lead=0, decoder=20, unfinished=20, seeds=3)
    assert "stays worse by 20.0" in sentences(agreeing)
    disagreeing = fabricated(lead=0, decoder=20, unfinished=20, seeds=3, scatter=60)
    assert "the two decoders are not distinguishable" in sentences(disagreeing)
    number = numbers_of(disagreeing)["p.decoder.test.elbo"]
    assert number.interval == "95 % t over 3 seeds, given these images"
    assert "both over images and over seeds" in rule(disagreeing)


def test_refinements_that_lack_more_are_cautioned_about() -> None:
    found = fabricated(lead=0, decoder=0, unfinished=0)
    assert not any("Only" in caveat for caveat in found.caveats())
    for measurement in found.measured.values():
        measurement.arrays["table/test/p.converged"] = np.zeros(200)
    found = Inferred(found.measured, "a", ("p",))
    assert "Only 75.0 % of the refinements" in " ".join(found.caveats())


def test_numbers_are_few_and_shares_are_of_images() -> None:
    numbers = numbers_of(fabricated(lead=250, decoder=150, unfinished=100))
    assert numbers["p.encoder-worse.elbo"].value == 0
    assert (numbers["p.encoder-worse.squared-error"].value or 0) > 0.7
    assert show(numbers["encoder-misses.test.elbo"]).startswith("5.0")
    assert len(numbers) <= 12
