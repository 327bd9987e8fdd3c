"""What transfer gains: paired on draws and seeds, both verdicts, and end to end."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tacit.figures.sink import Figures
from tacit.images.dataset import Images
from tacit.measures.intervals import decide
from tacit.models.models import Classifier
from tacit.questions.base import Measurement, Setting
from tacit.questions.shared.curves import SPLITS, Kept, Line
from tacit.questions.shared.seeds import Seeds
from tacit.questions.transfer.numbers import Draws, Found, Losses, Means, Numbers
from tacit.questions.transfer.question import Transfer
from tacit.streams import numpy_stream

ASKED = Transfer(scratch="few", transferred="taken", frozen="kept")
DRAWS = 10


def setting(folder: Path) -> Setting:
    return Setting("asked", Figures(folder), ("a", "b"), 160, 100, "digits")


def fabricated(
    gain: float, seeds: int = 1, n: int = 400, name: str = "fabricated", majority: float = 0.1
) -> dict[int, Measurement]:
    """Answers on images of which some are hard, by draws that differ by 5 points, and by methods
    that differ by `gain`; draws and images are the same for all seeds."""
    rng = numpy_stream(0, name)
    easy = 0.8 + 0.05 * rng.normal(size=(DRAWS, 1))
    image = rng.random(n)
    measured = {}
    for seed in range(seeds):
        losses, means = {}, {}
        for method, share in (("scratch", 0.0), ("transferred", 1.0), ("frozen", -1.0)):
            threshold = easy + share * gain + 0.01 * rng.normal(size=(DRAWS, 1))
            right = (image + 0.1 * rng.normal(size=(DRAWS, n))) < threshold
            test, train = np.where(right, 0.0, 4.0), np.zeros((DRAWS, 100))
            losses[method] = Losses(right, test, train)
            means[method] = Means(
                np.ones(DRAWS), np.zeros(DRAWS), right.mean(axis=1), test.mean(axis=1)
            )
        table = Draws(np.arange(DRAWS), means)
        line = Line(np.full((DRAWS, 2), 0.5), np.full((DRAWS, 2), 0.01))
        kept = Kept(np.array([10, 20]), 0.0, {}, {"train": line, "test": line})
        curves = dict.fromkeys(losses, kept)
        measured[seed] = Measurement.of(Numbers(100, True, losses, majority, table, curves))
    return measured


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    ("gain", "verdict", "gap"),
    [
        (0.05, "yes", "overfits less"),
        (-0.05, "no", "overfits more"),
        (0.0, "cannot tell", "overfit is not distinguishable"),
    ],
)
def test_the_verdict_follows_the_paired_interval(
    seeds: int, gain: float, verdict: str, gap: str, tmp_path: Path
) -> None:
    finding = ASKED.answer(fabricated(gain, seeds), setting(tmp_path))
    assert finding.verdict == verdict
    assert gap in finding.answer


def test_seeds_draws_and_images_are_paired(tmp_path: Path) -> None:
    finding = ASKED.answer(fabricated(0.02, seeds=3), setting(tmp_path))
    numbers = finding.numbers
    difference = numbers["transferred-minus-scratch.test-accuracy"]
    assert difference.interval == "95 % over 3 seeds × 10 draws × 400 test images, paired"
    assert not any("Only" in caveat for caveat in finding.caveats)
    # The draws differ by 5 points; paired, that spread is gone.
    alone = numbers["scratch.test-accuracy"]
    assert difference.high - difference.low < 100 * (alone.high - alone.low) / 2
    # Training images are each draw's own, so that they are in the spread between draws.
    assert (
        numbers["scratch.gap"].interval == "95 % over 3 seeds × 10 draws × 400 test images, paired"
    )


@pytest.mark.parametrize("seeds", [1, 3, 10])
def test_methods_that_are_alike_are_rarely_told_apart(seeds: int) -> None:
    """All seeds share their draws, so that more seeds are no more draws."""
    verdicts = []
    for k in range(100):
        measured = Seeds.of(Numbers, fabricated(0.0, seeds, n=60, name=f"null {k}"))
        compared = Found(measured, Transfer(scratch="few", transferred="taken"), None)  # type: ignore[arg-type]
        verdicts.append(decide(compared.numbers["transferred-minus-scratch.test-accuracy"]))
    assert np.mean([v in ("higher", "lower") for v in verdicts]) <= 0.06


def test_accuracies_stand_beside_one_answer_for_all_where_they_are_not_above_it(
    tmp_path: Path,
) -> None:
    def said(share: float) -> str:
        found = ASKED.answer(fabricated(0.05, majority=share), setting(tmp_path / str(share)))
        assert found.numbers["always-most-frequent-class"].value == share
        return found.answer

    assert "uneven" not in said(0.1)
    assert "would be right on 99 %, and no method does as well as that." in said(0.99)
    assert "and 1 of the 3 methods is distinguishably above that." in said(0.77)
    # Frozen does worse than this, the others are not told from it.
    assert "and none of the 3 methods is distinguishably above that." in said(0.82)


def test_it_can_do_without_the_frozen_encoder(tmp_path: Path) -> None:
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
    found = measured[0].typed(Numbers)
    for method, run in asked.methods.items():
        for draw, saved in enumerate(study.runs(asked).draws(run)):
            model = saved.model()
            assert isinstance(model, Classifier)
            right = _accuracy(model, images)
            accuracy = found.draws.methods[method].test_accuracy
            assert accuracy[draw] == pytest.approx(right)
            assert found.method[method].right[draw].mean() == pytest.approx(right)
    for method, run in asked.methods.items():
        _, test, _ = study.runs(asked).draws(run)[1].history.curve("test", "accuracy")
        assert np.array_equal(found.curves[method].accuracy["test"].mean[1], test)
    finding = asked.answer(measured, study.setting(tmp_path))
    learning = finding.figures[-1]
    ends = [found.curves["frozen"].accuracy[split].mean[:, -1].mean() for split in SPLITS]
    other = measured[1].typed(Numbers).curves["frozen"].accuracy
    ends = [
        (end + other[split].mean[:, -1].mean()) / 2 for end, split in zip(ends, SPLITS, strict=True)
    ]
    assert f"frozen: train {ends[0]:.3g}, test {ends[1]:.3g}" in learning.alt
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


def test_an_encoder_that_is_only_frozen_is_judged(tmp_path):
    asked = Transfer(scratch="few", frozen="kept")
    found = asked.answer(fabricated(-0.05), setting(tmp_path))
    assert found.key == "frozen-minus-scratch.test-accuracy"
    assert found.verdict == "yes"
    assert "The classifier that is transferred, frozen, overfits less" in found.answer
    assert not any("two by two" in caveat for caveat in found.caveats)
    assert asked.without("kept") is None
    assert ASKED.without("taken") == asked
    with pytest.raises(ValueError, match="compares nothing"):
        Transfer(scratch="few")
