"""How well a classifier does: a perfect one, a constant one, a harder class, and end to end."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tacit.figures.sink import Figures
from tacit.models.models import Classifier
from tacit.questions.base import Measurement, Setting
from tacit.questions.classifier.numbers import Answers, Found, Numbers
from tacit.questions.classifier.question import ClassifierAccuracy
from tacit.questions.shared.curves import Kept, Line
from tacit.questions.shared.outputs import Shown
from tacit.questions.shared.seeds import Seeds
from tacit.streams import numpy_stream

ASKED = ClassifierAccuracy(run="classifier", most_wrong=12)
NAMES = ("ant", "bee", "cat", "dog")
TRUTH = np.repeat(np.arange(4), 50)


def setting(folder: Path) -> Setting:
    return Setting("asked", Figures(folder), NAMES, 800, len(TRUTH), "insects")


def fabricated(answered: np.ndarray, confidence: float = 0.9, train: float = 1.0) -> Measurement:
    """What would be measured of a classifier that gives these answers for `TRUTH`."""
    right = answered == TRUTH
    loss = np.where(right, 0.1, 3.0) + np.linspace(0, 0.01, len(TRUTH))
    sure = np.full(len(TRUTH), confidence) + np.linspace(0, 0.01, len(TRUTH))
    # The middle evaluation looks better than the last.
    line = Line(np.array([[0.5, 0.999, 0.6]]), np.full((1, 3), 0.01))
    lines = {"train": line, "test": line}
    answers = Answers(np.arange(len(TRUTH)), TRUTH, answered, right.astype(np.int64), sure, loss)
    numbers = Numbers(
        curves=Kept(np.array([10, 20, 30]), 10.0, lines, lines),
        right=right[None],
        sure=sure[None],
        cross_entropy=loss[None],
        train_right=np.arange(800)[None] < 800 * train,
        majority=0.25,
        worst=Shown(np.argsort(-loss)[:12], np.zeros((12, 1, 8, 8), np.uint8)),
        test_images=answers,
    )
    return Measurement.of(numbers)


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
    assert finding.verdict == "yes"
    assert "No class is distinguishably harder" in finding.answer
    assert "less sure of its answers than it is right" in finding.answer


def test_a_constant_classifier_is_not_better_than_one_answer(tmp_path: Path) -> None:
    finding = ASKED.answer({0: fabricated(np.zeros_like(TRUTH), train=0.25)}, setting(tmp_path))
    assert finding.numbers["test-accuracy"].value == 0.25
    assert finding.verdict == "cannot tell"
    assert "surer of its answers than it is right" in finding.answer


def test_worse_than_one_answer_is_said(tmp_path: Path) -> None:
    finding = ASKED.answer({0: fabricated((TRUTH + 1) % 4, train=0.25)}, setting(tmp_path))
    assert finding.verdict == "no"


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_harder_class_is_named_only_where_images_show_it(seeds: int, tmp_path: Path) -> None:
    def ask(classes: tuple[int, ...], folder: str) -> str:
        measured = {s: fabricated(mistaken(0.4, s, classes)) for s in range(seeds)}
        return ASKED.answer(measured, setting(tmp_path / folder)).answer

    assert "Harder than the other classes: 'cat'" in ask((2,), "one")
    assert "No class is distinguishably harder" in ask((0, 1, 2, 3), "all")


def test_seeds_share_their_images(tmp_path: Path) -> None:
    """Ten seeds that make the same mistakes say no more of other images than one does."""
    mistakes = mistaken(0.2)
    one, ten = (
        ASKED.answer({s: fabricated(mistakes) for s in range(n)}, setting(tmp_path / str(n)))
        for n in (1, 10)
    )
    assert ten.numbers["test-accuracy"].low == one.numbers["test-accuracy"].low
    differing = {s: fabricated(mistaken(0.2, s)) for s in range(3)}
    accuracy = ASKED.answer(differing, setting(tmp_path / "differing")).numbers["test-accuracy"]
    assert accuracy.interval == "95 % over 3 seeds × 200 test images"


@pytest.mark.parametrize(
    ("wrong", "verdict"),
    [(0.75, "cannot tell"), (0.78, "cannot tell"), (0.50, "yes"), (0.90, "no")],
)
def test_one_class_is_beaten_where_the_whole_interval_lies_above(
    wrong: float, verdict: str, tmp_path: Path
) -> None:
    finding = ASKED.answer({0: fabricated(mistaken(wrong))}, setting(tmp_path))
    accuracy = finding.numbers["test-accuracy"]
    assert finding.verdict == verdict
    if wrong == 0.75:  # the value alone lies above
        assert accuracy.low < 0.25 < accuracy.value
    if wrong == 0.78:  # the value alone lies below
        assert accuracy.value < 0.25 < accuracy.high


def test_of_twelve_alike_classes_none_is_called_harder() -> None:
    """Each interval is widened for the number of classes."""
    of_twelve = SimpleNamespace(class_names=tuple("abcdefghijkl"))
    truth = np.repeat(np.arange(12), 30)
    found = 0
    for k in range(100):
        right = numpy_stream(k, "alike").random((1, 360)) < 0.85
        answers = replace(fabricated(TRUTH).typed(Numbers).test_images, label=truth)
        numbers = replace(fabricated(TRUTH).typed(Numbers), right=right, test_images=answers)
        found += bool(Found(Seeds({0: numbers}), ASKED, of_twelve).harder)  # type: ignore[arg-type]
    assert found <= 6


def test_the_difference_to_training_images_takes_two_samples(tmp_path: Path) -> None:
    near, far = (
        ASKED.answer({0: fabricated(mistaken(0.2), train=share)}, setting(tmp_path / str(share)))
        for share in (0.8, 1.0)
    )
    assert "is not distinguishably better or worse" in near.answer
    assert "it is right more often, by " in far.answer
    assert (
        "(200 test images and 800 training images)"
        in far.numbers["train-minus-test.accuracy"].interval
    )


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
    found = measured[0].typed(Numbers)
    answers = found.test_images
    assert np.allclose(answers.cross_entropy, loss, atol=1e-5)
    assert np.array_equal(answers.answered, logits.argmax(dim=1).numpy())
    assert np.array_equal(found.worst.rows[:3], np.argsort(-loss, kind="stable")[:3])
    # The last evaluation of the curve is of the model that is reported.
    assert found.curves.accuracy["test"].mean[0, -1] == pytest.approx(found.right.mean())
    finding = ASKED.answer(measured, study.setting(tmp_path))
    assert all((tmp_path / figure.file).exists() for figure in finding.figures)
    assert len(finding.tables[0].rows) == 10


def test_the_last_update_counts_not_the_best(tmp_path: Path) -> None:
    finding = ASKED.answer({0: fabricated(mistaken(0.2))}, setting(tmp_path))
    assert finding.numbers["test-accuracy"].value == pytest.approx(np.mean(mistaken(0.2) == TRUTH))
    assert finding.numbers["test-accuracy"].value < 0.999
