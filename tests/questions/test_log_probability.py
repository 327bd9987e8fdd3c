"""How likely an image is: measured end to end, decided over images and seeds, said as it is."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from tacit.images.dataset import Images
from tacit.measures.number import Number
from tacit.questions.base import Measurement, Runs, Setting
from tacit.questions.log_probability.numbers import (
    Columns,
    Found,
    Numbers,
    _scored,
    _taken,
    of_all_seeds,
)
from tacit.questions.log_probability.question import LogProbability
from tacit.questions.log_probability.words import _explained, decided_by, headline, sentences
from tacit.questions.shared.outputs import Shown
from tacit.questions.shared.seeds import Seeds
from tacit.questions.verdicts import Verdict

ASKED = LogProbability(run="vae", samples=100, per_class=4, shown_per_class=2)
BY_ENCODER = ASKED.model_copy(update={"proposal": "encoder"})


@pytest.fixture(scope="module")
def study(trained: Callable[[str], Any]) -> Any:
    return trained("inference")


@pytest.fixture(scope="module")
def measured(study: Any) -> dict[int, Measurement]:
    return {seed: ASKED.measure(study.runs(ASKED, seed)) for seed in (0, 1)}


def test_so_many_images_of_each_class_are_scored_on_both_sides(
    study: Any, measured: dict[int, Measurement]
) -> None:
    for split, images in (("train", study.images.train), ("test", study.images.test)):
        arrays = measured[0].arrays
        index, label = arrays[f"table/{split}/index"], arrays[f"table/{split}/label"]
        assert np.array_equal(images.labels[index], label)
        assert np.bincount(label).tolist() == [4] * 10
        assert len(set(index.tolist())) == 40
        assert np.array_equal(index, measured[1].arrays[f"table/{split}/index"])
        shown = arrays[f"shown/{split}/rows"]
        assert np.bincount(label[shown]).tolist() == [2] * 10
        assert np.array_equal(arrays[f"shown/{split}/pixels"], images.pixels[index[shown]])


def test_every_estimate_has_its_error_its_health_and_what_stands_beside_it(
    study: Any, measured: dict[int, Measurement]
) -> None:
    arrays = measured[0].arrays
    columns = {name.split("/")[2] for name in arrays if name.startswith("table/test/")}
    assert columns == {
        *("index", "label", "log-prob", "standard-error", "effective-samples", "pareto-k"),
        *("flagged", "annealed", "upper", "mean-intensity", "mean-image", "class-mean-image"),
    }
    index = arrays["table/test/index"]
    pixels = study.images.test.pixels[index] / 255
    assert arrays["table/test/mean-intensity"] == pytest.approx(pixels.mean(axis=(1, 2, 3)))
    mean = study.images.train.pixels.mean(axis=0) / 255
    squared = ((pixels - mean) ** 2).sum(axis=(1, 2, 3))
    wanted = -0.5 * squared / 0.2**2 - 64 * (np.log(0.2) + 0.5 * np.log(2 * np.pi))
    assert arrays["table/test/mean-image"] == pytest.approx(wanted)
    ceiling = over(Seeds.of(Numbers, measured)).ceiling()
    assert ceiling is not None
    assert ceiling == pytest.approx(64 * 0.69049937, abs=1e-4)
    assert arrays["table/test/log-prob"].max() < ceiling


def test_the_reports_own_samples_stand_beside_refined_ones(
    study: Any, measured: dict[int, Measurement], tmp_path: Path
) -> None:
    found = measured[0].arrays
    for split in ("train", "test"):
        shown = found[f"shown/{split}/rows"]
        refined = found[f"table/{split}/log-prob"][shown]
        assert np.array_equal(found[f"table/by-encoder-{split}/refined"], refined)
        index = found[f"table/{split}/index"][shown]
        assert np.array_equal(found[f"table/by-encoder-{split}/index"], index)
    finding = ASKED.answer({0: measured[0]}, study.setting(tmp_path / "refined"))
    assert any("posteriors that were optimised" in caveat for caveat in finding.caveats)
    assert "the report's own method, the images shown are" in finding.answer
    assert finding.numbers["encoder-minus-refined.log-prob"].n == 40
    encoder = BY_ENCODER.measure(study.runs(BY_ENCODER, 0))
    worth = [np.median(m.arrays["table/test/effective-samples"]) for m in (measured[0], encoder)]
    assert worth[0] > worth[1]
    assert not any("by-encoder" in name for name in encoder.arrays)
    alone = BY_ENCODER.answer({0: encoder}, study.setting(tmp_path / "encoder"))
    assert not any("posteriors that were optimised" in caveat for caveat in alone.caveats)
    assert "the report's own method" not in alone.answer


@pytest.mark.parametrize(("share", "per_class"), [(0.9, 2), (0.2, 4)])
def test_where_most_have_to_be_annealed_fewer_images_are(
    monkeypatch: pytest.MonkeyPatch, share: float, per_class: int
) -> None:
    asked: list[int] = []

    def scored(model: Any, images: Images, rows: np.ndarray, means: Any, *_: Any) -> Any:
        asked.append(len(rows))
        annealed = np.arange(len(rows)) < share * len(rows)
        numbers = {"log_prob": rows.astype(float), "annealed": annealed.astype(np.int64)}
        return numbers | {"label": images.truth[rows]}

    monkeypatch.setattr("tacit.questions.log_probability.numbers.score", scored)
    amounts = ASKED.model_copy(update={"per_class": 4, "annealed_per_class": 2})
    images = Images(np.zeros((70, 1, 2, 2), np.uint8), np.arange(70) % 10, tuple("abcdefghij"))
    for labelled in (True, False):
        asked.clear()
        own = images if labelled else Images(images.pixels)
        if not labelled:
            monkeypatch.setattr(Images, "truth", np.zeros(70, np.int64))
        classes = list(range(10)) if labelled else []
        found = _scored(None, own, classes, {}, 0, "test", amounts)  # type: ignore[arg-type]
        # Each image once, class after class, with its own value.
        assert np.array_equal(found["log_prob"], found["rows"])
        assert len(set(found["rows"].tolist())) == len(found["rows"]) == 10 * per_class
        assert np.array_equal(found["label"], np.sort(found["label"]))
        if labelled:
            assert np.bincount(found["label"]).tolist() == [per_class] * 10
        assert asked == [20] * (per_class // 2)


def test_it_is_answered_for_one_seed_and_for_two(
    study: Any, measured: dict[int, Measurement], tmp_path: Path
) -> None:
    one = ASKED.answer({0: measured[0]}, study.setting(tmp_path / "one"))
    assert one.numbers["test.log-prob"].interval == "95 % over 40 test images, given this seed"
    assert any("one seed" in caveat for caveat in one.caveats)
    assert len(one.tables[0].rows) == 10
    assert len(one.figures) == 5
    assert all((tmp_path / "one" / figure.file).stat().st_size for figure in one.figures)
    (pictures,) = (f for f in one.figures if f.name.endswith("one-of-each-class"))
    arrays = measured[0].arrays
    values = {
        split: arrays[f"table/{split}/log-prob"][arrays[f"shown/{split}/rows"][0]]
        for split in ("train", "test")
    }
    # One training and one test image of each class, each with its own value.
    (told,) = (text for text in pictures.alt.split("; ") if text.startswith("class 0: "))
    train, test = told.split(" in training, ")
    assert f"{values['train']:.1f}" in train
    assert f"{values['test']:.1f}" in test
    two = ASKED.answer(measured, study.setting(tmp_path / "two"))
    assert "2 seeds" in two.numbers["test.log-prob"].interval
    assert two.answer != one.answer


def test_a_seed_that_scored_fewer_images_is_compared_on_these(
    study: Any, measured: dict[int, Measurement], tmp_path: Path
) -> None:
    """Where most have to be annealed a seed stops at the first few of each class."""
    fewer = measured[1].typed(Numbers)
    tables = {}
    for name in ("train", "test", "by_encoder_train", "by_encoder_test"):
        table = getattr(fewer, name)
        tables[name] = _taken(table, np.arange(len(table.index)) % 4 < 2)
    shown = {
        split: Shown(np.arange(len(getattr(fewer, f"by_encoder_{split}").index))[:20], one.pixels)
        for split, one in fewer.shown.items()
    }
    both = {0: measured[0], 1: Measurement.of(replace(fewer, shown=shown, **tables))}
    finding = ASKED.answer(both, study.setting(tmp_path))
    found = of_all_seeds(Seeds.of(Numbers, both))
    for split in ("train", "test"):
        first, second = (getattr(one, split) for one in found)
        assert first.index.tolist() == second.index.tolist() == tables[split].index.tolist()
        images, one = getattr(study.images, split), found.first.shown[split]
        assert np.array_equal(images.pixels[first.index[one.rows]], one.pixels)
    pair = [one.test.log_prob for one in found]
    assert finding.numbers["test.log-prob"].value == pytest.approx(np.mean(pair))


def test_without_labels_classes_are_left_out(study: Any, tmp_path: Path) -> None:
    runs = study.runs(ASKED)
    train, test = (Images(images.pixels) for images in (runs.train, runs.test))
    few = LogProbability(run="vae", samples=50, per_class=3, shown_per_class=2)
    found = few.measure(Runs(0, train, test, {"vae": [runs["vae"]]}))
    assert len(found.arrays["table/test/log-prob"]) == 30
    assert not any("label" in name or "class" in name for name in found.arrays)
    setting = Setting("q", study.setting(tmp_path).figures, (), 160, 100, "x")
    finding = few.answer({0: found}, setting)
    assert not any("class" in name for name in finding.numbers)
    assert "likeliest class" not in finding.answer + finding.decided_by
    assert "training images are likelier" in finding.headline
    assert finding.tables == ()


def test_a_class_with_one_test_image_is_left_out_and_said_to_be(study: Any, tmp_path: Path) -> None:
    runs = study.runs(ASKED)
    nines = np.flatnonzero(runs.test.labels == 9)
    test = runs.test.take(np.setdiff1d(np.arange(len(runs.test)), nines[1:]))
    few = LogProbability(run="vae", samples=20, per_class=2, shown_per_class=1)
    found = few.measure(Runs(0, runs.train, test, {"vae": [runs["vae"]]}))
    assert np.unique(found.arrays["table/test/label"]).tolist() == list(range(9))
    finding = few.answer({0: found}, study.setting(tmp_path))
    assert any("1 of 10 classes has fewer than two" in caveat for caveat in finding.caveats)
    assert len(finding.tables[0].rows) == 9


def test_measuring_twice_gives_the_same_to_the_bit(
    study: Any, measured: dict[int, Measurement]
) -> None:
    torch.rand(5)
    np.random.random(5)  # noqa: NPY002  # the global generators must not matter
    again = ASKED.measure(study.runs(ASKED))
    for name, array in measured[0].arrays.items():
        assert np.array_equal(again.arrays[name], array, equal_nan=array.dtype.kind == "f")


@pytest.mark.parametrize("error", [{"samples": 0}, {"per_class": 1}, {"method": "importance"}])
def test_faults_of_its_table_are_refused(error: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LogProbability.model_validate({"run": "vae"} | error)


def fabricated(
    means: Sequence[float],
    *,
    train_lead: float = 0.0,
    beside: Sequence[float] | None = None,
    seeds: int = 1,
    seed_lead: Sequence[float] = (0.0,),
    per_class: int = 40,
    flagged: float = 0.0,
    annealed: float | None = None,
    apart: float = 0.0,
) -> Found:
    """Classes of the given means with a spread of 25 nats in each, as in MNIST.

    `beside`: class means of what the mean image gives; by default the model's own.
    `seed_lead`: added to the first class and to training images, by seed.
    `annealed`: the share that is; what stays flagged has an upper bound `apart` from its value.
    """
    k = len(means)
    labels = np.repeat(np.arange(k), per_class)
    measured = {}
    for seed in range(seeds):
        tables = []
        for number, split in enumerate(("train", "test")):
            rng = np.random.default_rng(number)  # the same images for every seed
            noise = rng.normal(size=(k, per_class))
            noise = 25 * (noise - noise.mean(axis=1, keepdims=True)).ravel()
            lead = (split == "train") * (train_lead + seed_lead[seed % len(seed_lead)])
            pictures = np.asarray(means if beside is None else beside)[labels] + noise
            log_prob, place = np.asarray(means)[labels] + noise + lead, np.arange(len(labels))
            upper = np.where(place < flagged * len(labels), log_prob + apart, np.nan)
            tables.append(
                Columns(
                    index=place,
                    log_prob=log_prob,
                    annealed=None if annealed is None else 1 * (place < annealed * len(labels)),
                    upper=None if annealed is None else upper,
                    label=labels,
                    mean_intensity=-pictures,
                    mean_image=pictures,
                    class_mean_image=pictures,
                    flagged=1 * (np.arange(len(labels)) < flagged * len(labels)),
                    standard_error=np.full(len(labels), 0.3),
                    effective_samples=np.full(len(labels), 12.0),
                )
            )
        measured[seed] = Numbers(784, True, 0.2, -np.asarray(means), {}, *tables)
    return over(Seeds(measured))


def over(seeds: Seeds[Numbers]) -> Found:
    asked = LogProbability(run="vae", samples=1000)
    return Found(seeds, asked, SimpleNamespace(class_names=NAMES))  # type: ignore[arg-type]


def said_of(scores: Found) -> str:
    return " ".join(sentences(scores))


NAMES = tuple("abcdefghij")
SPREAD = (490.0, 450.0, 440.0, 430.0, 425.0, 420.0, 415.0, 410.0)


def test_a_top_class_far_above_the_next_is_called_the_likeliest() -> None:
    scores = fabricated(SPREAD)
    assert "The likeliest class is 'a', 40.0 nats" in said_of(scores)
    assert "above 'b', the next" in said_of(scores)
    # No Gaussian log p(x) can exceed it at σ = 0.2.
    assert scores.numbers["ceiling"].value == pytest.approx(541.35, abs=0.01)


def test_a_top_class_near_the_next_is_not() -> None:
    said = said_of(fabricated((452.0, 450.0, 400.0)))
    assert "Class 'a' has the highest mean, not distinguishable from 'b'" in said


def test_training_images_are_called_likelier_only_where_they_are() -> None:
    found = headline(fabricated(SPREAD, train_lead=20))
    assert found.headline == "Training images are likelier than test images, by 20.0 nats."
    assert headline(fabricated(SPREAD, train_lead=-20)).verdict == Verdict.NO
    assert headline(fabricated(SPREAD, train_lead=1)).verdict == Verdict.CANNOT_TELL


def test_differences_between_classes_do_not_blur_that_between_splits() -> None:
    number = fabricated(SPREAD, train_lead=20).numbers["train-minus-test.log-prob"]
    assert "320 training images and 320 test images" in number.interval
    half = (number.high or 0) - (number.value or 0)
    assert half == pytest.approx(1.96 * 25 * np.sqrt(2 / 320), rel=0.05)


def test_seeds_that_agree_on_the_same_images_prove_nothing_about_others() -> None:
    found = fabricated(SPREAD, train_lead=1, seeds=3, seed_lead=(-0.1, 0.0, 0.1))
    number = found.train_minus_test()
    assert "3 seeds × (320 training images and 320 test images)" in number.interval
    assert number.high is not None
    assert number.low is not None
    assert number.high - number.low == pytest.approx(2 * 1.96 * 25 * np.sqrt(2 / 320), rel=0.1)
    assert headline(found).verdict == Verdict.CANNOT_TELL


def test_seeds_that_disagree_leave_it_undecided() -> None:
    found = fabricated(SPREAD, train_lead=20, seeds=3, seed_lead=(-40.0, 0.0, 40.0))
    assert headline(found).verdict == Verdict.CANNOT_TELL
    assert "over images and seeds together" in decided_by(found)


def test_what_the_images_explain_is_bracketed() -> None:
    all_of_it = fabricated(SPREAD)
    share = all_of_it.shares_explained()["class_mean_image"]
    assert share.value == pytest.approx(1)
    assert "Most of what separates the classes lies in the images" in said_of(all_of_it)
    unrelated = fabricated(SPREAD, beside=(0, 9, 3, 7, 1, 8, 4, 5))
    share = unrelated.shares_explained()["class_mean_image"]
    assert share.value is not None
    assert share.value < 0.5
    assert "8 classes do not settle" in said_of(unrelated)


@pytest.mark.parametrize(
    ("low", "high", "opening"),
    [
        (0.6, 0.9, "Most of what separates the classes lies in the images"),
        (0.4, 0.9, "10 classes do not settle"),
        (0.1, 0.6, "10 classes do not settle"),
        (0.1, 0.4, "Most of what separates the classes is not in how alike"),
    ],
)
def test_most_is_explained_where_the_whole_interval_says_so(
    low: float, high: float, opening: str
) -> None:
    share = Number((low + high) / 2, low, high, 10, "share")
    scores: Any = SimpleNamespace(
        classes=range(10), picture="mean", shares_explained=lambda: {"mean": share}
    )
    assert _explained(scores).startswith(opening)


def test_one_outlying_class_does_not_hide_that_few_classes_are_few() -> None:
    scores = fabricated((490.0, 450.0, 440.0))
    share = scores.numbers["between-classes.explained-by.class-mean-image"]
    assert share.value is None
    assert "3 classes, 4 are needed" in share.interval
    assert "lies in the images is undefined" in said_of(scores)


def test_what_stays_flagged_says_how_far_bounds_are_apart() -> None:
    found = fabricated(SPREAD, flagged=0.25, annealed=0.9, apart=1.5)
    assert "flagged for 90.0 % of the images (1,000 samples are worth 12 on the med" in said_of(
        found
    )
    assert "25.0 % of the estimates are flagged as unreliable: lower bounds, and" in said_of(found)
    assert "upper bounds lie 1.5 nats away at the median" in said_of(found)
    numbers = found.numbers
    assert numbers["annealed"].value == pytest.approx(0.9)
    assert numbers["flagged.upper-minus-lower.median"].value == pytest.approx(1.5)


def test_flagged_estimates_are_counted_in_all_seeds() -> None:
    found = fabricated(SPREAD, flagged=0.25, seeds=2)
    assert "25.0 % of the estimates are flagged as unreliable" in said_of(found)
    assert found.flagged().interval == "a count of 1,280 estimates"
    assert "1,000 samples are worth 12 on the median image" in said_of(found)
    assert "No estimate is flagged" in said_of(fabricated(SPREAD))
