"""Trials through the whole question: both ends of the scale, no leaks, resuming, bad images."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tacit.errors import ImagesError
from tacit.images.dataset import UNLABELLED, Images
from tacit.labels.methods import METHODS, Answered
from tacit.models.likelihoods import Gaussian
from tacit.models.models import Autoencoder
from tacit.models.networks import DenseDecoder, Encoder
from tacit.questions.base import Measurement, Runs
from tacit.questions.label_efficiency.numbers import Numbers
from tacit.questions.label_efficiency.question import Labels
from tacit.questions.shared.trials import BINS, _row, binned, known

CLASSES, PER_CLASS = 4, 30
SHAPE = (1, 4, 4)


def images(seed: int, per_class: int = PER_CLASS) -> Images:
    """Noise, but for the first pixel, which tells the class."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(CLASSES), per_class)
    pixels = rng.integers(0, 256, (len(labels), *SHAPE), dtype=np.uint8)
    pixels[:, 0, 0, 0] = 10 * labels
    return Images(pixels, labels, tuple("abcd"), "fabricated")


class Perfect(Encoder):
    """Codes that are the class, and a little noise so that neighbours differ."""

    def __init__(self) -> None:
        super().__init__()
        self.n_features = self.latent_dim = CLASSES
        self.features = nn.Identity()
        self.anything = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        label = (x[:, 0, 0, 0] * 25.5).round().long()
        return 10 * nn.functional.one_hot(label, CLASSES).float() + x.flatten(1)[:, 1:5]


class Constant(Perfect):
    """The same code for every image."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.ones(len(x), CLASSES)


class Weak(Perfect):
    """Codes that hold a little of the class."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 60 * x.flatten(1)[:, 5:9]


def runs(
    train: Images, test: Images, encoder: Encoder | None = None, keep: Path | None = None
) -> Runs:
    model = Autoencoder(encoder or Perfect(), DenseDecoder(SHAPE, CLASSES), Gaussian())
    run: Any = SimpleNamespace(
        model=lambda: model, config=SimpleNamespace(learn="autoencoder"), run="made"
    )
    return Runs(0, train, test, {"made": [run]}, keep)


def asked(method: str, **arguments: Any) -> Labels:
    recipe = {"recipe": {"updates": 12}} if method in ("fine-tune", "propagate-then-train") else {}
    return Labels.model_validate(
        {"pairs": [{"codes": "made", "method": method} | recipe], "budgets": [1, 5], "draws": 4}
        | arguments
    )


def trials(found: Measurement, method: str, column: str = "test") -> np.ndarray:
    columns = found.typed(Numbers).trials.pairs[f"made.{method}"]
    return np.asarray(getattr(columns, column)).reshape(2, -1)


@pytest.mark.parametrize("method", ["nearest", "logistic", "laplace", "poisson", "poisson-mbo"])
@pytest.mark.parametrize("pool", ["train", "all"])
def test_a_perfect_code_is_always_right_and_a_constant_one_at_chance(
    method: str, pool: str
) -> None:
    # In any order: what is equal is told apart by its place alone.
    order = np.random.default_rng(0).permutation(CLASSES * PER_CLASS)
    train, test = images(0).take(order), images(1).take(order[::-1])
    question = asked(method, pool=pool)
    column = "unlabelled" if pool == "all" else "test"
    perfect = trials(question.measure(runs(train, test)), method, column)
    assert (perfect == 1).all()
    constant = trials(question.measure(runs(train, test, Constant())), method, column)
    assert abs(constant.mean() - 1 / CLASSES) < 0.08


def test_networks_reach_both_ends_of_the_scale() -> None:
    train, test = images(0), images(1)
    question = Labels.model_validate(
        {
            "pairs": [
                {
                    "codes": "made",
                    "method": "propagate-then-train",
                    "recipe": {"network": "dense", "updates": 30, "affine": None},
                }
            ],
            "budgets": [5],
            "draws": 2,
        }
    )
    pixels = train.pixels.copy(), test.pixels.copy()
    for part in pixels:
        part[:, 0, 1:] = 6 * part[:, 0, :1]  # so that a network can see it within few updates
        part[:, 0, 0] = part[:, 0, 0, :1]
    seen = [
        Images(part, whole.labels, whole.class_names)
        for part, whole in zip(pixels, (train, test), strict=True)
    ]
    right = trials(question.measure(runs(*seen)), "propagate-then-train")
    assert right.min() > 0.9
    blind = [
        Images(np.full_like(p, 7), w.labels, w.class_names)
        for p, w in zip(pixels, seen, strict=True)
    ]
    chance = trials(question.measure(runs(*blind, Constant())), "propagate-then-train")
    assert abs(chance.mean() - 0.25) < 0.01


@pytest.mark.parametrize("method", ["nearest", "logistic", "poisson-mbo"])
def test_shuffled_labels_give_chance(method: str) -> None:
    train, test = images(0, 60), images(1, 60)
    assert train.labels is not None
    shuffled = np.random.default_rng(0).permutation(train.labels)
    wrong = Images(train.pixels, shuffled, train.class_names)
    found = asked(method, draws=20).measure(runs(wrong, test))
    assert abs(trials(found, method)[1].mean() - 1 / CLASSES) < 0.1


@pytest.mark.parametrize("method", ["nearest", "logistic", "poisson", "poisson-mbo"])
def test_test_labels_are_only_compared_with(method: str) -> None:
    train, test = images(0), images(1)
    assert test.labels is not None
    other = Images(test.pixels, (test.labels + 1) % CLASSES, test.class_names)
    found = asked(method).measure(runs(train, other))
    assert (trials(found, method) == 0).all()
    if method.startswith("poisson"):
        assert (trials(found, method, "unlabelled") == 1).all()


@pytest.mark.parametrize("method", ["nearest", "logistic", "poisson", "poisson-mbo", "fine-tune"])
def test_labels_beyond_the_trials_change_no_answer(method: str, tmp_path: Path) -> None:
    train, test = images(0), images(1)
    assert train.labels is not None
    drawn = asked(method, budgets=[2]).drawn(train, test).index[0]
    path = tmp_path / "draws.json"
    path.write_text(json.dumps({"pool": "train", "trials": [rows.tolist() for rows in drawn]}))
    (part,) = asked(method, draws_file=str(path)).parts().values()
    shuffled = train.labels.copy()
    rest = np.setdiff1d(np.arange(len(train)), np.concatenate(drawn))
    shuffled[rest] = np.random.default_rng(0).permutation(shuffled[rest])
    other = Images(train.pixels, shuffled, train.class_names)
    # Codes that tell little, so that a change would be seen.
    with_truth, without = (
        part.measure(runs(seen, test, Perfect() if method == "fine-tune" else Weak()))
        for seen in (train, other)
    )
    right = [
        found.typed(Numbers).by_pair[f"made.{method}"].right for found in (with_truth, without)
    ]
    np.testing.assert_array_equal(*right)


@pytest.mark.parametrize("pool", ["train", "all"])
def test_labelled_images_count_as_no_answer(pool: str) -> None:
    train, test = images(0, 8), images(1, 8)
    assert train.labels is not None
    drawn = asked("poisson", budgets=[2], pool=pool).drawn(train, test)
    given = known(train, test, drawn)
    n = len(given.pool_truth)
    labelled = given.trials[0][0]
    scores = np.zeros((n, CLASSES))
    wrong = (given.pool_truth + 1) % CLASSES
    scores[np.arange(n), wrong] = 1.0  # all are wrong but those with labels
    scores[labelled.index] = np.eye(CLASSES)[labelled.y]
    new = scores if given.within else np.eye(CLASSES)[given.new_truth]
    (pair,) = asked("poisson").pairs
    row = _row(Answered(0, new, scores), given, labelled, pair, len(train))
    assert row["unlabelled"] == 0.0
    assert given.within or row["test"] == 1.0
    (oracle,) = asked("all-labels", pairs=[{"codes": "made", "method": "all-labels"}]).pairs
    if given.within:  # it had the training images' labels, and is asked of the test images alone
        scores[: len(train)] = np.eye(CLASSES)[wrong[: len(train)]]
        scores[len(train) :] = np.eye(CLASSES)[given.pool_truth[len(train) :]]
        assert _row(Answered(0, scores), given, labelled, oracle, len(train))["unlabelled"] == 1.0


def test_right_and_wrong_is_kept_by_image() -> None:
    train, test = images(0), images(1)
    found = asked("nearest").measure(runs(train, test, Weak())).typed(Numbers)
    right = found.by_pair["made.nearest"].right
    assert right is not None
    assert (right.dtype, right.shape) == (np.bool_, (2, 4, len(test)))
    columns = found.trials.pairs["made.nearest"]
    assert columns.test is not None
    np.testing.assert_allclose(right.mean(axis=2).ravel(), columns.test)
    assert found.truth.tolist() == list(test.labels if test.labels is not None else ())


def test_trials_are_the_same_again_and_after_an_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, test = images(0, 8), images(1, 8)
    few = {"recipe": {"network": "dense", "updates": 3}}
    pair = {"codes": "made", "method": "propagate-then-train"} | few
    question = asked("propagate-then-train", pairs=[pair], draws=3)
    whole = question.measure(runs(train, test)).arrays
    keep = tmp_path / "unfinished"
    keep.mkdir()
    question.measure(runs(train, test, keep=keep))
    files = sorted(keep.iterdir())
    assert len(files) == 6
    for file in files[::2]:
        file.unlink()
    asked_for: list[list[int]] = []
    method, answers = type(METHODS["propagate-then-train"]), METHODS["propagate-then-train"].answers

    def spied(self: Any, problem: Any, given: Any, wanted: Any) -> Any:
        asked_for.append(list(wanted))
        return answers(problem, given, wanted)

    monkeypatch.setattr(method, "answers", spied)
    resumed = question.measure(runs(train, test, keep=keep)).arrays
    assert asked_for == [[0, 2], [1]]  # what was kept is not done again
    assert whole.keys() == resumed.keys()
    for name, values in whole.items():
        np.testing.assert_array_equal(values, resumed[name])


def test_pairs_see_the_same_draws_and_budgets_are_nested() -> None:
    train, test = images(0), images(1)
    drawn = asked("nearest").drawn(train, test)
    assert drawn.budgets == (1, 5)
    for few, more in zip(*drawn.index, strict=True):
        assert set(few) <= set(more)
        assert len(more) == 5 * CLASSES
    assert asked("logistic").drawn(train, test).index[1][0].tolist() == drawn.index[1][0].tolist()


def test_small_classes_are_refused_or_used_whole() -> None:
    train, test = images(0), images(1)
    few = train.take(np.r_[0:3, PER_CLASS : len(train)])
    with pytest.raises(ImagesError, match="class 'a' has only 3"):
        asked("nearest").check(few, test)
    whole = asked("nearest", small_classes="whole", budgets=[1, 5, 100, 1000])
    assert whole.drawn(few, test).budgets == (1, 5, PER_CLASS)
    found = whole.measure(runs(few, test)).typed(Numbers).trials
    assert found.labels.max() == 3 + 3 * PER_CLASS
    assert found.fewest_of_a_class.min() == 1


def test_all_labels_of_the_pool_leave_none_to_answer_for_where_it_is_the_pool() -> None:
    train, test = images(0), images(1)
    question = asked("nearest", pool="all", small_classes="whole", budgets=[1, 1000])
    assert question.drawn(train, test).budgets == (1, 2 * PER_CLASS - 1)


def test_budgets_in_all() -> None:
    train, test = images(0), images(1)
    question = asked("nearest", count="in-all", budgets=[CLASSES, 10])
    found = question.measure(runs(train, test)).typed(Numbers)
    assert found.trials.labels.tolist() == [4] * 4 + [10] * 4
    assert not found.per_class
    with pytest.raises(ImagesError, match="one label for each of 4 classes"):
        asked("nearest", count="in-all", budgets=[3]).check(train, test)


def test_images_without_a_label_are_used_and_counted_in_nothing() -> None:
    train, test = images(0), images(1)
    assert train.labels is not None
    assert test.labels is not None
    labels, test_labels = train.labels.copy(), test.labels.copy()
    labels[::3] = UNLABELLED
    test_labels[5:] = UNLABELLED
    found = asked("poisson").measure(
        runs(
            Images(train.pixels, labels, train.class_names),
            Images(test.pixels, test_labels, test.class_names),
        )
    )
    assert found.values["unlabelled"] == 40
    assert (trials(found, "poisson") == 1).all()
    with pytest.raises(ImagesError, match="no test image has a label"):
        asked("poisson").check(
            train, Images(test.pixels, np.full(len(test), UNLABELLED), test.class_names)
        )


def test_one_class_cannot_be_asked_about() -> None:
    one = Images(images(0).pixels, np.zeros(CLASSES * PER_CLASS, np.int64), ("a",))
    with pytest.raises(ImagesError, match="two classes or more"):
        asked("nearest").check(one, one)


def test_copies_among_the_test_images_are_counted() -> None:
    train, test = images(0), images(1)
    both = Images(
        np.concatenate([test.pixels, train.pixels[:2]]), np.r_[test.labels, 0, 0], tuple("abcd")
    )
    assert asked("nearest").measure(runs(train, both)).values["copies"] == 2


@pytest.mark.parametrize("pool", ["train", "all"])
def test_draws_may_come_from_a_file(tmp_path: Path, pool: str) -> None:
    train, test = images(0), images(1)
    path = tmp_path / "draws.json"
    first = [0, 30, 60, 90]
    path.write_text(json.dumps({"pool": pool, "trials": [first, [n + 1 for n in first]]}))
    question = asked("nearest", draws_file=str(path))
    (part,) = question.parts().values()
    assert isinstance(part, Labels)
    assert part.draws_content
    found = part.measure(runs(train, test))
    assert found.typed(Numbers).trials.labels.tolist() == [4, 4]
    assert found.typed(Numbers).pooled is (pool == "all")
    assert (trials(found, "nearest", "unlabelled" if pool == "all" else "test") == 1).all()
    path.write_text(json.dumps({"pool": pool, "trials": [first, [0, 30]]}))
    with pytest.raises(ImagesError, match="changed while the study ran"):
        part.measure(runs(train, test))
    with pytest.raises(ImagesError, match="trials of different numbers, 1 of 2 labels, 1 of 4"):
        question.check(train, test)
    path.write_text(json.dumps({"pool": "train", "trials": [[0, 500]]}))
    with pytest.raises(ImagesError, match="index 500 is out of range"):
        question.check(train, test)


def test_bins_hold_every_image_once() -> None:
    probabilities = np.array([[0.5, 0.5], [0.51, 0.49], [1.0, 0.0], [0.2, 0.8]])
    bins = binned(probabilities, np.array([0, 1, 0, 1]))
    assert bins.shape == (BINS, 3)
    np.testing.assert_allclose(bins.sum(axis=0), [4, 0.5 + 0.51 + 1 + 0.8, 3])
    assert bins[-1].tolist() == [1, 1, 1]


def test_what_runs_a_pair_needs_is_checked() -> None:
    question = Labels.model_validate(
        {
            "pairs": [
                {"codes": "a", "method": "fine-tune"},
                {"codes": "b", "method": "all-labels"},
                {"method": "scratch"},
            ]
        }
    )
    assert question.needs() == {
        "a": ("autoencoder", "vae", "classifier", "contrastive"),
        "b": ("classifier",),
    }
    own = {"pretrained": None, "taken_encoder": None, "reads_features": False}
    per_image = SimpleNamespace(train=None, posterior=SimpleNamespace(kind="per-image"), **own)
    few = SimpleNamespace(train="few", posterior=SimpleNamespace(kind="amortized"), **own)
    told = list(question.errors({"a": per_image, "b": few}))
    assert told == [
        "run 'a' has per-image codes, and so no encoder to fine-tune",
        "run 'b' learns from few images; pairs take runs that learn from all",
    ]
    left = question.without("a")
    assert left is not None
    assert [pair.name for pair in left.pairs] == ["b.all-labels", "scratch"]
    only = Labels.model_validate({"pairs": [{"codes": "a", "method": "nearest"}]})
    assert only.without("a") is None


Trainer = Callable[[str], Any]


def test_the_built_in_study_end_to_end(trained: Trainer, tmp_path: Path) -> None:
    from tacit.labels.pairs import Pair
    from tacit.studies.description.named import study_text
    from tacit.studies.description.reading import parse

    _, (question,) = parse(study_text("label-efficiency")[1], "label-efficiency")
    assert isinstance(question, Labels)
    assert len(question.pairs) <= 12
    question = question.without("per-image")  # whose codes of test images take the longest
    assert question is not None
    small = tuple(
        Pair(**pair.model_dump() | ({"recipe": {"epochs": 0, "updates": 6}} if pair.trains else {}))
        for pair in question.pairs
    )
    question = question.model_copy(update={"pairs": small, "budgets": (1, 3), "draws": 4})
    study = trained("label-efficiency")
    found = Measurement()
    for label, part in question.parts().items():
        assert label
        found = found.joined(part.measure(study.runs(part)))
    finding = question.answer({0: found}, study.setting(tmp_path, "label-efficiency"))
    assert finding.answer.startswith("With 3 labels per class")
    assert (tmp_path / "label-efficiency-trials.svg").exists()
    assert len(finding.tables[0].rows) == len(small)
