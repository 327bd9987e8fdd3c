"""What a classifier's encoder keeps: its numbers, its rule and its words."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tacit.images.dataset import UNLABELLED, Images
from tacit.measures.number import Number
from tacit.measures.separation import fisher_terms, within_class
from tacit.questions.base import Measurement, Runs
from tacit.questions.frozen_encoder.numbers import (
    Decoder,
    Errors,
    Found,
    Numbers,
    Separation,
    class_mean_errors,
    comparable,
    separation_of,
)
from tacit.questions.frozen_encoder.question import DECODERS, FrozenEncoder
from tacit.questions.frozen_encoder.words import headline, meaning, sentences
from tacit.questions.shared.seeds import Seeds
from tacit.questions.shared.words import ONE_SEED
from tacit.questions.typed import OfImages
from tacit.questions.verdicts import Verdict
from tacit.streams import numpy_stream

ASKED: dict[str, Any] = {
    "reference": "autoencoder",
    "frozen": "frozen-decoder",
    "probabilities": "probabilities-decoder",
    "classifier": "classifier",
}


@pytest.fixture(scope="module")
def measured(trained: Callable[[str], Any]) -> dict[int, Measurement]:
    study = trained("transfer")
    question = FrozenEncoder(**ASKED)
    return {seed: question.measure(study.runs(question, seed)) for seed in (0, 1)}


def fabricated(
    errors: tuple[float, float, float],
    *,
    seeds: int = 1,
    shifts: tuple[float, ...] = (0.0,),
    n: int = 200,
    variety: tuple[float, float, float] = (0.8, 0.5, 0.1),
    gain: float = 0.3,
    hard: float = 0.05,
) -> Found:
    """What is kept of two classes with these mean errors and shares of variety.

    Images are the same for all seeds.

    errors, variety: of the autoencoder, the frozen encoder, the probabilities.
    shifts: of the frozen encoder's error, seed by seed. hard: how much images differ.
    gain: how much more the frozen encoder separates than the autoencoder.
    """
    images = numpy_stream(0, "fabricated")
    label = np.arange(n) % 2
    hardness, originals = images.normal(0, hard, n), images.gamma(5.0, 0.2, n)
    own = images.normal(0, 0.05, (3, n))
    measured = {}
    for seed in range(seeds):
        rng = numpy_stream(seed, "noise")
        error, decoders, of = {}, {}, {}
        for place, role in enumerate(DECODERS):
            noise = rng.normal(0, 0.05, n)
            mean = errors[place] + (shifts[seed % len(shifts)] if role == "frozen" else 0.0)
            error[role] = mean + hardness + noise
            curve = np.array([[1.0, 4.0, 5.0], [9.0, mean, mean]])
            decoders[role] = Decoder(mean + noise, {"train": curve, "test": curve}, True)
            apart = 0.2 + gain * (role == "frozen")
            for what in ("code", "output"):
                of[f"{role}-{what}"] = Separation(
                    apart + noise,
                    (rng.random(n) < 0.5 + apart).astype(float),
                    originals * apart + noise,
                    variety[place] * originals + own[place] + 0.1 * noise,
                )
        of["originals"] = Separation(images.random(n), (hardness > 0) * 1.0, originals, originals)
        by_mean = np.where(np.arange(n) == 0, np.nan, 9.0 + hardness)
        measured[seed] = Numbers(
            decoders,
            None,
            Errors(np.arange(n), label, class_mean=by_mean, **error),
            OfImages(np.arange(n), label, of),
        )
    return over(measured)


def over(measured: dict[int, Numbers]) -> Found:
    return Found(Seeds(measured), FrozenEncoder(**ASKED), None)  # type: ignore[arg-type]


def said_of(kept: Found) -> str:
    return " ".join(sentences(kept))


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        ((2.0, 5.0, 8.0), "more than the class probabilities, and less than the autoencoder's"),
        ((2.0, 8.0, 8.0), "not distinguishable from the class probabilities alone"),
        ((2.0, 2.0, 8.0), "not distinguishable from the autoencoder's code"),
        ((2.0, 1.0, 8.0), "better than the autoencoder's own code"),
        ((2.0, 9.0, 8.0), "worse than the class probabilities alone"),
        ((8.0, 5.0, 8.0), "does not beat the class probabilities"),
        ((9.0, 5.0, 8.0), "does not beat the class probabilities"),
    ],
)
@pytest.mark.parametrize("seeds", [1, 5])
def test_the_share_is_told_from_both_ends(
    errors: tuple[float, float, float], said: str, seeds: int
) -> None:
    kept = fabricated(errors, seeds=seeds)
    assert said in said_of(kept)
    share = kept.share()
    if "does not beat" in said:
        assert (share.value, share.low) == (None, None)
        return
    best, frozen, worst = errors
    assert share.value == pytest.approx((worst - frozen) / (worst - best), abs=0.01)
    over = "5 seeds × 200 test images, paired" if seeds == 5 else "200 test images, paired"
    assert over in share.interval


@pytest.mark.parametrize(
    ("low", "value", "high", "verdict"),
    [
        (0.1, 0.3, 0.5, Verdict.YES),
        (-0.1, 0.3, 0.5, Verdict.CANNOT_TELL),
        (-0.5, -0.3, 0.1, Verdict.CANNOT_TELL),
        (-0.5, -0.3, -0.1, Verdict.NO),
    ],
)
def test_the_headline_rests_on_the_ends_of_the_share(
    low: float, value: float, high: float, verdict: Verdict
) -> None:
    kept: Any = SimpleNamespace(share=lambda: Number(value, low, high, 100, "share"))
    assert headline(kept).verdict == verdict


def test_wide_seeds_are_not_distinguishable() -> None:
    shifts = (-4.0, 0.0, 3.0)
    kept = fabricated((2.0, 5.0, 8.0), seeds=3, shifts=shifts)
    assert meaning(kept.share()) == "It is not distinguishable from either end."


@pytest.mark.parametrize(
    ("low", "value", "high", "said"),
    [
        (1.02, 1.1, 1.2, "It serves a decoder better than the autoencoder's own code"),
        (0.9, 1.1, 1.3, "It is not distinguishable from the autoencoder's code"),
        (-0.3, -0.2, -0.1, "It serves a decoder worse than the class probabilities alone"),
        (-0.3, -0.1, 0.1, "It is not distinguishable from the class probabilities alone"),
        (-0.1, 0.1, 0.3, "It is not distinguishable from the class probabilities alone"),
        (0.7, 0.9, 1.1, "It is not distinguishable from the autoencoder's code"),
        (0.2, 0.5, 0.8, "It is more than the class probabilities, and less than the autoencoder's"),
        (-0.1, 0.5, 1.1, "It is not distinguishable from either end"),
    ],
)
def test_each_end_is_told_by_the_interval(low: float, value: float, high: float, said: str) -> None:
    assert meaning(Number(value, low, high, 9, "share")).startswith(said)


def test_meaning_without_an_interval() -> None:
    assert "Without an interval" in meaning(Number(0.5, n=1, interval="undefined: n = 1"))


def test_pairs_of_images_narrow_the_interval() -> None:
    """Images differ far more than decoders do; unpaired the difference would drown."""
    kept = fabricated((2.0, 2.1, 8.0), hard=3.0)
    difference = kept.numbers["squared-error.frozen-minus-reference"]
    assert difference.low is not None
    assert difference.low > 0.05
    assert kept.error("frozen").low < kept.error("reference").high  # type: ignore[operator]


@pytest.mark.parametrize("seeds", [2, 3, 10])
def test_more_seeds_are_no_more_images(seeds: int) -> None:
    """Separations that differ by the images alone are known no better with ten seeds."""
    one, several = (fabricated((2.0, 5.0, 8.0), seeds=n) for n in (1, seeds))

    def width(kept: Found) -> float:
        number = kept.variability("frozen")
        return number.high - number.low  # type: ignore[operator]

    assert width(several) > 0.5 * width(one)


def test_variety_and_separation_say_both_ways() -> None:
    less = said_of(fabricated((2.0, 5.0, 8.0)))
    assert "its outputs vary less than the autoencoder's by" in less
    assert "in 2 of 2 classes taken singly" in less
    assert "Classes in its codes lie further apart by silh" in less
    more = said_of(fabricated((2.0, 5.0, 8.0), variety=(0.5, 0.8, 0.1), gain=-0.15))
    assert "its outputs vary more than the autoencoder's by" in more
    assert "its outputs lie closer together by" in more
    same = said_of(fabricated((2.0, 5.0, 8.0), variety=(0.8, 0.8, 0.1), gain=0.0))
    assert "is not distinguishable from the autoencoder's (" in same
    assert "its outputs are not distinguishable by" in same


def test_ratios_are_those_of_the_measures() -> None:
    """What is combined per image equals the measure computed at once, over all and by class."""
    rng = numpy_stream(0, "codes")
    y = rng.integers(0, 3, 90)
    originals, outputs = rng.normal(0, 1, (90, 5)) + y[:, None], rng.normal(0, 0.5, (90, 5))
    of = {"originals": separation_of(originals, y)}
    of |= {
        f"{r}-{what}": separation_of(outputs, y) for r in DECODERS for what in ("code", "output")
    }
    numbers = fabricated((2.0, 5.0, 8.0)).seeds.first
    kept = over({0: replace(numbers, separation=OfImages(np.arange(90), y, of))})
    between, within = fisher_terms(originals, y)
    whole = between.mean() / within.mean()
    assert kept.separation("originals", "fisher").value == pytest.approx(whole)
    for c in range(3):
        own = between[y == c].mean() / within[y == c].mean()
        assert kept.separation("originals", "fisher", c).value == pytest.approx(own)
        assert kept.variability("frozen", c).value == pytest.approx(
            np.mean(within_class(outputs, y)[y == c]) / np.mean(within_class(originals, y)[y == c])
        )


def test_brackets(measured: dict[int, Measurement]) -> None:
    """The autoencoder asked about itself keeps all; the probabilities' decoder, nothing more."""
    numbers = measured[0].typed(Numbers)
    errors = numbers.errors
    for end, share in (("reference", 1.0), ("probabilities", 0.0)):
        best = errors.probabilities - 1.0
        ends = {"reference": best, "probabilities": errors.probabilities}
        changed = replace(errors, reference=best, frozen=ends[end])
        kept = over({0: replace(numbers, errors=changed)})
        assert kept.share().value == pytest.approx(share)
    of = numbers.separation.of
    alike = replace(numbers.separation, of=of | {"frozen-output": of["reference-output"]})
    assert over({0: replace(numbers, separation=alike)}).variability_difference().value == 0.0


def test_measured_errors_are_the_decoders_own(
    trained: Callable[[str], Any], measured: dict[int, Measurement]
) -> None:
    study = trained("transfer")
    runs = study.runs(FrozenEncoder(**ASKED))
    model = runs["frozen-decoder"].model()
    x = torch.from_numpy(runs.test.scaled([3]))
    error = (x - model.decode(model.encode(x))).square().sum().item()
    numbers = measured[0].typed(Numbers)
    assert numbers.errors.frozen[3] == pytest.approx(error, rel=1e-4)
    assert numbers.decoder["frozen"].of_the_classifier
    assert numbers.decoder["probabilities"].of_the_classifier
    assert not numbers.decoder["reference"].of_the_classifier


def test_measuring_again_is_the_same_to_the_bit(
    trained: Callable[[str], Any], measured: dict[int, Measurement]
) -> None:
    question = FrozenEncoder(**ASKED)
    again = question.measure(trained("transfer").runs(question, 1))
    assert again.values == measured[1].values
    assert again.arrays.keys() == measured[1].arrays.keys()
    for name, array in again.arrays.items():
        np.testing.assert_array_equal(array, measured[1].arrays[name])


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_the_finding_is_whole(
    trained: Callable[[str], Any],
    measured: dict[int, Measurement],
    tmp_path: Path,
    seeds: tuple[int, ...],
) -> None:
    setting = trained("transfer").setting(tmp_path, "frozen-encoder-2")
    finding = FrozenEncoder(**ASKED).answer({s: measured[s] for s in seeds}, setting)
    assert finding.question == "frozen-encoder-2"
    assert len(finding.numbers) <= 25
    assert {figure.file for figure in finding.figures} == {p.name for p in tmp_path.iterdir()}
    assert all(figure.name.startswith("frozen-encoder-2-") for figure in finding.figures)
    assert len(finding.tables[2].rows) == 10
    assert (finding.caveats[-1] == ONE_SEED) == (len(seeds) == 1)


def test_an_encoder_that_moved_is_told(trained: Callable[[str], Any], tmp_path: Path) -> None:
    study = trained("transfer")
    moved = FrozenEncoder(**(ASKED | {"frozen": "autoencoder"}))
    m = moved.measure(study.runs(moved))
    assert not m.typed(Numbers).decoder["frozen"].of_the_classifier
    said = moved.answer({0: m}, study.setting(tmp_path)).caveats
    assert any("'autoencoder' is not that of 'classifier'" in caveat for caveat in said)


def test_test_images_too_few_to_compare(trained: Callable[[str], Any], tmp_path: Path) -> None:
    """One test image per class: errors remain, what compares images is undefined and says so."""
    study = trained("transfer")
    question = FrozenEncoder(**ASKED)
    runs = study.runs(question)
    labels = runs.test.labels
    assert labels is not None
    few = runs.test.take([int(np.flatnonzero(labels == c)[0]) for c in range(10)])
    m = question.measure(Runs(0, runs.train, few, runs.saved))
    finding = question.answer({0: m}, study.setting(tmp_path))
    assert "Variability within classes is undefined: no test images" in finding.answer
    assert "Separation is undefined" in finding.answer
    assert finding.numbers["squared-error.frozen"].n == 10
    assert any("10 of 10 classes have fewer than two" in caveat for caveat in finding.caveats)


def test_images_without_a_label_or_a_class_are_left_out() -> None:
    pixels = np.arange(6, dtype=np.uint8).reshape(6, 1, 1, 1) * 10
    train = Images(pixels[:3], np.array([0, 0, UNLABELLED]), ("a", "b", "c"))
    test = Images(pixels, np.array([0, 1, UNLABELLED, 0, 1, 2]), ("a", "b", "c"))
    index, y = comparable(test, np.arange(6))
    assert (index.tolist(), y.tolist()) == ([0, 1, 3, 4], [0, 1, 0, 1])
    assert len(comparable(test, np.array([0, 2, 3]))[0]) == 0  # one class alone
    errors = class_mean_errors(train, test)
    assert errors[0] == pytest.approx((5 / 255) ** 2)
    assert np.isnan(errors[[1, 2, 4, 5]]).all()
