import numpy as np
import pytest
import torch
from scipy import sparse

from tacit.labels.draws import Labelled, nested_draws
from tacit.labels.propagation import laplacian, poisson
from tacit.labels.propagation import propagate as module
from tacit.labels.propagation.graph import neighbour_graph
from tacit.labels.propagation.laplacian import STEPS, Groups, System
from tacit.labels.propagation.propagate import KINDS, extend, propagate
from tacit.labels.propagation.volumes import priced, whole_sizes

N_CLASSES = 3
NAMES = ("a", "b", "c")


def blobs(n=150, spread=1.0, seed=0):
    """Codes of three classes that touch."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % N_CLASSES
    centres = 3 * np.eye(N_CLASSES)
    return (centres[labels] + spread * rng.normal(size=(n, N_CLASSES))).astype(np.float32), labels


def trials_of(labels, per_class=2, n_draws=4):
    return nested_draws(labels, [per_class], n_draws, NAMES).labelled(labels)[0]


def dense(graph):
    weights = graph.toarray().astype(float)
    degrees = weights.sum(axis=1)
    return np.diag(degrees) - weights, degrees


def source_of(trial, n):
    onehot = np.eye(N_CLASSES)[trial.y]
    source = np.zeros((n, N_CLASSES))
    source[trial.index] = onehot - onehot.mean(axis=0)
    return source


def reference_laplace(graph, trial):
    laplacian, _ = dense(graph)
    u = np.zeros((len(laplacian), N_CLASSES))
    u[trial.index] = np.eye(N_CLASSES)[trial.y]
    free = np.setdiff1d(np.arange(len(u)), trial.index)
    right = -laplacian[np.ix_(free, trial.index)] @ u[trial.index]
    u[free] = np.linalg.solve(laplacian[np.ix_(free, free)], right)
    return u


def reference_poisson(graph, trial):
    laplacian, degrees = dense(graph)
    u = np.linalg.pinv(laplacian) @ source_of(trial, len(laplacian))
    return u - degrees @ u / degrees.sum()


def reference_mbo(graph, trial, sizes):
    """Forty explicit steps, then prices by small steps of the dual's subgradient."""
    laplacian, degrees = dense(graph)
    step, source = 1 / degrees.max(), source_of(trial, len(degrees))
    labels = reference_poisson(graph, trial).argmax(axis=1)
    for _ in range(20):
        u = np.eye(N_CLASSES)[labels]
        for _ in range(40):
            u = u - step * (laplacian @ u - source)
        prices, rate = np.zeros(N_CLASSES), 0.1
        for _ in range(20_000):
            labels = (u + prices).argmax(axis=1)
            wrong = np.bincount(labels, minlength=N_CLASSES) - sizes
            if not wrong.any():
                break
            prices -= rate * wrong / len(labels)
            rate = max(rate * 0.999, 1e-4)
    return labels


@pytest.mark.parametrize(
    ("method", "reference"), [("laplace", reference_laplace), ("poisson", reference_poisson)]
)
def test_every_trial_is_a_dense_solution(method, reference):
    codes, labels = blobs()
    graph, trials = neighbour_graph(codes, 6), trials_of(labels)
    scores = propagate(graph, trials, N_CLASSES, method=method)
    assert scores.shape == (4, 150, N_CLASSES)
    for found, trial in zip(scores, trials, strict=True):
        expected = reference(graph, trial)
        np.testing.assert_allclose(found, expected, atol=2e-4 * np.abs(expected).max())


def test_poisson_mbo_is_its_steps_one_by_one():
    codes, labels = blobs(spread=0.8)
    graph, trials = neighbour_graph(codes, 6), trials_of(labels)
    scores = propagate(graph, trials, N_CLASSES, method="poisson-mbo")
    for found, trial in zip(scores, trials, strict=True):
        expected = reference_mbo(graph, trial, np.full(3, 50))
        assert (found.argmax(axis=1) == expected).mean() > 0.97
        np.testing.assert_allclose(np.bincount(found.argmax(axis=1)), 50, atol=1)


@pytest.mark.parametrize("method", KINDS)
def test_trials_know_nothing_of_one_another(method):
    codes, labels = blobs()
    graph, trials = neighbour_graph(codes, 6), trials_of(labels)
    together = propagate(graph, trials, N_CLASSES, method=method)
    for number, trial in enumerate(trials):
        alone = propagate(graph, [trial], N_CLASSES, method=method)[0]
        np.testing.assert_allclose(together[number], alone, atol=2e-4)


@pytest.mark.parametrize("method", KINDS)
def test_groups_of_trials_give_what_all_at_once_give(method, monkeypatch):
    codes, labels = blobs()
    graph, trials = neighbour_graph(codes, 6), trials_of(labels)
    together = propagate(graph, trials, N_CLASSES, method=method)
    monkeypatch.setattr(module, "_AT_ONCE", 1)
    np.testing.assert_allclose(
        propagate(graph, trials, N_CLASSES, method=method), together, atol=1e-4
    )


def test_heat_is_forty_steps():
    codes, _ = blobs()
    system = System(neighbour_graph(codes, 6))
    u = torch.eye(150)
    stepped = u
    for _ in range(STEPS):
        stepped = system.heat @ stepped
    assert float((system.heated(u) - stepped).abs().max()) < 2e-4
    assert len(system.series) < STEPS


@pytest.mark.parametrize("method", KINDS)
def test_a_perfect_code_scores_all(method):
    labels = np.arange(120) % N_CLASSES
    codes = 10 * np.eye(N_CLASSES)[labels] + np.random.default_rng(0).normal(size=(120, 3)) / 10
    scores = propagate(neighbour_graph(codes), trials_of(labels), N_CLASSES, method=method)
    assert (scores.argmax(axis=2) == labels).all()


@pytest.mark.parametrize("method", KINDS)
def test_labels_that_mean_nothing_score_chance(method):
    codes, labels = blobs(n=600)
    shuffled = np.random.default_rng(1).permutation(labels)
    trials = trials_of(shuffled, per_class=5, n_draws=10)
    scores = propagate(neighbour_graph(codes), trials, N_CLASSES, method=method)
    right = (scores.argmax(axis=2) == shuffled).mean(axis=1)
    assert abs(right.mean() - 1 / 3) < 0.05


@pytest.mark.parametrize("method", KINDS)
def test_a_constant_code_scores_chance(method):
    labels = np.random.default_rng(2).permutation(np.arange(300) % N_CLASSES)
    graph = neighbour_graph(np.ones((300, 4)))
    scores = propagate(graph, trials_of(labels, n_draws=10), N_CLASSES, method=method)
    assert np.isfinite(scores).all()
    assert abs((scores.argmax(axis=2) == labels).mean() - 1 / 3) < 0.1


def uneven(seed=3):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(3), [150, 100, 50])
    return (3 * np.eye(3)[labels] + 1.2 * rng.normal(size=(300, 3))).astype(np.float32), labels


def test_known_shares_come_true_and_help():
    codes, labels = uneven()
    graph, trials = neighbour_graph(codes), trials_of(labels, n_draws=6)
    shares = np.array([150, 100, 50]) / 300
    right = {}
    for name, how in (
        ("known", {"shares": shares}),
        ("equal", {}),
        ("about equal", {"slack": 0.5}),
    ):
        scores = propagate(graph, trials, 3, method="poisson-mbo", **how)
        right[name] = (scores.argmax(axis=2) == labels).mean()
        for trial in scores:
            sizes = np.bincount(trial.argmax(axis=1), minlength=3)
            if name == "known":
                np.testing.assert_allclose(sizes, [150, 100, 50], atol=1)
            elif name == "equal":
                np.testing.assert_allclose(sizes, 100, atol=1)
            else:
                assert ((sizes >= 49) & (sizes <= 151)).all()
    assert right["known"] > right["about equal"] > right["equal"]


def test_a_class_without_a_label_gets_no_image():
    codes, labels = blobs()
    rows = np.array([0, 1, 3, 4])  # of classes 0 and 1
    trial = Labelled(rows, labels[rows])
    for method in KINDS:
        scores = propagate(neighbour_graph(codes), [trial], N_CLASSES, method=method)
        assert np.isfinite(scores).all()
        assert not (scores[0].argmax(axis=1) == 2).any(), method


def test_new_images_take_after_their_neighbours():
    codes, labels = blobs(spread=0.3)
    new, truth = blobs(n=60, spread=0.3, seed=9)
    trials = trials_of(labels)
    scores = propagate(neighbour_graph(codes), trials, N_CLASSES, method="poisson")
    extended = extend(codes, scores, new)
    assert extended.shape == (4, 60, N_CLASSES)
    assert (extended.argmax(axis=2) == truth).mean() > 0.98
    # The definition, for one image of one trial.
    far = np.linalg.norm(codes.astype(float) - new[7], axis=1)
    near = np.argsort(far)[:10]
    weights = np.exp(-4 * far[near] ** 2 / far[near[-1]] ** 2)
    expected = weights @ scores[2][near] / weights.sum()
    np.testing.assert_allclose(extended[2, 7], expected, rtol=1e-4, atol=1e-6)


def test_a_new_image_equal_to_many_gets_their_mean():
    scores = np.array([[[1.0, 0.0], [0.0, 1.0], [5.0, 5.0]]], np.float32)
    codes = np.array([[0.0], [0.0], [9.0]])
    np.testing.assert_allclose(extend(codes, scores, np.zeros((1, 1)), k=2), [[[0.5, 0.5]]])


def test_prices_bring_about_sizes():
    scores = torch.from_numpy(np.random.default_rng(0).random((5000, 4), np.float32))
    for wanted in ([1250] * 4, [3000, 1000, 900, 100], [5000 - 30, 10, 10, 10]):
        sizes = np.array(wanted)
        labels = (scores + priced(scores, sizes, sizes)).argmax(dim=1)
        np.testing.assert_allclose(np.bincount(labels, minlength=4), sizes, atol=10)


def test_prices_within_bounds_leave_what_is_allowed_as_it_is():
    scores = torch.from_numpy(np.random.default_rng(0).random((1000, 3), np.float32))
    assert not priced(scores, np.full(3, 200), np.full(3, 500)).any()
    scores[:, 0] += 0.5
    prices = priced(scores, np.full(3, 200), np.full(3, 400))
    sizes = np.bincount((scores + prices).argmax(dim=1), minlength=3)
    assert abs(sizes[0] - 400) <= 2
    assert prices[0] < 0
    assert not prices[1:].any()


def test_shares_become_whole_sizes():
    assert whole_sizes(np.full(3, 1 / 3), 100).tolist() == [34, 33, 33]
    assert whole_sizes(np.array([0.5, 0.5, 0.0]), 7).sum() == 7


CODES, LABELS = blobs(n=30)
GRAPH = neighbour_graph(CODES)
TRIAL = Labelled(np.array([0, 1, 2]), LABELS[:3])


@pytest.mark.parametrize(
    ("graph", "trial", "options", "says"),
    [
        (GRAPH, Labelled(np.array([0, 30]), np.array([0, 1])), {}, "trial 1: row 30 is not"),
        (GRAPH, Labelled(np.array([0, 1]), np.array([0, 3])), {}, "trial 1: label 3 is not"),
        (GRAPH, Labelled(np.array([0, 0]), np.array([0, 1])), {}, "trial 1: rows .* once"),
        (GRAPH, Labelled(np.array([0, 1]), np.array([1, 1])), {}, "trial 1: labels of 1 class"),
        (GRAPH, TRIAL, {"method": "magic"}, "'magic'; laplace, poisson, poisson-mbo"),
        (GRAPH, TRIAL, {"shares": np.ones(3) / 3}, "'poisson-mbo' alone uses them"),
        (GRAPH, TRIAL, {"slack": 0.1}, "slack is 0.1"),
        (GRAPH, TRIAL, {"method": "poisson-mbo", "slack": 2.0}, "slack is 2.0"),
        (GRAPH, TRIAL, {"method": "poisson-mbo", "shares": np.ones(3)}, "1 in all"),
        (GRAPH, TRIAL, {"method": "poisson-mbo", "shares": np.ones(2) / 2}, "each of 3 classes"),
        (GRAPH[:4], TRIAL, {}, "square"),
        (sparse.block_diag([GRAPH, GRAPH], "csr"), TRIAL, {}, "falls into 2 parts"),
    ],
)
def test_what_cannot_be_propagated(graph, trial, options, says):
    with pytest.raises(ValueError, match=says):
        propagate(graph, [TRIAL, trial], N_CLASSES, **{"method": "poisson", **options})


def test_scores_of_other_codes():
    with pytest.raises(ValueError, match="29 codes"):
        extend(CODES[1:], np.zeros((1, 30, 3)), CODES)


def test_neighbours_come_to_lie_near_one_another():
    n = 3000
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, n)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    graph = neighbour_graph(circle.astype(np.float32))
    order = Groups.of(graph).order
    assert np.array_equal(np.sort(order), np.arange(n))
    place = np.argsort(order)
    rows, columns = sparse.coo_array(graph).coords
    apart = np.abs(place[rows] - place[columns])
    assert np.abs(rows - columns).mean() > n / 4
    assert np.median(apart) < 20
    assert apart.mean() < n / 20


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_graph_is_worked_on_in_another_order_with_the_same_scores(kind, monkeypatch):
    codes, labels = blobs(n=400)
    graph, trials = neighbour_graph(codes), trials_of(labels)
    expected = propagate(graph, trials, N_CLASSES, method=kind)
    monkeypatch.setattr(laplacian, "IN_THE_CACHE", 100)
    found = propagate(graph, trials, N_CLASSES, method=kind)
    assert np.allclose(found, expected, atol=2e-3)
    assert (found.argmax(axis=2) == expected.argmax(axis=2)).mean() > 0.998


def test_groups_of_all_sizes_bring_clusters_that_hardly_hang_together_to_rest_soon(monkeypatch):
    rng = np.random.default_rng(0)
    y = np.arange(2000) % 8
    codes = (40 * np.eye(8)[y] + rng.normal(size=(2000, 8))).astype(np.float32)
    graph = neighbour_graph(codes)
    trial = Labelled(np.arange(16), y[:16])
    products = []
    real = laplacian.conjugate_gradients

    def counted(multiply, *rest):
        def one(p):
            products[-1] += 1
            return multiply(p)

        products.append(0)
        return real(one, *rest)

    monkeypatch.setattr(poisson, "conjugate_gradients", counted)
    (plain,) = propagate(graph, [trial], 8, method="poisson")
    monkeypatch.setattr(laplacian, "IN_THE_CACHE", 100)
    (found,) = propagate(graph, [trial], 8, method="poisson")
    assert np.array_equal(found.argmax(axis=1), y)
    assert np.allclose(found, plain, atol=2e-3 * np.abs(plain).max())
    assert products[1] < products[0] / 2, products


def test_the_preconditioner_is_the_sum_over_groups_of_every_size(monkeypatch):
    monkeypatch.setattr(laplacian, "IN_THE_CACHE", 10)
    graph = neighbour_graph(blobs(n=60)[0])
    system, groups = System(graph), Groups.of(graph)
    weights = graph.toarray()[groups.order][:, groups.order].astype(float)
    expected, belongs = np.diag(1 / weights.sum(axis=1)), np.eye(60)
    for join in groups.joins:
        belongs = belongs @ np.eye(join.max() + 1)[join]
        cut = belongs.T @ weights @ belongs
        np.fill_diagonal(cut, 0)
        expected = expected + belongs @ np.diag(1 / cut.sum(axis=1)) @ belongs.T
    found = system.precondition(torch.eye(60)).numpy()
    assert len(groups.joins) >= 1
    assert np.allclose(found, expected, rtol=1e-4)
