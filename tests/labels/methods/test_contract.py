"""What every method of using labels keeps to; a new one is tested by being registered."""

import functools

import numpy as np
import pytest
from sklearn.datasets import load_digits

from tacit.images.dataset import Images
from tacit.images.splits import few_label_draw
from tacit.labels.clusters import ON_CLUSTERS, learn_clusters
from tacit.labels.draws import Labelled
from tacit.labels.methods import METHODS, Method, Problem, agree_then_train
from tacit.labels.networks import FROM_SCRATCH, class_probabilities, train_network
from tacit.labels.representations import Represented, principal_components
from tacit.models.config import DenseNetwork, Network
from tacit.streams import numpy_stream

N_POOL, N_NEW, N_CLASSES = 400, 200, 10
NAMES = tuple("0123456789")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Encoders of clusters are trained for a moment only."""
    short = ON_CLUSTERS.model_copy(update={"epochs": 0, "updates": 40})
    soon = functools.partial(learn_clusters, recipe=short)
    monkeypatch.setattr(agree_then_train, "learn_clusters", soon)


@pytest.fixture(scope="module")
def digits() -> tuple[Images, Images]:
    data = load_digits()
    pixels = np.round(data.images * (255 / 16)).astype(np.uint8)[:, None]
    whole = Images(pixels, data.target.astype(np.int64), NAMES)
    return whole.take(np.arange(N_POOL)), whole.take(np.arange(N_POOL, N_POOL + N_NEW))


def problem_of(method: Method, digits: tuple[Images, Images], seed: int = 0) -> Problem:
    pool, new = (Images(part.pixels) for part in digits)
    recipe = method.recipe
    if recipe is not None:
        short = {"network": DenseNetwork(hidden=(64,)), "latent_dim": 16, "epochs": 0, "rate": 1e-2}
        recipe = recipe.model_copy(update=short | {"updates": 60, "affine": None, "first": None})
    codes = principal_components(pool, new, seed)
    if method.reads == "images":
        nothing = np.empty((0, 0), np.float32)
        codes = Represented(nothing, nothing)
    trained = None
    if method.reads == "classifier":
        everything = Labelled(np.arange(N_POOL), digits[0].labels)
        trained = train_network(pool, everything, N_CLASSES, recipe=FROM_SCRATCH, seed=0)
    shares = np.full(N_CLASSES, 1 / N_CLASSES) if method.takes_shares else None
    slack = 0.1 if method.takes_shares else 0.0
    return Problem(pool, new, codes, N_CLASSES, shares, slack, recipe, seed, trained)


def trials_of(pool: Images, per_class: int, n: int, *, shuffled: bool = False) -> list[Labelled]:
    found = []
    for draw in range(n):
        index = few_label_draw(pool.labels, per_class, draw, NAMES)
        y = pool.labels[index]
        found.append(
            Labelled(index, numpy_stream(draw, "shuffle").permutation(y) if shuffled else y)
        )
    return found


every = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


@every
def test_answers_are_scores_and_far_above_chance(method: Method, digits) -> None:
    pool, new = digits
    (answered,) = method.answers(problem_of(method, digits), trials_of(pool, 5, 1), [0])
    assert answered.new.shape == (N_NEW, N_CLASSES)
    assert (answered.new.argmax(axis=1) == new.labels).mean() > 0.5
    if method.confident:
        np.testing.assert_allclose(answered.new.sum(axis=1), 1, atol=1e-4)
    if answered.pool is not None:
        assert method.transductive
        assert answered.pool.shape == (N_POOL, N_CLASSES)


@every
def test_shuffled_labels_give_chance(method: Method, digits) -> None:
    if method.oracle:
        return  # it has its own labels
    pool, new = digits
    n = 3 if method.recipe is not None else 10
    trials = trials_of(pool, 5, n, shuffled=True)
    found = method.answers(problem_of(method, digits), trials, range(n))
    right = [(a.new.argmax(axis=1) == new.labels).mean() for a in found]
    assert abs(np.mean(right) - 1 / N_CLASSES) < 0.1


@every
def test_only_wanted_trials_are_answered_and_they_are_the_same(method: Method, digits) -> None:
    trials = trials_of(digits[0], 2, 3)
    everything = list(method.answers(problem_of(method, digits), trials, [0, 1, 2]))
    assert [answered.trial for answered in everything] == [0, 1, 2]
    (last,) = method.answers(problem_of(method, digits), trials, [2])
    assert last.trial == 2
    np.testing.assert_allclose(last.new, everything[2].new, atol=1e-5)
    assert list(method.answers(problem_of(method, digits), trials, [])) == []


@every
def test_class_shares_matter_to_those_that_take_them(method: Method, digits) -> None:
    trials = trials_of(digits[0], 2, 1)
    given = problem_of(method, digits)
    (before,) = method.answers(given, trials, [0])
    other = problem_of(method, digits)
    other.shares = np.r_[0.91, np.full(N_CLASSES - 1, 0.01)] if method.takes_shares else None
    (after,) = method.answers(other, trials, [0])
    assert np.array_equal(before.new, after.new) is not method.takes_shares


@every
def test_the_classifier_gives_the_answers(method: Method, digits) -> None:
    given = problem_of(method, digits)
    trials = trials_of(digits[0], 3, 1)
    (answered,) = method.answers(given, trials, [0])
    model = method.classifier(given, answered, trials[0])
    if model is None:
        return
    own = class_probabilities(model, given.new)
    np.testing.assert_allclose(own, answered.new, atol=2e-3)
    encoder: Network = DenseNetwork(hidden=())
    assert method.network(given.recipe, encoder) is not None


def test_what_is_told_of_methods_fits_together() -> None:
    preferences = [m.preference for m in METHODS.values() if m.preference is not None]
    assert len(set(preferences)) == len(preferences)
    for name, method in METHODS.items():
        assert method.name == name
        assert ("{codes}" in method.words) is (method.reads != "images")
        assert method.work(100, 60_000, method.recipe) >= 0
        assert method.confident or method.preference is None, f"{name} is recommended"
        if method.recipe is not None:
            assert method.tuned_on, f"{name} does not say on whose labels its recipe was tuned"
    assert not any(m.oracle and m.preference is not None for m in METHODS.values())


def test_the_order_of_preference_is_that_of_mnist() -> None:
    """With one to ten labels per class: docs/method.md, the tables of the two studies. Heads stand
    after the networks that learn the same labels."""
    preferred = [m for m in METHODS.values() if m.preference is not None]
    order = [m.name for m in sorted(preferred, key=lambda m: m.preference or 0)]
    assert order == [
        "agree-then-train",
        "propagate-then-train",
        "propagate-then-head",
        "poisson-then-train",
        "poisson-then-head",
        "fine-tune",
        "logistic",
        "scratch-augmented",
        "scratch",
        "laplace-then-train",
    ]
    behind = {m.name for m in METHODS.values() if m.preference is None}
    assert behind == {"nearest", "laplace", "poisson", "poisson-mbo", "all-labels"}
    spread = [m for m in METHODS.values() if m.then_trained]
    assert {m.name for m in spread} == {"laplace", "poisson", "poisson-mbo"}
    for method in spread:
        assert METHODS[method.then_trained].preference is not None
        assert METHODS[method.then_trained].takes_shares is method.takes_shares
