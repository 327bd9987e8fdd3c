"""The two gaps: measured end to end, decided both ways, bounds said to be bounds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tacit.evidence.exact import LinearGaussian
from tacit.images.dataset import Images
from tacit.questions.base import Runs, Setting
from tacit.questions.inference_gap.numbers import Columns, Found, Numbers
from tacit.questions.inference_gap.question import InferenceGapQuestion
from tacit.questions.inference_gap.words import caveats, headline, sentences
from tacit.questions.shared.seeds import Seeds
from tacit.questions.verdicts import Verdict

ASKED = InferenceGapQuestion(run="vae", images=20, samples=100)


@pytest.fixture(scope="module")
def study(trained: Callable[[str], Any]) -> Any:
    return trained("inference")


def test_gaps_of_an_encoder_on_train_and_test(study: Any, tmp_path: Path) -> None:
    measured = {0: ASKED.measure(study.runs(ASKED))}
    table = measured[0].typed(Numbers)
    for columns, images in ((table.train, study.images.train), (table.test, study.images.test)):
        assert np.array_equal(images.labels[columns.index], columns.label)
        assert np.bincount(columns.label).tolist() == [2] * 10
        parts = columns.approximation + columns.amortisation
        np.testing.assert_allclose(parts, columns.log_prob - columns.own_elbo)
        # An encoder of two epochs is far from what optimisation finds.
        assert columns.amortisation.mean() > 0.5
    finding = ASKED.answer(measured, study.setting(tmp_path))
    assert "Between training and test images" in finding.answer
    assert any("log p(x) is itself a lower bound here" in caveat for caveat in finding.caveats)
    assert len(finding.tables) == 2
    assert len(finding.tables[1].rows) == 10
    assert all((tmp_path / figure.file).stat().st_size for figure in finding.figures)
    assert finding.numbers["test.amortisation-gap"].n == 20


def test_a_per_image_vae_gives_test_images_no_posterior(study: Any, tmp_path: Path) -> None:
    asked = InferenceGapQuestion(run="per-image", images=10, samples=100)
    found = asked.measure(study.runs(asked))
    table = found.typed(Numbers)
    assert table.train.amortisation.mean() > 1  # two visits to each image
    assert table.test.amortisation is None
    finding = asked.answer({0: found}, study.setting(tmp_path))
    assert "codes that are not at their best" in finding.headline
    assert "test.amortisation-gap" not in finding.numbers
    assert "train-minus-test.approximation-gap" in finding.numbers
    assert any("no encoder" in caveat for caveat in finding.caveats)
    assert finding.tables[0].rows[-1][2] == "none"


class Fixed:
    """A run whose model is given."""

    train_index = None

    def __init__(self, model: LinearGaussian) -> None:
        self._model = model

    def model_as(self, kind: type) -> LinearGaussian:
        assert issubclass(LinearGaussian, kind)
        return self._model


@pytest.mark.parametrize("latent_dim", [2, 6])
def test_a_linear_model_has_the_gap_that_algebra_says(latent_dim: int, tmp_path: Path) -> None:
    """Its encoder is the best diagonal Gaussian: no amortisation gap, and a known other one."""
    generator = torch.Generator().manual_seed(latent_dim)
    weight = 0.1 * torch.randn(64, latent_dim, generator=generator, dtype=torch.float64)
    bias = torch.full((64,), 0.5, dtype=torch.float64)
    model = LinearGaussian(weight, bias, 0.15, (1, 8, 8))
    x = model.simulate(24, generator).clamp(0, 1)
    pixels = (x * 255).round().to(torch.uint8).numpy()
    images = Images(pixels)
    asked = InferenceGapQuestion(run="linear", images=12, samples=1000)
    runs = Runs(0, images, images, {"linear": [Fixed(model)]})  # type: ignore[list-item]
    found = asked.measure(runs)
    expected = 0.5 * (model.precision.diagonal().log().sum() - model.precision.logdet()).item()
    numbers = found.typed(Numbers)
    test = numbers.test
    exact = model.log_prob(torch.from_numpy(pixels[test.index]).double() / 255).log_prob
    np.testing.assert_allclose(test.log_prob, exact, atol=0.05)
    assert test.approximation.mean() == pytest.approx(expected, abs=0.15)
    assert test.amortisation.mean() == pytest.approx(0, abs=0.15)
    assert numbers.exact == (latent_dim == 2)
    setting = Setting("q", _figures(tmp_path), (), 24, 24, "simulated")
    finding = asked.answer({0: found}, setting)
    assert ("is itself a lower bound" in " ".join(finding.caveats)) == (latent_dim != 2)
    assert len(finding.tables) == 1


def _figures(folder: Path) -> Any:
    from tacit.figures.sink import Figures

    return Figures(folder)


def fabricated(
    approximation: float,
    amortisation: float,
    *,
    train_more: float = 0.0,
    seeds: int = 1,
    seed_lead: tuple[float, ...] = (0.0,),
    flagged: int = 0,
    exact: bool = False,
    amortized: bool = True,
) -> Found:
    """Gaps of 40 images of each split, with a spread of one nat."""
    measured = {}
    for seed in range(seeds):
        tables = {}
        for number, split in enumerate(("train", "test")):
            rng = np.random.default_rng(number)
            log_prob = rng.normal(430, 25, 40)
            more = seed_lead[seed % len(seed_lead)] + (train_more if split == "train" else 0)
            noise = rng.normal(0, 1, (2, 40))
            noise -= noise.mean(axis=1, keepdims=True)
            lost = approximation + noise[0]
            own = amortisation + more + noise[1] if amortized or split == "train" else None
            tables[split] = Columns(
                index=np.arange(40),
                label=np.arange(40) % 4,
                log_prob=log_prob,
                log_prob_error=np.full(40, 0.01),
                refined_elbo=log_prob - lost,
                flagged=(np.arange(40) < flagged).astype(int),
                converged=np.ones(40, int),
                missing=np.full(40, 0.2),
                approximation=lost,
                approximation_error=np.full(40, 0.01),
                amortisation=own,
                own_elbo=None if own is None else log_prob - lost - own,
            )
        measured[seed] = Numbers(amortized, exact, **tables)
    return Found(Seeds(measured), InferenceGapQuestion(run="vae"), None)  # type: ignore[arg-type]


def said_of(*parts: float, **more: Any) -> str:
    return " ".join(sentences(fabricated(*parts, **more)))


def test_the_larger_gap_is_named_only_where_it_is() -> None:
    encoder = headline(fabricated(2, 8))
    assert encoder.verdict == Verdict.YES
    assert encoder.headline.startswith("Most is lost to the encoder: 6.00 nats more")
    assert headline(fabricated(8, 2)).verdict == Verdict.NO
    assert headline(fabricated(4, 4.05)).verdict == Verdict.CANNOT_TELL


def test_seeds_that_disagree_leave_it_undecided() -> None:
    gaps = fabricated(2, 4, seeds=3, seed_lead=(-6.0, 0.0, 6.0))
    assert headline(gaps).verdict == Verdict.CANNOT_TELL
    assert "3 seeds × 40 test images" in gaps.larger.mean().interval


def test_train_and_test_are_two_samples() -> None:
    said = said_of(4, 8, train_more=-3)
    assert "On training images the amortisation gap is smaller than on test images by" in said
    assert "the approximation gap is not distinguishable" in said
    number = fabricated(4, 8).train_minus_test("amortisation").mean()
    assert "(40 training images and 40 test images)" in number.interval


def test_an_exact_log_p_is_no_bound() -> None:
    exact, bound = (" ".join(caveats(fabricated(4, 8, exact=exact))) for exact in (True, False))
    assert "lower bound" not in exact
    assert "log p(x) is itself a lower bound here" in bound


def test_flags_are_counted() -> None:
    flagged = fabricated(4, 8, flagged=10, seeds=2).share("flagged")
    assert (flagged.value, flagged.interval) == (0.25, "a count of 160 images")


def test_without_an_encoder_training_images_decide() -> None:
    gaps = fabricated(4, 8, amortized=False)
    assert gaps.split == "train"
    assert any("no amortisation gap" in caveat for caveat in caveats(gaps))
    assert next(iter(gaps.numbers)) == "train.approximation-gap"
