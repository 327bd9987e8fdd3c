"""Labels that are probably wrong, by answers of classifiers that have not seen them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import gammaln, log_softmax

from tacit.labels.calibration import FOLDS, folds_of, holdable
from tacit.labels.draws import Labelled
from tacit.labels.heads.linear import CS, fit_logistic
from tacit.labels.propagation.graph import as_codes, nearest_rows, neighbour_weights
from tacit.streams import stream_seed

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

NEIGHBOURS = 10
SMALL = 5_000
"""Up to so many labels the strength C of the linear head is chosen; of more it hardly matters."""

RIGHT, WRONG = 40.0, 0.03
"""What is thought before any label is seen: 3 % of the labels are wrong, as if seen of 40."""

STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
"""Of the belief that wrong labels are any class alike, as a share of a class's labels: of these the
one under which the changes that are seen are likeliest."""

SUSPECTED, SURE = 0.2, 0.95
"""From these probabilities on a label is suspected to be wrong, or taken to be surely so.

Of the labels of clean sets none is taken to be surely wrong (docs/checking.md says of which sets).
"""

TURNS = 8
"""By then weights and shares of wrong labels stand still to three digits."""


@dataclass(frozen=True)
class Doubts:
    """What held-out answers say of labels, one row a label that could be held out.

    Attributes:
        place: of the label among those given, (m,).
        given: its class, (m,).
        fits: the likeliest other class, (m,).
        wrong: the probability that the label is wrong, (m,).
        probabilities: of the true class, by classifiers that have not seen the label, (m, K).
        flips: how often images of each class (row) have each label (column), as estimated, (K, K).
    """

    place: Integers
    given: Integers
    fits: Integers
    wrong: Floats
    probabilities: Floats
    flips: Floats

    @property
    def sure(self) -> NDArray[np.bool_]:
        """Which are surely wrong, (m,)."""
        return self.wrong >= SURE

    @property
    def listed(self) -> Integers:
        """Places among the judged of those at least suspected, the surest first."""
        order = np.argsort(-self.wrong, kind="stable")
        return order[self.wrong[order] >= SUSPECTED]


def doubts(
    codes: NDArray[np.floating[Any]],
    labelled: Labelled,
    n_classes: int,
    *,
    copies: NDArray[np.integer[Any]] | None = None,
    seed: int = 0,
) -> Doubts:
    """Judge each label by classifiers that have not seen it.

    Labels are held out by folds that keep classes. Logistic regression and the votes of the nearest
    codes answer for those held out; q = softmax(a log p_linear + b log p_votes) joins the answers,
    mixed with a share 1 / (m + 1) of all classes alike: m answers cannot vouch for more.
    An image of class c is thought to have label y with probability T_cy:
    p(y | x) = Σ_c q_c T_cy. The weights a and b are those under which the held-out labels are
    likeliest, and T follows by expectation-maximisation (Dawid and Skene 1979, with one annotator
    and an empirical prior, `_flips`), so that q is calibrated to labels some of which are wrong. A
    label is wrong with probability 1 - q_y T_yy / p(y | x).

    It is done twice: the second time nothing is learned from labels that are more probably wrong
    than right, as confident learning does (Northcutt, Jiang and Chuang 2021).

    Args:
        codes: of all images, (N, D).
        labelled: the rows that have labels, and their classes.
        n_classes: K.
        copies: a number for each image, (N,), the same for copies of one picture: none votes for
            another. They may be held out apart, but a linear head follows no single image.
        seed: of the folds.

    Raises:
        ValueError: codes are no codes, or labels of fewer than two classes can be held out.
    """
    x = as_codes(codes)[labelled.index]
    y = labelled.y
    judged = holdable(y)
    if len(np.unique(y[judged])) < 2:
        raise ValueError("labels can be judged where two classes have two labels each, or more")
    folds = folds_of(y, min(FOLDS, int(np.bincount(y).max())), stream_seed(seed, "doubts") % 2**32)
    fold = np.full(len(y), -1)
    for number, held in reversed(list(enumerate(folds))):
        fold[held] = number  # of a class with fewer labels than folds, the first time counts
    group = np.arange(len(y)) if copies is None else np.asarray(copies)[labelled.index]
    near = nearest_rows(x, 3 * NEIGHBOURS)
    trusted = np.ones(len(y), bool)
    place = np.flatnonzero(judged)
    for _ in range(2):
        votes = _votes(near, y, n_classes, fold, group, trusted)
        linear = _linear(x, y, n_classes, fold, trusted)
        q, flips = _joined(linear[judged], votes[judged], y[judged])
        wrong = _wrong(q, y[judged], flips)
        trusted[place] = wrong < 0.5
        kept = np.bincount(y[trusted], minlength=n_classes)
        # A class most of whose labels seem wrong is not understood: it keeps them all.
        trusted |= kept[y] < np.bincount(y, minlength=n_classes)[y] / 2
    others = q * flips.T[y[judged]]
    others[np.arange(len(q)), y[judged]] = -1
    return Doubts(place, y[judged], others.argmax(axis=1), wrong, q, flips)


def _wrong(q: Floats, y: Integers, flips: Floats) -> Floats:
    seen = q * flips.T[y]
    return 1 - seen[np.arange(len(y)), y] / seen.sum(axis=1)


def _votes(
    near: tuple[Integers, Floats],
    y: Integers,
    n_classes: int,
    fold: Integers,
    group: NDArray[np.integer[Any]],
    trusted: NDArray[np.bool_],
) -> Floats:
    """Log shares of the weighted votes of the nearest labels of other folds, (m, K)."""
    index, distances = near
    weights = neighbour_weights(distances[:, : min(2 * NEIGHBOURS, index.shape[1])])
    weights = np.pad(weights, ((0, 0), (0, index.shape[1] - weights.shape[1])))
    same = (fold[index] == fold[:, None]) & (fold[:, None] >= 0)
    heard = ~same & (group[index] != group[:, None]) & trusted[index]
    heard &= np.cumsum(heard, axis=1) <= NEIGHBOURS
    votes = np.zeros((len(y), n_classes))
    rows = np.repeat(np.arange(len(y)), index.shape[1])
    np.add.at(votes, (rows, y[index].ravel()), (weights * heard).ravel())
    votes += np.bincount(y, minlength=n_classes) / len(y)  # one more vote, of what is usual
    return np.log(votes / votes.sum(axis=1, keepdims=True) + 1e-6)


def _linear(
    x: NDArray[np.float32],
    y: Integers,
    n_classes: int,
    fold: Integers,
    trusted: NDArray[np.bool_],
) -> Floats:
    """Log probabilities by logistic regression on the other folds, (m, K)."""
    found = np.zeros((len(y), n_classes))
    cs = CS if len(y) <= SMALL else (10.0,)
    for number in np.unique(fold[fold >= 0]):
        rest = np.flatnonzero((fold != number) & trusted)
        if len(np.unique(y[rest])) < 2:
            continue
        head = fit_logistic(x, [Labelled(rest, y[rest])], n_classes, Cs=cs)
        held = fold == number
        found[held] = np.log(head.probabilities(x[held])[0].astype(np.float64) + 1e-6)
    return found


def _joined(linear: Floats, votes: Floats, y: Integers) -> tuple[Floats, Floats]:
    """q and T of `doubts`: by turns the weights under which the labels are likeliest, and T."""
    k = linear.shape[1]
    n_labels = np.bincount(y, minlength=k)
    flips = _evenly(WRONG, k)
    theta = np.log([0.5, 0.5])

    m = len(y)

    def answers(parameters: Floats) -> Floats:
        a, b = np.exp(parameters)
        # Of m answers one more may be wrong in a way that none of them was: nobody is surer.
        return (m * np.exp(log_softmax(a * linear + b * votes, axis=1)) + 1 / k) / (m + 1)

    def unlikely(parameters: Floats) -> float:
        seen = (answers(parameters) * flips.T[y]).sum(axis=1)
        return float(-np.log(np.maximum(seen, 1e-12)).mean())

    for _ in range(TURNS):
        bounds = [(-6.0, 3.0)] * 2
        theta = minimize(unlikely, theta, method="L-BFGS-B", bounds=bounds).x
        true = answers(theta) * flips.T[y]
        true /= true.sum(axis=1, keepdims=True)
        counts = np.zeros((k, k))
        np.add.at(counts.T, y, true)
        flips = _flips(counts, n_labels)
    return answers(theta), flips


def _evenly(wrong: float, k: int) -> Floats:
    """T where a share of the labels is wrong, any other class alike, (K, K)."""
    flips = np.full((k, k), wrong / (k - 1))
    np.fill_diagonal(flips, 1 - wrong)
    return flips


def _flips(counts: Floats, n_labels: Integers) -> Floats:
    """T from how many images of each class (row) are thought to have each label (column), (K, K).

    One share of wrong labels is taken from all classes, spread evenly, and believed as firmly as
    `STRENGTHS` say: of these the one that makes the labels of all classes likeliest, by the
    Dirichlet-multinomial distribution. Random changes are told from confusions so: without it,
    images that are hard to tell pass for many changes of one class into another, and random changes
    elsewhere rank behind them (`python -m benchmarks.mislabelled`).
    """
    k = len(counts)
    wrong = counts.sum() - np.trace(counts)
    even = _evenly((wrong + RIGHT * WRONG) / (counts.sum() + RIGHT), k)
    firmness = [strength * np.maximum(n_labels, 1)[:, None] for strength in STRENGTHS]
    likely = [_dirichlet_multinomial(counts, firm * even) for firm in firmness]
    found = counts + firmness[int(np.argmax(likely))] * even
    return found / found.sum(axis=1, keepdims=True)


def _dirichlet_multinomial(counts: Floats, alpha: Floats) -> float:
    """Log marginal likelihood of rows of counts, which need not be whole, up to a constant."""
    of_rows = gammaln(alpha.sum(axis=1)) - gammaln((alpha + counts).sum(axis=1))
    return float(of_rows.sum() + (gammaln(alpha + counts) - gammaln(alpha)).sum())
