"""Pairs judged by labels that are held out: no leak, both ends of the scale, resuming, models."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from tacit.commands.learn.model import calibrated, config_of
from tacit.errors import ImagesError
from tacit.figures.sink import Figures
from tacit.images.dataset import Images
from tacit.questions.base import Runs, Setting
from tacit.questions.labels_within.question import LabelsWithin

SHAPE, NAMES = (1, 4, 4), ("a", "b", "c")


def pool(noise: float = 20.0, n: int = 60) -> tuple[Images, np.ndarray]:
    """Pictures of three classes, each with a bright quarter of its own."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 3
    x = rng.normal(100, noise, (n, *SHAPE))
    for label, corner in enumerate([(0, 0), (0, 2), (2, 0)]):
        rows, columns = (slice(at, at + 2) for at in corner)
        x[y == label, 0, rows, columns] += 60
    # Labels of the images themselves are wrong: whoever looks at them, errs.
    return Images(np.clip(x, 0, 255).astype(np.uint8), (y + 1) % 3, NAMES, "fabricated"), y


def question(y: np.ndarray, n: int = 12, **arguments: object) -> LabelsWithin:
    table = {
        "pairs": [{"codes": "pca", "method": "logistic"}, {"codes": "pixels", "method": "nearest"}],
        "index": list(range(n)),
        "classes": y[:n].tolist(),
        "class_names": NAMES,
    }
    return LabelsWithin.model_validate(table | arguments)


def runs(images: Images, keep=None) -> Runs:
    return Runs(0, images, images.take([]), {}, keep)


def finding(asked: LabelsWithin, images: Images, folder, keep=None):
    setting = Setting("q", Figures(folder), NAMES, len(images), 0, "fabricated")
    return asked.answer({0: asked.measure(runs(images, keep))}, setting)


def test_classes_that_can_be_seen_are_told_and_the_images_own_labels_are_not_read(tmp_path) -> None:
    images, y = pool()
    asked = question(y)
    measured = asked.measure(runs(images))
    for pair in asked.pairs:
        held = measured.arrays[f"{pair.name}/held-out"]
        asked_of = np.concatenate([trial.held for trial in asked.trials])
        assert held.shape == (4 * 5 * 3, 3)  # four folds of one label each, five times
        assert (held.argmax(axis=1) == y[asked_of]).all()
        assert (measured.arrays[f"{pair.name}/all"].argmax(axis=1) == y).mean() > 0.95
    found = finding(asked, images, tmp_path)
    assert found.answer.startswith("Use PCA · logistic: it tells 100 % of the labels held out")
    assert found.numbers["accuracy"].value == 1.0
    assert found.numbers["accuracy"].low is not None
    assert found.numbers["accuracy"].low < 0.8  # twelve right of twelve are no certainty
    assert "known to about ± 12 points" in found.answer
    said = "12 labels were held out one of every class together and told from the 9 others."
    assert said in found.answer


def test_a_held_out_label_is_not_known_to_whoever_tells_it() -> None:
    images, y = pool(noise=60.0)
    asked = question(y)
    held = asked.measure(runs(images)).arrays["pixels.nearest/held-out"]
    x = images.scaled().reshape(len(images), -1)
    expected = []
    for trial in asked.trials:
        assert not set(trial.learned.index) & set(asked.labelled.index[trial.held])
        for row in asked.labelled.index[trial.held]:
            near = np.square(x[trial.learned.index] - x[row]).sum(axis=1).argmin()
            expected.append(trial.learned.y[near])
    assert held.argmax(axis=1).tolist() == expected


def test_labels_by_chance_are_told_by_chance(tmp_path) -> None:
    images, _ = pool(n=150)
    asked = question(np.random.default_rng(3).integers(3, size=60), n=60)
    found = finding(asked, images, tmp_path)
    value = found.numbers["accuracy-of-choosing-anew"].value
    assert value is not None
    assert value < 0.55


def test_one_label_per_class_is_said_plainly(tmp_path) -> None:
    images, y = pool()
    pairs = [
        {"method": "scratch", "recipe": {"updates": 2}},
        {"codes": "pca", "method": "logistic"},
    ]
    asked = question(y, n=3, pairs=pairs)
    assert asked.trials == []
    found = finding(asked, images, tmp_path)
    assert found.answer.startswith("Use PCA · logistic, by an order fixed beforehand: no label")
    assert found.numbers["accuracy"].value is None
    assert found.figures == ()
    judged = asked.judged({0: asked.measure(runs(images))})
    assert judged.temperature.value is None
    assert judged.probabilities.sum(axis=1) == pytest.approx(1)


def test_a_class_with_one_label_is_learned_from_and_never_held_out() -> None:
    images, y = pool()
    classes = y[:12].copy()
    index = [i for i in range(12) if classes[i] != 2 or i == 2]
    asked = question(y, index=index, classes=[int(y[i]) for i in index])
    held = asked.measure(runs(images)).arrays["pca.logistic/held-out"]
    assert np.isfinite(held).all()
    assert index.index(2) not in np.concatenate([trial.held for trial in asked.trials])
    assert all(2 in trial.learned.y for trial in asked.trials)


def test_what_was_kept_is_not_done_again(tmp_path, monkeypatch) -> None:
    images, y = pool()
    asked = question(y, pairs=[{"codes": "pca", "method": "logistic"}])
    whole = asked.measure(runs(images))
    keep = tmp_path / "keep"
    asked.measure(runs(images, keep))
    files = sorted(keep.iterdir())
    assert len(files) == 21
    times = {file: file.stat().st_mtime_ns for file in files}
    gone = [keep / f"pca.logistic-{number}.safetensors" for number in (0, 4, 11)]
    for file in gone:
        file.unlink()
    again = asked.measure(runs(images, keep))
    for name, array in whole.arrays.items():
        np.testing.assert_array_equal(again.arrays[name], array)
    assert all(file.stat().st_mtime_ns == times[file] for file in files if file not in gone)


@pytest.mark.parametrize(
    "pair",
    [
        {"codes": "pca", "method": "logistic"},
        {"codes": "random", "method": "logistic"},
        {"method": "scratch", "recipe": {"updates": 5}},
        {
            "codes": "pca",
            "method": "propagate-then-train",
            "recipe": {"updates": 5, "epochs": 0, "first": None},
        },
        {"codes": "pca", "method": "poisson-then-train", "recipe": {"updates": 5, "first": None}},
        {"codes": "pca", "method": "laplace-then-train", "recipe": {"updates": 5, "first": None}},
    ],
    ids=lambda pair: f"{pair.get('codes', '')}.{pair['method']}",
)
def test_a_pairs_classifier_says_what_the_pair_says(pair) -> None:
    images, y = pool()
    asked = question(y, pairs=[pair], turns=[2, 1])
    judged = asked.judged({0: asked.measure(runs(images))})
    name = judged.winner.name
    weights = {
        key.removeprefix(f"{name}/model/"): array
        for key, array in judged.measured.arrays.items()
        if key.startswith(f"{name}/model/")
    }
    model = calibrated(config_of(judged.winner, SHAPE, 3, weights), weights, judged.temperature)
    with torch.no_grad():
        said = model(torch.from_numpy(images.scaled())).softmax(dim=1).numpy()
    np.testing.assert_allclose(said, judged.probabilities, atol=2e-4)
    # Its confidence is that of the answers it was judged by.
    logits, truth = judged.held_out(judged.winner)
    p = judged.temperature.probabilities(logits)
    assert judged.confidence == pytest.approx(p.max(axis=1).mean())
    assert judged.choice is not None
    right = float((p.argmax(axis=1) == truth).mean())
    assert judged.choice.share(name) == pytest.approx(right)


def test_what_makes_no_classifier_is_for_comparison_and_saves_none() -> None:
    images, y = pool()
    pairs = [{"codes": "pca", "method": method} for method in ("poisson", "laplace", "poisson-mbo")]
    asked = question(y, pairs=[*pairs, {"codes": "pca", "method": "logistic"}], turns=[2, 1])
    judged = asked.judged({0: asked.measure(runs(images))})
    assert judged.winner.method == "logistic"
    assert not any(key.startswith("pca.p") and "/model/" in key for key in judged.measured.arrays)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"classes": [0, 1]}, "names images once"),
        ({"index": [1] * 12}, "names images once"),
        ({"classes": [0] * 12}, "two classes"),
        ({"classes": [3] + [0] * 11}, "0 to 2"),
        ({"pairs": [{"codes": "pca", "method": "poisson-mbo", "shares": "known"}]}, "knows more"),
        ({"pairs": [{"codes": "pca", "method": "poisson"}] * 2}, "twice"),
    ],
)
def test_what_does_not_belong_together_is_named(arguments, said) -> None:
    _, y = pool()
    with pytest.raises(ValidationError, match=said):
        question(y, **arguments)


def test_a_label_of_an_image_that_is_not_there_is_named() -> None:
    images, y = pool()
    with pytest.raises(ImagesError, match="image 99 has a label, but there are 60 images"):
        question(y, index=[*range(11), 99]).check(images, images.take([]))
