"""Whether a model is overfitted: the rule on fabricated numbers, refinement alike, end to end."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from tacit.figures.sink import Figures
from tacit.images.dataset import Images
from tacit.questions.base import Measurement, Question, Runs, Setting
from tacit.questions.overfitting.figures import _columns
from tacit.questions.overfitting.numbers import (
    BETTER,
    KINDS,
    LOWER,
    NONE,
    OVERFITTED,
    judge,
    loss_of,
)
from tacit.questions.overfitting.question import Overfitting
from tacit.streams import numpy_stream

PREFIX, TABLE = "run.one", "table/one"
UPDATE = np.arange(1, 11) * 100
FALLING = 1 / np.arange(1, 11)
TURNING = 0.5 + 0.02 * (np.arange(10) - 4) ** 2


def fabricated(
    gap: float, test: np.ndarray, seeds: int = 1, draws: int = 1, kind: str = "classifier"
) -> dict[int, Measurement]:
    """A run whose training loss is its test loss less `gap`, with noise of 0.02 by draw."""
    measured = {}
    for seed in range(seeds):
        rng = numpy_stream(seed, "fabricated")
        noise = 0.02 * rng.normal(size=(2, draws, 1)) + 0.002 * rng.normal(size=(2, draws, 10))
        images = 0.2 * rng.normal(size=(2, 200))
        images -= images.mean(axis=1, keepdims=True)
        arrays = {
            f"{PREFIX}/update": UPDATE,
            f"{PREFIX}/snapshot": UPDATE[[0, 4, 9]],
            f"{PREFIX}/snapshot.test": test[[0, 4, 9], None]
            + images[1]
            + 0.01 * rng.normal(size=(3, 200)),
            f"{TABLE}/index": np.tile(np.arange(200), 2),
            f"{TABLE}/test": np.repeat([0, 1], 200),
            f"{TABLE}/loss": np.concatenate([images[0] - gap, images[1]]),
        }
        for place, split in enumerate(("train", "test")):
            curves = test - (1 - place) * gap + noise[place]
            arrays[f"{PREFIX}/{split}.loss"] = curves
            arrays[f"{PREFIX}/{split}.loss.error"] = np.full_like(curves, 0.01)
            arrays[f"{PREFIX}/final.{split}.loss"] = curves[:, -1]
            arrays[f"{PREFIX}/final.{split}.accuracy"] = np.full(draws, 0.9) + noise[place, :, 0]
            arrays[f"{PREFIX}/{split}.right"] = rng.random(200) < 0.9
            arrays[f"{PREFIX}/pictures.{split}"] = np.zeros((4, 2, 1, 8, 8), np.uint8)
        values = {
            f"{PREFIX}/kind": float(KINDS.index(kind)),
            f"{PREFIX}/loss": 0.0,
            f"{PREFIX}/refined": 0.0,
            f"{PREFIX}/beta": 1.0,
            f"{PREFIX}/updates-per-epoch": 0.0 if draws > 1 else 10.0,
        }
        measured[seed] = Measurement(values, arrays)
    return measured


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
        setting = Setting("asked", Figures(tmp_path), (), 160, 100, (1, 8, 8), "digits")
        finding = Overfitting(runs=("one",)).answer(measured, setting)
        assert finding.answer.lower().startswith(f"{verdict}: one.")
        assert ("lowest at the last evaluation" in finding.answer) == (test is FALLING)


def test_what_an_interval_is_over() -> None:
    assert "Welch" in judge(fabricated(0.5, TURNING), "one").gap.interval
    assert judge(fabricated(0.5, TURNING), "one").gap.n == 400
    assert "10 draws, given this" in judge(fabricated(0.5, TURNING, 1, 10), "one").gap.interval
    assert judge(fabricated(0.5, TURNING, 3, 10), "one").gap.n == 3


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
    found = measured[0].arrays
    # The gap is that of the last evaluation, of this draw's own training images.
    for split in ("train", "test"):
        expected = getattr(last, split)["loss"].mean
        assert found[f"run.few-classifier/final.{split}.loss"][1] == pytest.approx(expected)
    assert found["run.few-classifier/train.loss"].shape[0] == 2
    assert found["run.few-autoencoder/pictures.train"].shape == (3, 10, 1, 8, 8)
    originals = found["run.few-autoencoder/pictures.train"][0]
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
    found = asked.measure(_with_images(study.runs(asked), asked, unlabelled, unlabelled)).arrays
    losses = {
        split: dict(
            zip(
                found["table/per-image/index"][found["table/per-image/test"] == split].tolist(),
                found["table/per-image/loss"][found["table/per-image/test"] == split].tolist(),
                strict=True,
            )
        )
        for split in (0, 1)
    }
    both = losses[0].keys() & losses[1].keys()
    assert len(both) >= 10
    assert all(losses[0][index] == losses[1][index] for index in both)

    measured = {0: asked.measure(study.runs(asked))}
    pictures = measured[0].arrays
    shape = pictures["run.per-image/pictures.train"].shape
    assert shape == pictures["run.per-image/pictures.own"].shape
    assert shape[0] == 1 + len(pictures["run.per-image/snapshot"])
    # Learned latents are one thing, refined ones another.
    assert not np.array_equal(
        pictures["run.per-image/pictures.own"], pictures["run.per-image/pictures.train"]
    )
    finding = asked.answer(measured, study.setting(tmp_path))
    assert "after the same refinement" in finding.answer
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
        f"p/pictures.{s}": np.zeros((4, n, 1, 8, 8)) for s, n in (("train", 3), ("test", 2))
    }
    found = Measurement({}, pictures)
    at = Setting("q", Figures(tmp_path), ("a", "b", "c", "d"), 9, 9, (1, 8, 8), "x")
    columns, names = _columns(found, "p", at)
    assert columns == {"train": [0, 1, 2], "test": [0, 1, None]}
    assert names == []
    found.arrays["p/pictured.train"] = np.array([0, 1, 3])
    found.arrays["p/pictured.test"] = np.array([1, 2])
    columns, names = _columns(found, "p", at)
    assert columns == {"train": [0, 1, None, 2], "test": [None, 0, 1, None]}
    assert names == ["a", "b", "c", "d"]
