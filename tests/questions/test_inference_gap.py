"""The two gaps: measured end to end, decided both ways, bounds said to be bounds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tacit.evidence.exact import LinearGaussian
from tacit.images.dataset import Images
from tacit.questions.base import Measurement, Runs, Setting
from tacit.questions.inference_gap.numbers import Gaps
from tacit.questions.inference_gap.question import InferenceGapQuestion
from tacit.questions.inference_gap.words import caveats, rule, sentences

ASKED = InferenceGapQuestion(run="vae", images=20, samples=100)


@pytest.fixture(scope="module")
def study(trained: Callable[[str], Any]) -> Any:
    return trained("inference")


def test_gaps_of_an_encoder_on_train_and_test(study: Any, tmp_path: Path) -> None:
    measured = {0: ASKED.measure(study.runs(ASKED))}
    arrays = measured[0].arrays
    for split, images in (("train", study.images.train), ("test", study.images.test)):
        column = {c: arrays[f"table/{split}/{c}"] for c in ("index", "label", "log_prob")}
        assert np.array_equal(images.labels[column["index"]], column["label"])
        assert np.bincount(column["label"]).tolist() == [2] * 10
        parts = sum(arrays[f"table/{split}/{part}"] for part in ("approximation", "amortisation"))
        whole = column["log_prob"] - arrays[f"table/{split}/own_elbo"]
        np.testing.assert_allclose(parts, whole)
        # An encoder of two epochs is far from what optimisation finds.
        assert arrays[f"table/{split}/amortisation"].mean() > 0.5
    finding = ASKED.answer(measured, study.setting(tmp_path))
    assert "lost to the family of posteriors" in finding.answer
    assert "log p(x) is itself a lower bound here" in finding.answer
    assert len(finding.tables) == 2
    assert len(finding.tables[1].rows) == 10
    assert all((tmp_path / figure.file).stat().st_size for figure in finding.figures)
    assert finding.numbers["test.amortisation-gap"].n == 20


def test_a_per_image_vae_gives_test_images_no_posterior(study: Any, tmp_path: Path) -> None:
    asked = InferenceGapQuestion(run="per-image", images=10, samples=100)
    found = asked.measure(study.runs(asked))
    assert found.arrays["table/train/amortisation"].mean() > 1  # two visits to each image
    assert "table/test/amortisation" not in found.arrays
    finding = asked.answer({0: found}, study.setting(tmp_path))
    assert "the posterior it learned for an image" in finding.answer
    assert "codes that are not at their best" in finding.answer
    assert "test.amortisation-gap" not in finding.numbers
    assert "train-minus-test.approximation-gap" in finding.numbers
    assert any("no encoder" in caveat for caveat in finding.caveats)
    assert finding.tables[0].rows[-1][2] == "none"


class Fixed:
    """A run whose model is given."""

    train_index = None

    def __init__(self, model: LinearGaussian) -> None:
        self._model = model

    def model(self) -> LinearGaussian:
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
    index = found.arrays["table/test/index"]
    exact = model.log_prob(torch.from_numpy(pixels[index]).double() / 255).log_prob
    np.testing.assert_allclose(found.arrays["table/test/log_prob"], exact, atol=0.05)
    assert found.arrays["table/test/approximation"].mean() == pytest.approx(expected, abs=0.15)
    assert found.arrays["table/test/amortisation"].mean() == pytest.approx(0, abs=0.15)
    assert found.values["exact"] == (latent_dim == 2)
    setting = Setting("q", _figures(tmp_path), (), 24, 24, (1, 8, 8), "simulated")
    finding = asked.answer({0: found}, setting)
    assert ("is itself a lower bound" in finding.answer) == (latent_dim != 2)
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
) -> Gaps:
    """Gaps of 40 images of each split, with a spread of one nat."""
    measured = {}
    for seed in range(seeds):
        arrays: dict[str, np.ndarray] = {}
        for number, split in enumerate(("train", "test")):
            rng = np.random.default_rng(number)
            log_prob = rng.normal(430, 25, 40)
            more = seed_lead[seed % len(seed_lead)] + (train_more if split == "train" else 0)
            noise = rng.normal(0, 1, (2, 40))
            noise -= noise.mean(axis=1, keepdims=True)
            parts = {
                "approximation": approximation + noise[0],
                "amortisation": amortisation + more + noise[1],
            }
            if not amortized and split == "test":
                del parts["amortisation"]
            columns = parts | {
                "label": np.arange(40) % 4,
                "log_prob": log_prob,
                "refined_elbo": log_prob - parts["approximation"],
                "flagged": np.arange(40) < flagged,
                "converged": np.ones(40),
                "missing": np.full(40, 0.2),
            }
            if "amortisation" in parts:
                columns["own_elbo"] = columns["refined_elbo"] - parts["amortisation"]
            arrays |= {f"table/{split}/{name}": column for name, column in columns.items()}
        values = {"amortized": float(amortized), "exact": float(exact)}
        measured[seed] = Measurement(values, arrays)
    return Gaps(measured)


def test_the_larger_gap_is_named_only_where_it_is() -> None:
    assert "The amortisation gap is the larger by 6.0" in sentences(fabricated(2, 8))
    assert "The approximation gap is the larger by 6.0" in sentences(fabricated(8, 2))
    assert "Which is the larger is not distinguishable" in sentences(fabricated(4, 4.05))


def test_seeds_that_disagree_leave_it_undecided() -> None:
    gaps = fabricated(2, 4, seeds=3, seed_lead=(-6.0, 0.0, 6.0))
    assert "Which is the larger is not distinguishable" in sentences(gaps)
    assert "3 seeds" in gaps.larger().interval
    assert "over seeds" in rule(gaps)


def test_train_and_test_are_two_samples() -> None:
    said = sentences(fabricated(4, 8, train_more=-3))
    assert "On training images the amortisation gap is smaller than on test images by" in said
    assert "the approximation gap is not distinguishable" in said
    number = fabricated(4, 8).train_minus_test("amortisation")
    assert number.interval.startswith("95 % Welch t over 80 images")


def test_an_exact_log_p_is_no_bound() -> None:
    exact, bound = (sentences(fabricated(4, 8, exact=exact)) for exact in (True, False))
    assert "log p(x) is 4" in exact
    assert "lower bound" not in exact
    assert "log p(x) is at least 4" in bound
    assert "log p(x) is itself a lower bound here, and so is the approximation gap" in bound


def test_flags_are_counted() -> None:
    assert "25.0 % of 80 values of log p(x) are flagged" in sentences(fabricated(4, 8, flagged=10))
    assert "No value of log p(x) is flagged" in sentences(fabricated(4, 8))


def test_without_an_encoder_training_images_decide() -> None:
    gaps = fabricated(4, 8, amortized=False)
    assert gaps.split == "train"
    assert "For training images" in sentences(gaps)
    assert any("no amortisation gap" in caveat for caveat in caveats(gaps))
    assert next(iter(gaps.numbers())) == "train.approximation-gap"
