"""What transfer gains: paired on draws and seeds, both verdicts, and end to end."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tacit.figures.sink import Figures
from tacit.images.dataset import Images
from tacit.measures.intervals import crossed_difference
from tacit.models.models import Classifier
from tacit.questions.base import Measurement, Setting
from tacit.questions.transfer.question import TABLE, Transfer
from tacit.streams import numpy_stream

ASKED = Transfer(scratch="few", transferred="taken", frozen="kept")
DRAWS = 10


def setting(folder: Path) -> Setting:
    return Setting("asked", Figures(folder), ("a", "b"), 160, 100, (1, 8, 8), "digits")


def fabricated(gain: float, seeds: int = 1, noise: float = 0.01) -> dict[int, Measurement]:
    """Accuracies of draws that differ by 5 points, and of ways that differ by `gain`."""
    measured = {}
    for seed in range(seeds):
        rng = numpy_stream(seed, "fabricated")
        easy = 0.8 + 0.05 * rng.normal(size=DRAWS)
        arrays = {f"{TABLE}/draw": np.arange(DRAWS)}
        for way, share in (("scratch", 0.0), ("transferred", 1.0), ("frozen", -1.0)):
            values = easy + share * gain + noise * rng.normal(size=DRAWS)
            arrays[f"{TABLE}/{way}.test-accuracy"] = values
            arrays[f"{TABLE}/{way}.train-accuracy"] = np.ones(DRAWS)
            arrays[f"{TABLE}/{way}.test-cross-entropy"] = 4 * (1 - values)
            arrays[f"{TABLE}/{way}.train-cross-entropy"] = np.zeros(DRAWS)
        measured[seed] = Measurement({"labels": 100.0}, arrays)
    return measured


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    ("gain", "said", "gap"),
    [
        (0.05, "Fine-tuning the transferred encoder gains +", "overfits less"),
        (-0.05, "Fine-tuning the transferred encoder does worse than", "overfits more"),
        (0.0, "transferred encoder is not distinguishable from", "overfit is not distinguishable"),
    ],
)
def test_the_verdict_follows_the_paired_interval(
    seeds: int, gain: float, said: str, gap: str, tmp_path: Path
) -> None:
    finding = ASKED.answer(fabricated(gain, seeds), setting(tmp_path))
    assert said in finding.answer
    assert gap in finding.answer


def test_draws_are_paired_and_crossed_with_seeds(tmp_path: Path) -> None:
    one = fabricated(0.02)
    numbers = ASKED.answer(one, setting(tmp_path / "one")).numbers
    difference = numbers["transferred-minus-scratch.test-accuracy"]
    a, b = (one[0].arrays[f"{TABLE}/{way}.test-accuracy"] for way in ("transferred", "scratch"))
    by_hand = crossed_difference(100 * a[None], 100 * b[None])
    assert np.allclose([difference.low, difference.high], [by_hand.low, by_hand.high])
    assert "over 10 draws, paired, given this seed" in difference.interval
    # The draws differ by 5 points; paired, that spread is gone.
    alone = numbers["scratch.test-accuracy"]
    assert difference.high - difference.low < 100 * (alone.high - alone.low) / 2

    three = fabricated(0.02, seeds=3)
    difference = ASKED.answer(three, setting(tmp_path / "three")).numbers[
        "transferred-minus-scratch.test-accuracy"
    ]
    sides = [
        np.stack([100 * m.arrays[f"{TABLE}/{way}.test-accuracy"] for m in three.values()])
        for way in ("transferred", "scratch")
    ]
    by_hand = crossed_difference(*sides)
    assert difference.n == 3
    assert np.allclose([difference.low, difference.high], [by_hand.low, by_hand.high])


def test_accuracies_stand_beside_one_answer_for_all_where_they_are_not_above_it(
    tmp_path: Path,
) -> None:
    def said(share: float) -> str:
        measured = fabricated(0.05)
        measured[0].values["always-most-frequent"] = share
        found = ASKED.answer(measured, setting(tmp_path))
        assert found.numbers["always-most-frequent-class"].value == share
        return found.answer

    assert "uneven" not in said(0.1)
    assert "would be right on 99 %, and no way does as well as that." in said(0.99)
    assert "and 1 of the 3 ways is distinguishably above that." in said(0.78)
    assert "uneven" not in ASKED.answer(fabricated(0.05), setting(tmp_path)).answer


def test_it_can_do_without_the_frozen_way(tmp_path: Path) -> None:
    assert ASKED.without("few") is None
    asked = ASKED.without("kept")
    assert isinstance(asked, Transfer)
    finding = asked.answer(fabricated(0.05), setting(tmp_path))
    assert "frozen" not in finding.answer
    assert finding.runs == ("few", "taken")


def test_end_to_end(trained: Callable, tmp_path: Path) -> None:
    study = trained("transfer")
    asked = Transfer(
        scratch="few-classifier", transferred="transferred", frozen="transferred-frozen"
    )
    measured = {seed: asked.measure(study.runs(asked, seed)) for seed in (0, 1)}
    images = study.images.test
    for way, run in asked.ways.items():
        for draw, saved in enumerate(study.runs(asked).draws(run)):
            model = saved.model()
            assert isinstance(model, Classifier)
            right = _accuracy(model, images)
            assert measured[0].arrays[f"{TABLE}/{way}.test-accuracy"][draw] == pytest.approx(right)
    finding = asked.answer(measured, study.setting(tmp_path))
    assert finding.numbers["transferred-minus-scratch.test-accuracy"].n == 2
    assert all(figure.name.startswith("asked-") for figure in finding.figures)
    assert all((tmp_path / figure.file).exists() for figure in finding.figures)
    again = asked.measure(study.runs(asked, 0))
    assert all(np.array_equal(measured[0].arrays[k], v) for k, v in again.arrays.items())


def test_runs_of_other_images_are_refused(trained: Callable) -> None:
    study = trained("transfer")
    asked = Transfer(scratch="few-classifier", transferred="classifier")
    with pytest.raises(ValueError, match="'classifier' learned from other images in draw 0"):
        asked.measure(study.runs(asked))


def _accuracy(model: Classifier, images: Images) -> float:
    answered = model(torch.from_numpy(images.scaled())).argmax(dim=1).numpy()
    return float(np.mean(answered == images.labels))
