"""Encoder against own codes: measured end to end, unfinished told from worse, said as it is."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
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
from tacit.questions.inference_method.numbers import (
    Codes,
    Described,
    Found,
    Numbers,
)
from tacit.questions.inference_method.question import InferenceMethod
from tacit.questions.inference_method.words import (
    caveats,
    described,
    headline,
    sentences,
    verdict_of,
)
from tacit.questions.shared.seeds import Seeds
from tacit.questions.typed import OfImages
from tacit.questions.verdicts import Verdict
from tacit.studies.description.errors import StudyError
from tacit.studies.description.reading import parse

ASKED = InferenceMethod(amortized="vae", per_image=("per-image", "per-image-5"), refined=20)


@pytest.fixture(scope="module")
def study(trained: Callable[[str], Any]) -> Any:
    return trained("inference")


@pytest.fixture(scope="module")
def measured(study: Any) -> Measurement:
    return ASKED.measure(study.runs(ASKED))


@pytest.fixture(scope="module")
def numbers(measured: Measurement) -> Numbers:
    return measured.typed(Numbers)


def over(
    seeds: Seeds[Numbers], amortized: str, per_image: tuple[str, ...], left: tuple[str, ...] = ()
) -> Found:
    asked = InferenceMethod(amortized=amortized, per_image=per_image)
    return Found(seeds, asked, SimpleNamespace(unfinished=left))  # type: ignore[arg-type]


def inferred(numbers: Numbers, *per_image: str) -> Found:
    return over(Seeds({0: numbers}), "vae", per_image)


def without_labels(runs: Runs) -> Runs:
    train, test = (Images(images.pixels) for images in (runs.train, runs.test))
    names = ("vae", "per-image", "per-image-5")
    return Runs(runs.seed, train, test, {name: [runs[name]] for name in names})


def test_own_codes_are_those_of_the_images_beside_them(study: Any, numbers: Numbers) -> None:
    model = study.runs(ASKED)["per-image"].model()
    assert isinstance(model, VAE)
    assert isinstance(model.posterior, PerImage)
    index = numbers.train.index
    x = study.images.train.scaled(index)
    with torch.no_grad():
        pictures = model.decode(model.posterior.mean[torch.from_numpy(index)]).numpy()
    error = ((x - pictures) ** 2).sum(axis=(1, 2, 3))
    found = numbers.train.of["per-image"].squared_error
    assert found == pytest.approx(error, rel=1e-4)


def test_a_per_image_run_has_no_codes_for_test_images_but_refined_ones(numbers: Numbers) -> None:
    test = numbers.test.of
    assert test["vae"].elbo is not None
    assert test["per-image"].elbo is None
    assert len(test["per-image"].refined_elbo) == 20


def test_two_epochs_are_not_finished_and_refinement_says_so(numbers: Numbers) -> None:
    found = inferred(numbers, "per-image", "per-image-5")
    for run in found.asked.per_image:
        unfinished = found.unfinished(run).mean()
        assert unfinished.low is not None
        assert unfinished.low > 0
    assert described(found, "per-image") == "1 update per visit, 2 in all"
    assert described(found, "per-image-5") == "5 updates per visit, 10 in all"
    assert found.converged > 0.9


def test_the_lead_is_the_sum_of_its_parts(numbers: Numbers) -> None:
    found = inferred(numbers, "per-image")
    parts = (
        found.encoder_minus_own("per-image"),
        found.decoder("per-image", "train"),
        found.unfinished("per-image"),
        found.missed("train"),
    )
    lead, decoder, unfinished, missed = (part.value for part in parts)
    assert lead == pytest.approx(decoder + unfinished - missed)


def test_a_snapshot_is_whole(study: Any, numbers: Numbers) -> None:
    run = study.runs(ASKED)["per-image"]
    labels = study.images.train.labels[numbers.train.index]
    first = np.unique(labels, return_index=True)[1]
    rows = numbers.train.index[first]
    assert np.array_equal(numbers.shown["train"].original, study.images.train.pixels[rows])
    for epoch, update in run.snapshots.items():
        model = run.model(update)
        with torch.no_grad():
            wanted = model.decode(model.posterior.mean[torch.from_numpy(rows)]).numpy() * 255
        assert np.abs(numbers.snapshots[str(epoch)]["per-image"] - wanted).max() < 0.51


def test_it_is_answered_with_every_figure_and_without_labels_too(
    study: Any, measured: Measurement, tmp_path: Path
) -> None:
    finding = ASKED.answer({0: measured}, study.setting(tmp_path / "a"))
    assert finding.runs == ("vae", "per-image", "per-image-5")
    assert len(finding.figures) == 7
    assert all((tmp_path / "a" / figure.file).stat().st_size for figure in finding.figures)
    assert "that its codes had not finished" in finding.answer
    assert any("one seed" in caveat for caveat in finding.caveats)

    few = InferenceMethod(amortized="vae", per_image=("per-image",), refined=3)
    unlabelled = few.measure(without_labels(study.runs(ASKED)))
    assert unlabelled.typed(Numbers).train.label is None
    setting = Setting("q", study.setting(tmp_path / "b").figures, (), 160, 100, "x")
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


@pytest.mark.parametrize("error", [{"per_image": []}, {"refined": 1}, {"refine": 500}])
def test_faults_of_its_table_are_refused(error: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        InferenceMethod.model_validate({"amortized": "vae", "per_image": ["per-image"]} | error)


def fabricated(
    *, lead: float, decoder: float, unfinished: float, seeds: int = 1, scatter: float = 0.0
) -> Found:
    """Runs "a" (amortised) and "p" whose differences are as given; `scatter` is between seeds."""
    measured = {}
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        shift = scatter * (seed - (seeds - 1) / 2)
        base = 400 + 25 * np.random.default_rng(99).normal(size=200)

        def near(values: np.ndarray, rng: np.random.Generator = rng) -> np.ndarray:
            noise = rng.normal(size=200)
            return values + noise - noise.mean()

        def codes(refined: np.ndarray, own: np.ndarray | None, error: float) -> Codes:
            return Codes(
                refined_elbo=near(refined),
                refined_squared_error=np.full(200, 20.0),
                steps=np.full(200, 192),
                missing=np.full(200, 0.2),
                converged=np.ones(200, int),
                elbo=None if own is None else near(own),
                squared_error=None if own is None else near(np.full(200, error)),
            )

        refined_p = base - decoder + shift
        own_p = refined_p - unfinished
        test = {"a": codes(base, base - 5, 21.0), "p": codes(refined_p, None, 20.0)}
        train = {"a": codes(base, own_p + lead - shift, 21.0), "p": codes(refined_p, own_p, 20.0)}
        measured[seed] = Numbers(
            train=OfImages(np.arange(200), None, train),
            test=OfImages(np.arange(200), None, test),
            shown={},
            snapshots={},
            traces={},
            described={
                "a": Described(30.0, 1, 1.0, {}),
                "p": Described(30.0, 1, 1.0, {}, mean_std=1.0),
            },
        )
    return over(Seeds(measured), "a", ("p",))


def said(found: Found) -> str:
    return " ".join(sentences(found))


def test_unfinished_alone_is_not_called_worse() -> None:
    found = fabricated(lead=250, decoder=0, unfinished=250)
    assert headline(found).verdict == Verdict.YES
    assert said(found).startswith("'p': refining adds 250.0")
    assert "had not finished; all refined alike, the two decoders are not dist" in said(found)


def test_decoders_and_the_encoder_are_judged_on_test_images_too() -> None:
    found = fabricated(lead=240, decoder=150, unfinished=100)
    first = found.seeds.first
    # On training images alone there is no difference; nor does the encoder miss any test image's.
    first.train.of["p"] = replace(
        first.train.of["p"], refined_elbo=first.train.of["a"].refined_elbo
    )
    assert "its decoder stays worse by 150.0" in said(found)
    assert "optimising each image beats the encoder by" in said(found)
    first.test.of["a"] = replace(
        first.test.of["a"], elbo=first.test.of["a"].refined_elbo + np.tile([1.0, -1.0], 100)
    )
    assert "beats the encoder on its own decoder is not shown" in said(found)


def test_a_decoder_that_stays_worse_is_said_to() -> None:
    text = said(fabricated(lead=250, decoder=150, unfinished=100))
    assert "its decoder stays worse by 150.0" in text


def test_own_codes_may_be_the_better_ones() -> None:
    found = fabricated(lead=-40, decoder=-60, unfinished=20)
    assert headline(found).verdict == Verdict.NO
    assert "its decoder is the better one by" in said(found)


def test_what_cannot_be_told_apart_is_said_so() -> None:
    found = fabricated(lead=0, decoder=0, unfinished=0)
    assert headline(found).verdict == Verdict.CANNOT_TELL
    assert "refining adds nothing that shows" in said(found)


def test_seeds_that_disagree_leave_a_difference_undecided() -> None:
    agreeing = fabricated(lead=0, decoder=20, unfinished=20, seeds=3)
    assert "stays worse by 20.0" in said(agreeing)
    disagreeing = fabricated(lead=0, decoder=20, unfinished=20, seeds=3, scatter=60)
    assert "the two decoders are not distinguishable" in said(disagreeing)
    number = disagreeing.numbers["p.decoder.test.elbo"]
    assert number.interval == "95 % over 3 seeds × 200 test images, paired"


def test_refinements_that_lack_more_are_cautioned_about() -> None:
    found = fabricated(lead=0, decoder=0, unfinished=0)
    assert not any("Only" in caveat for caveat in caveats(found))
    found.seeds.first.test.of["p"].converged[:] = 0
    assert "Only 75.0 % of the refinements" in " ".join(caveats(replace(found)))


def test_what_refinements_lack_is_undefined_where_most_ended_before_it_was_known() -> None:
    found = fabricated(lead=0, decoder=0, unfinished=0)
    for table in (found.first.train, found.first.test):
        for codes in table.of.values():
            codes.missing[:] = np.nan
    assert found.numbers["refinements-missing.median"].value is None
    assert "nan" not in " ".join(caveats(found))


def test_numbers_are_few_and_shares_are_of_images() -> None:
    numbers = fabricated(lead=250, decoder=150, unfinished=100).numbers
    assert numbers["p.encoder-worse.elbo"].value == 0
    assert (numbers["p.encoder-worse.squared-error"].value or 0) > 0.7
    assert show(numbers["encoder-misses.test.elbo"]).startswith("5.0")
    assert len(numbers) <= 12


def test_a_run_that_had_not_finished_leaves_the_verdict_on_the_others() -> None:
    found = fabricated(lead=250, decoder=150, unfinished=100)
    runs = found.seeds.first.train.of
    assert runs["a"].elbo is not None
    ahead = 40 + np.random.default_rng(1).normal(size=200)
    runs["q"] = replace(runs["p"], elbo=runs["a"].elbo + ahead)

    def without(*left: str) -> Found:
        return over(found.seeds, "a", ("p", "q"), left)

    assert headline(without()).verdict == Verdict.CANNOT_TELL
    said = headline(without("p"))
    assert said.verdict == Verdict.NO
    assert said.headline == (
        "Every image's own codes are better than the shared encoder's; p had not finished."
    )
    assert (said.key, said.runs) == ("q.encoder-minus-own.elbo", ("a", "q"))
    assert headline(without("p", "q")).runs == ("a", "p", "q")
    assert verdict_of(without("p"), "p") == "not finished"
    assert verdict_of(without("p"), "q") == "own codes better"
    assert verdict_of(without(), "p") == "encoder better"
    assert verdict_of(without("a"), "q") == "not finished"
