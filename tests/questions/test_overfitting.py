"""Whether a model is overfitted: the rule on fabricated numbers, refinement alike, end to end."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from tacit.figures.sink import Figures
from tacit.images.dataset import Images
from tacit.measures.intervals import decide
from tacit.measures.unfinished import StillFalling
from tacit.questions.base import Measurement, Question, Runs, Setting
from tacit.questions.finding import Finding
from tacit.questions.overfitting.figures import columns_of
from tacit.questions.overfitting.numbers import (
    BETTER,
    LOWER,
    NONE,
    OVERFITTED,
    UNDECIDED,
    UNFINISHED,
    Final,
    Numbers,
    OfRun,
    Pictures,
    _line,
    judge,
    loss_of,
)
from tacit.questions.overfitting.question import Overfitting
from tacit.questions.shared.curves import Kept, Line
from tacit.questions.shared.seeds import Seeds
from tacit.questions.verdicts import Verdict
from tacit.streams import numpy_stream

UPDATE = np.arange(1, 11) * 100
FALLING = 1 / np.arange(1, 11)
TURNING = 0.5 + 0.02 * (np.arange(10) - 4) ** 2


def fabricated(
    gap: float,
    test: np.ndarray,
    seeds: int = 1,
    draws: int = 1,
    kind: str = "classifier",
    n: int = 200,
    name: str = "fabricated",
) -> Seeds[Numbers]:
    """A run whose training loss is its test loss less `gap`, with noise of 0.02 by seed and draw.

    Images are the same for all seeds, and test images for all draws.
    """
    rng = numpy_stream(0, name)
    image = {"train": 0.2 * rng.normal(size=(draws, n)), "test": 0.2 * rng.normal(size=(1, n))}
    measured = {}
    for seed in range(seeds):
        noise = 0.02 * rng.normal(size=(draws, 1))
        lines, final = {}, {}
        for split in ("train", "test"):
            curve = test - (gap if split == "train" else 0.0) + noise
            lines[split] = Line(curve, np.full_like(curve, 0.01))
            loss = curve[:, -1:] + image[split] + 0.02 * rng.normal(size=(draws, n))
            final[split] = Final(loss, rng.random((draws, n)) < 0.9)
        at = test[[0, 4, 9], None] + noise[0] + image["test"]
        of = OfRun(
            kind,
            "cross-entropy",
            1.0,
            Kept(UPDATE, 0.0 if draws > 1 else 10.0, lines, {}),
            UPDATE[[0, 4, 9]],
            at + 0.02 * rng.normal(size=(3, n)),
            final,
            {},
            None,
        )
        measured[seed] = Numbers({"one": of}, {})
    return Seeds(measured)


def stored(seeds: Seeds[Numbers]) -> dict[int, Measurement]:
    return {seed: Measurement.of(one) for seed, one in seeds.by_seed.items()}


@pytest.mark.parametrize(("seeds", "draws"), [(1, 1), (3, 1), (1, 10), (3, 10)])
@pytest.mark.parametrize(
    ("gap", "test", "verdict"),
    [
        (0.5, TURNING, OVERFITTED),
        (0.5, FALLING, BETTER),
        (0.0, FALLING, NONE),
        (0.0, TURNING, NONE),
        (-0.5, FALLING, LOWER),
    ],
)
def test_the_verdict_follows_gap_and_rise(
    gap: float, test: np.ndarray, verdict: str, seeds: int, draws: int, tmp_path: Path
) -> None:
    measured = fabricated(gap, test, seeds, draws)
    assert judge(measured, "one").verdict == verdict
    if (seeds, draws) in ((1, 1), (3, 10)):
        setting = Setting("asked", Figures(tmp_path), (), 160, 100, "digits")
        finding = Overfitting(runs=("one",)).answer(stored(measured), setting)
        assert finding.tables[0].rows[0][-1] == verdict
        assert finding.verdict == ("yes" if verdict == OVERFITTED else "no")
        # The number that decides: with a gap, whether the test loss rose.
        assert finding.key == ("one.rise" if gap > 0 else "one.gap")
        assert ("was lowest at" in finding.answer) == (test is TURNING)


def test_each_run_has_its_own_verdict_where_one_had_not_finished(tmp_path: Path) -> None:
    flat, overfitted = (fabricated(gap, TURNING).by_seed[0] for gap in (0.0, 0.5))
    three = Numbers({"a": flat.run["one"], "b": flat.run["one"], "c": overfitted.run["one"]}, {})

    def answered(runs: tuple[str, ...], *unfinished: str) -> Finding:
        setting = Setting("asked", Figures(tmp_path), (), 160, 100, "digits")
        falling = dict.fromkeys(unfinished, StillFalling(0.1))
        setting = replace(setting, unfinished=falling)
        return Overfitting(runs=runs).answer({0: Measurement.of(three)}, setting)

    some = answered(("a", "b"), "b")
    assert some.verdict == Verdict.NO
    assert some.headline == "No model that finished is overfitted; b had not finished."
    assert some.key == "a.gap"
    assert [row[-1] for row in some.tables[0].rows] == [NONE, UNFINISHED]
    assert answered(("a", "b"), "a", "b").verdict == Verdict.NOT_FINISHED
    # That a run is overfitted already, more training would not change.
    assert answered(("a", "c"), "c").verdict == Verdict.YES
    assert "Training of c had not finished" in answered(("a", "c"), "c").alerts[0]
    assert answered(("a", "b")).headline.startswith("No model is overfitted")
    assert "training had not finished" in some.decided_by
    assert "training had not finished" not in answered(("a", "b")).decided_by.split("How often")[1]


def test_what_an_interval_is_over() -> None:
    def over(*counts: int) -> str:
        return judge(fabricated(0.5, TURNING, *counts), "one").gap.interval

    assert over() == "95 % over (200 test images and 200 training images), given this seed"
    assert over(3) == "95 % over 3 seeds × (200 test images and 200 training images)"
    # Training images are each draw's own.
    assert over(1, 10) == "95 % over 10 draws × 200 test images, paired, given this seed"
    assert over(3, 10) == "95 % over 3 seeds × 10 draws × 200 test images, paired"


@pytest.mark.parametrize("seeds", [1, 2, 3, 10])
def test_runs_without_a_gap_are_rarely_given_one(seeds: int) -> None:
    """All seeds share their images, so that more seeds are no more images."""
    verdicts = [
        judge(fabricated(0.0, TURNING, seeds, n=40, name=f"null {k}"), "one").verdict
        for k in range(150)
    ]
    wrong = np.mean([v in (OVERFITTED, BETTER) for v in verdicts])
    assert wrong <= 0.06, f"{wrong:.3f}"


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_flat_test_loss_is_rarely_said_to_have_risen(seeds: int) -> None:
    flat = np.full(10, 0.5)
    risen = [
        decide(judge(fabricated(0.0, flat, seeds, n=40, name=f"flat {k}"), "one").rise)
        for k in range(150)
    ]
    assert np.mean([r == "higher" for r in risen]) <= 0.06


def test_a_rise_is_that_since_the_lowest_snapshot() -> None:
    found = judge(fabricated(0.0, TURNING, 3), "one")
    assert found.rise.value == pytest.approx(TURNING[9] - TURNING[4], abs=0.02)
    assert found.turned.value == 500
    # Widened to hold for both of the other snapshots.
    assert found.rise.interval.startswith("95 % for 2 together over 3 seeds")


def test_of_several_draws_the_images_of_the_first_stand_for_all() -> None:
    of = fabricated(0.0, TURNING, 1, 10).first.run["one"]
    curve = of.curves.loss["test"].mean
    for k, update in enumerate(of.snapshot):
        losses = of.test_loss(k)
        assert losses.shape == (10, 200)
        assert np.allclose(losses.mean(axis=1), curve[:, of.curves.update == update][:, 0])
        assert np.allclose(
            losses - losses.mean(axis=1, keepdims=True), of.snapshots[k] - of.snapshots[k].mean()
        )
    rise = judge(fabricated(0.0, TURNING, 3, 10), "one").rise
    assert rise.value == pytest.approx(TURNING[9] - TURNING[4], abs=0.02)


def test_without_an_interval_a_run_is_undecided() -> None:
    assert judge(fabricated(0.5, TURNING, n=1), "one").verdict == UNDECIDED


def test_the_accuracy_gap_is_above_zero_where_training_images_are_told_better() -> None:
    seeds = fabricated(0.5, TURNING)
    of = seeds.first.run["one"]
    right = {"train": np.arange(200) < 190, "test": np.arange(200) < 150}
    final = {s: replace(one, right=right[s][None]) for s, one in of.final.items()}
    gap = judge(Seeds({0: Numbers({"one": replace(of, final=final)}, {})}), "one").accuracy_gap
    assert gap is not None
    assert gap.value == pytest.approx(20)
    assert gap.unit == "percentage points"


def test_a_run_is_named_once_and_can_be_left_out() -> None:
    with pytest.raises(ValidationError, match="names 'a' twice"):
        Overfitting(runs=("a", "b", "a"))
    asked = Overfitting(runs=("a", "b")).without("a")
    assert isinstance(asked, Overfitting)
    assert asked.runs == ("b",)
    assert asked.without("b") is None


def test_end_to_end_with_few_labels(trained: Callable, tmp_path: Path) -> None:
    study = trained("transfer")
    asked = Overfitting(runs=("classifier", "few-classifier", "few-autoencoder", "transferred"))
    measured = {seed: asked.measure(study.runs(asked, seed)) for seed in (0, 1)}
    run = study.runs(asked).draws("few-classifier")[1]
    last = run.history.evaluations[-1]
    found = measured[0].typed(Numbers).run
    # The gap is that of the last evaluation, of this draw's own training images.
    for split in ("train", "test"):
        expected = getattr(last, split)["loss"].mean
        loss = found["few-classifier"].final[split].loss
        assert loss[1].mean() == pytest.approx(expected)
    assert found["few-classifier"].curves.loss["train"].mean.shape[0] == 2
    pictures = found["few-autoencoder"].pictures["train"].shown
    assert pictures.shape == (3, 10, 1, 8, 8)
    originals = pictures[0]
    first = study.runs(asked)["few-autoencoder"]
    learned = study.images.train.take(first.train_index)
    assert all(any(np.array_equal(o, p) for p in learned.pixels) for o in originals)
    finding = asked.answer(measured, study.setting(tmp_path))
    assert [f"{run}.gap" in finding.numbers for run in asked.runs] == [True] * 4
    assert all((tmp_path / figure.file).exists() for figure in finding.figures)


def test_end_to_end_without_an_encoder_or_labels(trained: Callable, tmp_path: Path) -> None:
    study = trained("inference")
    asked = Overfitting(runs=("vae", "per-image"), refine_images=24, refine_steps=12)
    images = study.images.train
    unlabelled = Images(images.pixels)
    # The same images on both sides: treated alike, they have the same loss to the bit.
    runs = _with_images(study.runs(asked), asked, unlabelled, unlabelled)
    table = asked.measure(runs).typed(Numbers).table["per-image"]
    assert table.label is None
    losses = {
        split: dict(
            zip(
                table.index[table.test == split].tolist(),
                table.loss[table.test == split].tolist(),
                strict=True,
            )
        )
        for split in (0, 1)
    }
    both = losses[0].keys() & losses[1].keys()
    assert len(both) >= 10
    assert all(losses[0][index] == losses[1][index] for index in both)

    measured = {0: asked.measure(study.runs(asked))}
    of = measured[0].typed(Numbers).run["per-image"]
    pictures = of.pictures["train"]
    assert pictures.own is not None
    assert pictures.shown.shape == pictures.own.shape
    assert len(pictures.shown) == 1 + len(of.snapshot)
    # Learned latents are one thing, refined ones another.
    assert not np.array_equal(pictures.own, pictures.shown)
    finding = asked.answer(measured, study.setting(tmp_path))
    assert any("the same 12 steps" in caveat for caveat in finding.caveats)
    assert all((tmp_path / figure.file).exists() for figure in finding.figures)


def test_measuring_twice_gives_the_same_bits(trained: Callable) -> None:
    study = trained("inference")
    asked = Overfitting(runs=("vae", "per-image"), refine_images=12, refine_steps=3)
    first, second = (asked.measure(study.runs(asked)) for _ in range(2))
    assert first.values == second.values
    assert all(np.array_equal(first.arrays[k], second.arrays[k]) for k in first.arrays)


def _with_images(runs: Runs, asked: Question, train: Images, test: Images) -> Runs:
    return Runs(runs.seed, train, test, {name: runs.draws(name) for name in asked.needs()})


def test_what_a_run_minimises_is_named(trained: Callable) -> None:
    study = trained("inference")
    asked = Overfitting(runs=("classifier", "vae", "per-image", "autoencoder"))
    runs = study.runs(asked)
    assert [loss_of(runs[name]) for name in asked.runs] == [
        "cross-entropy",
        "negative ELBO",
        "negative ELBO",
        "squared error",
    ]
    weighted = runs["vae"]
    weighted.objective_table = weighted.objective_table.model_copy(update={"beta": 4.0})
    assert loss_of(weighted) == "β-weighted negative ELBO"


def test_a_column_of_pictures_is_a_class_and_stays_empty_where_it_has_none(tmp_path) -> None:
    pictures = {
        s: Pictures(np.zeros((4, n, 1, 8, 8), np.uint8), None)
        for s, n in (("train", 3), ("test", 2))
    }
    at = Setting("q", Figures(tmp_path), ("a", "b", "c", "d"), 9, 9, "x")
    columns, names = columns_of(pictures, at)
    assert columns == {"train": [0, 1, 2], "test": [0, 1, None]}
    assert names == []
    classes = {"train": np.array([0, 1, 3]), "test": np.array([1, 2])}
    pictures = {split: replace(one, classes=classes[split]) for split, one in pictures.items()}
    columns, names = columns_of(pictures, at)
    assert columns == {"train": [0, 1, None, 2], "test": [None, 0, 1, None]}
    assert names == ["a", "b", "c", "d"]


def test_a_refined_curves_errors_are_those_of_its_means() -> None:
    losses = [numpy_stream(k, "losses").normal(0, 3, 100) for k in range(2)]
    line = _line(losses)
    assert line.mean == pytest.approx(np.array([[each.mean() for each in losses]]))
    assert line.error == pytest.approx(np.array([[each.std(ddof=1) / 10 for each in losses]]))
