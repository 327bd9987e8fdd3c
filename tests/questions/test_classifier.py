"""How well a classifier does: a perfect one, a constant one, a harder class, and end to end."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tacit.figures.sink import Figures
from tacit.measures.intervals import mean_t
from tacit.models.models import Classifier
from tacit.questions.base import Measurement, Setting
from tacit.questions.classifier.figures import TABLE
from tacit.questions.classifier.question import ClassifierAccuracy
from tacit.streams import numpy_stream

ASKED = ClassifierAccuracy(run="classifier", most_wrong=12)
NAMES = ("ant", "bee", "cat", "dog")
TRUTH = np.repeat(np.arange(4), 50)


def setting(folder: Path) -> Setting:
    return Setting("asked", Figures(folder), NAMES, 800, len(TRUTH), (1, 8, 8), "insects")


def fabricated(answered: np.ndarray, confidence: float = 0.9, train: float = 1.0) -> Measurement:
    """What would be measured of a classifier that gives these answers for `TRUTH`."""
    right = answered == TRUTH
    loss = np.where(right, 0.1, 3.0) + np.linspace(0, 0.01, len(TRUTH))
    worst = np.argsort(-loss)[:12]
    arrays = {
        f"{TABLE}/index": np.arange(len(TRUTH)),
        f"{TABLE}/label": TRUTH,
        f"{TABLE}/answered": answered,
        f"{TABLE}/right": right.astype(np.int64),
        f"{TABLE}/confidence": np.full(len(TRUTH), confidence) + np.linspace(0, 0.01, len(TRUTH)),
        f"{TABLE}/cross-entropy": loss,
        "draws.right": np.array([right.mean()]),
        "draws.cross-entropy": np.array([loss.mean()]),
        "train.right": (np.arange(800) < 800 * train).astype(np.int64),
        "worst": worst,
        "worst.pixels": np.zeros((12, 1, 8, 8), np.uint8),
        "curve/update": np.array([10, 20, 30]),
    }
    for split in ("train", "test"):
        for term in ("loss", "accuracy"):
            # The middle evaluation looks better than the last.
            arrays[f"curve/{split}.{term}"] = np.array([[0.5, 0.999, 0.6]])
            arrays[f"curve/{split}.{term}.error"] = np.full((1, 3), 0.01)
    return Measurement({"always-most-frequent": 0.25, "curve/updates-per-epoch": 10.0}, arrays)


def mistaken(share: float, seed: int = 0, classes: tuple[int, ...] = (0, 1, 2, 3)) -> np.ndarray:
    """Answers that are wrong for this share of the images of some classes."""
    wrong = numpy_stream(seed, "mistakes").random(len(TRUTH)) < share
    return np.where(wrong & np.isin(TRUTH, classes), (TRUTH + 1) % 4, TRUTH)


def test_a_perfect_classifier(tmp_path: Path) -> None:
    finding = ASKED.answer({0: fabricated(TRUTH)}, setting(tmp_path))
    accuracy = finding.numbers["test-accuracy"]
    assert (accuracy.value, accuracy.high, accuracy.n) == (1.0, 1.0, 200)
    assert accuracy.low is not None
    assert accuracy.low < 1
    assert "not distinguishable from always" not in finding.answer
    assert "No class is distinguishably harder" in finding.answer
    assert "less sure of its answers than it is right" in finding.answer


def test_a_constant_classifier_is_not_better_than_one_answer(tmp_path: Path) -> None:
    finding = ASKED.answer({0: fabricated(np.zeros_like(TRUTH), train=0.25)}, setting(tmp_path))
    assert finding.numbers["test-accuracy"].value == 0.25
    assert "and the two are not distinguishable" in finding.answer
    assert "surer of its answers than it is right" in finding.answer


def test_worse_than_one_answer_is_said(tmp_path: Path) -> None:
    finding = ASKED.answer({0: fabricated((TRUTH + 1) % 4, train=0.25)}, setting(tmp_path))
    assert "would be right on 25 %, and it does worse than that." in finding.answer


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_harder_class_is_named_only_where_images_show_it(seeds: int, tmp_path: Path) -> None:
    def ask(classes: tuple[int, ...], folder: str) -> str:
        measured = {s: fabricated(mistaken(0.2, s, classes)) for s in range(seeds)}
        return ASKED.answer(measured, setting(tmp_path / folder)).answer

    assert "Harder than the other classes: 'cat'" in ask((2,), "one")
    assert "No class is distinguishably harder" in ask((0, 1, 2, 3), "all")


def test_intervals_are_over_seeds_where_there_are_seeds(tmp_path: Path) -> None:
    measured = {s: fabricated(mistaken(0.2, s)) for s in range(3)}
    numbers = ASKED.answer(measured, setting(tmp_path)).numbers
    by_hand = mean_t([float(m.arrays["draws.right"][0]) for m in measured.values()])
    accuracy = numbers["test-accuracy"]
    assert (accuracy.n, accuracy.low, accuracy.high) == (3, by_hand.low, by_hand.high)
    assert "Wilson over 200 test images" in numbers["test-accuracy.over-images"].interval


def test_the_difference_to_training_images_takes_two_samples(tmp_path: Path) -> None:
    near, far = (
        ASKED.answer({0: fabricated(mistaken(0.2), train=share)}, setting(tmp_path / str(share)))
        for share in (0.8, 1.0)
    )
    assert "is not distinguishable from none" in near.answer
    assert "a difference of +" in far.answer
    assert far.numbers["train-minus-test.accuracy"].n == 1000


def test_end_to_end(trained: Callable, tmp_path: Path) -> None:
    study = trained("transfer")
    measured = {seed: ASKED.measure(study.runs(ASKED, seed)) for seed in (0, 1)}
    run, test = study.runs(ASKED)["classifier"], study.images.test
    model = run.model()
    assert isinstance(model, Classifier)
    logits = model(torch.from_numpy(test.scaled()))
    loss = torch.nn.functional.cross_entropy(
        logits, torch.from_numpy(test.labels), reduction="none"
    ).numpy()
    found = measured[0].arrays
    assert np.allclose(found[f"{TABLE}/cross-entropy"], loss, atol=1e-5)
    assert np.array_equal(found[f"{TABLE}/answered"], logits.argmax(dim=1).numpy())
    assert np.array_equal(found["worst"][:3], np.argsort(-loss, kind="stable")[:3])
    # The last evaluation of the curve is of the model that is reported.
    assert found["curve/test.accuracy"][0, -1] == pytest.approx(found["draws.right"][0])
    finding = ASKED.answer(measured, study.setting(tmp_path))
    assert all((tmp_path / figure.file).exists() for figure in finding.figures)
    assert len(finding.tables[0].rows) == 10


def test_the_last_update_counts_not_the_best(tmp_path: Path) -> None:
    finding = ASKED.answer({0: fabricated(mistaken(0.2))}, setting(tmp_path))
    assert finding.numbers["test-accuracy"].value == pytest.approx(np.mean(mistaken(0.2) == TRUTH))
    assert finding.numbers["test-accuracy"].value < 0.999
