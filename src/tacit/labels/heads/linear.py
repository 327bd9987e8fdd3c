"""Heads on frozen codes, of many trials at once: the nearest labelled code, and a linear one."""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from tacit.labels.draws import Labelled
from tacit.labels.heads.stacked import Stack
from tacit.labels.propagation.graph import Codes, as_codes
from tacit.models.models import Classifier
from tacit.models.networks import Encoder, GivenCodes, Head
from tacit.models.pretrained import PretrainedNetwork

Probabilities = NDArray[np.float32]

CS = (1.0, 10.0, 100.0, 1000.0)
# With one label per class it hardly matters: on ten draws of the embedded digits, a C of 1,
# 100 and 10,000 name 66.2, 66.2 and 65.9 % right.
FIXED = 100.0
FOLDS = 5
_ROUGHLY = 0.1  # nats of likelihood, about, that labels may still gain while Cs are compared
_AT_ONCE = 2**17  # numbers of trials that are solved together: what a core has at hand, 512 KiB
_ROWS = 512


def nearest(
    codes: ArrayLike, labelled: Sequence[Labelled], n_classes: int, new: ArrayLike
) -> Probabilities:
    """The label of the nearest labelled code as a unit vector, (T, m, C); ties go to the first row.

    Args:
        codes: of the pool, (n, d).
        labelled: the trials.
        n_classes: C.
        new: codes to classify, (m, d).

    Raises:
        ValueError: codes are no codes, or a trial is empty or has rows or labels out of range.
    """
    x, new = as_codes(codes), as_codes(new, "new")
    _check(x, labelled, n_classes)
    # Trials share images: each distance is computed once for all of them.
    union, where = np.unique(np.concatenate([t.index for t in labelled]), return_inverse=True)
    columns = [
        torch.from_numpy(part) for part in np.split(where, np.cumsum([len(t.y) for t in labelled]))
    ]
    centre = x[union].mean(axis=0)
    known = torch.from_numpy(x[union] - centre)
    sizes = known.square().sum(dim=1)
    votes = np.zeros((len(labelled), len(new), n_classes), np.float32)
    for start in range(0, len(new), _ROWS):
        rows = torch.from_numpy(new[start : start + _ROWS] - centre)
        far = torch.addmm(sizes, rows, known.T, alpha=-2)  # ‖x - y‖² less ‖x‖²
        for trial, (own, column) in enumerate(zip(labelled, columns, strict=False)):
            found = own.y[far[:, column].argmin(dim=1).numpy()]
            votes[trial, np.arange(start, start + len(rows)), found] = 1
    return votes


@dataclass(frozen=True)
class Heads:
    """Linear heads on frozen codes, one for every trial.

    Attributes:
        weights: (T, d, C), and
        intercepts: (T, C): p(class | code) = softmax(code · weights + intercepts); of a class of
            which the trial had no label the intercept may be minus infinity.
    """

    weights: NDArray[np.float32]
    intercepts: NDArray[np.float32]

    def classifier(
        self, trial: int, encoder: Encoder | GivenCodes | PretrainedNetwork
    ) -> Classifier:
        """The head of one trial on a copy of the encoder that made the codes."""
        d, n_classes = self.weights.shape[1:]
        with torch.device("meta"):  # no weights are drawn
            head = Head(d, n_classes)
        state = {
            "linear.weight": torch.from_numpy(self.weights[trial].T.copy()),
            "linear.bias": torch.from_numpy(self.intercepts[trial].copy()),
        }
        head.load_state_dict(state, assign=True)
        return Classifier(copy.deepcopy(encoder), head)

    def probabilities(self, new: ArrayLike) -> Probabilities:
        """Class probabilities of codes (m, d) in every trial, (T, m, C).

        Raises:
            ValueError: codes are no codes, or of another number of dimensions.
        """
        x = as_codes(new, "new")
        n_trials, d, n_classes = self.weights.shape
        if x.shape[1] != d:
            raise ValueError(f"`new` has {x.shape[1]} dimensions; the heads read {d}")
        flat = torch.from_numpy(self.weights.transpose(1, 0, 2).reshape(d, -1).copy())
        logits = (torch.from_numpy(x) @ flat).view(-1, n_trials, n_classes)
        logits += torch.from_numpy(self.intercepts)
        return logits.softmax(dim=2).permute(1, 0, 2).contiguous().numpy()


@dataclass(frozen=True)
class LinearHeads(Heads):
    """Logistic regression of every trial.

    Attributes:
        C: each trial's, (T,), as scikit-learn's on codes of mean squared length one: the larger,
            the less the weights are held back.
        chosen: whether C was chosen inside the trial's labels, or is the fixed one, (T,).
    """

    C: NDArray[np.float64]
    chosen: NDArray[np.bool_]


def fit_logistic(
    codes: ArrayLike,
    labelled: Sequence[Labelled],
    n_classes: int,
    *,
    Cs: Sequence[float] = CS,
    fixed: float = FIXED,
    folds: int = FOLDS,
) -> LinearHeads:
    """Logistic regression for every trial; C is chosen inside the trial's own labels.

    Each head minimises C Σ_i -log p(y_i | x_i) + ½ ‖weights‖² over its labelled images, as
    scikit-learn's `LogisticRegression(C=c)` does, with x the codes minus the mean of the whole
    pool, divided by their root mean squared length (labels are not needed for that; one scale for
    all dimensions, so that dimensions which hold nothing stay small). C is the one with the
    largest log-likelihood of held-out labels in stratified cross-validation, the smaller one of
    equals. The number of folds is `folds` or that of the smallest class, if that is fewer; with
    one label of a class nothing can be held out, and C is `fixed`.

    All trials and folds are solved together.

    Args:
        codes: of the pool, (n, d).
        labelled: the trials.
        n_classes: C.
        Cs: to choose from, ascending.
        fixed: where no choice can be made.
        folds: at most so many, 2 at least.

    Raises:
        ValueError: codes are no codes; a trial has labels of fewer than two classes, or rows or
            labels out of range; a C is not above zero; `folds` is below 2.
    """
    if not Cs or min(*Cs, fixed) <= 0 or folds < 2:
        raise ValueError(
            f"Cs {tuple(Cs)}, fixed {fixed}, {folds} folds; Cs are above "
            "zero, at least one, and there are two folds or more"
        )
    x = as_codes(codes)
    _check(x, labelled, n_classes)
    for number, trial in enumerate(labelled):
        if len(found := np.unique(trial.y)) < 2:
            raise ValueError(
                f"trial {number}: labels of {len(found)} class; two or more can be told apart"
            )
    centre = x.mean(axis=0, dtype=np.float64)
    centred = x - centre.astype(np.float32)
    scale = math.sqrt(float(np.vdot(centred, centred)) / len(x)) or 1.0
    heads = LinearHeads(
        np.zeros((len(labelled), x.shape[1], n_classes), np.float32),
        np.zeros((len(labelled), n_classes), np.float32),
        np.full(len(labelled), float(fixed)),
        np.zeros(len(labelled), bool),
    )
    single = len(Cs) == 1  # leaves nothing to choose, so that no label need be held out
    for alike, n_folds in _alike(labelled, 0 if single else folds):
        grid = np.sort(np.array(Cs if n_folds or single else [fixed], np.float64))
        n = len(labelled[alike[0]].y)
        per_trial = n * max(n_classes * max(n_folds, 1), min(n, x.shape[1]))
        at_once = max(1, _AT_ONCE // per_trial)
        for start in range(0, len(alike), at_once):
            some = alike[start : start + at_once]
            rows = np.stack([labelled[trial].index for trial in some])
            y = np.stack([labelled[trial].y for trial in some])
            stacked = ((x[rows] - centre) / scale).astype(np.float32)
            best, weights, intercepts = _chosen(stacked, y, n_classes, grid, n_folds)
            weights /= scale
            heads.weights[some] = weights
            heads.intercepts[some] = intercepts - np.einsum("d,tdc->tc", centre, weights)
            heads.C[some] = best
            heads.chosen[some] = n_folds > 0
    return heads


def logistic(
    codes: ArrayLike,
    labelled: Sequence[Labelled],
    n_classes: int,
    new: ArrayLike,
    *,
    Cs: Sequence[float] = CS,
    fixed: float = FIXED,
    folds: int = FOLDS,
) -> Probabilities:
    """`fit_logistic`, and the class probabilities of new codes in every trial, (T, m, C)."""
    heads = fit_logistic(codes, labelled, n_classes, Cs=Cs, fixed=fixed, folds=folds)
    return heads.probabilities(new)


def _check(codes: Codes, labelled: Sequence[Labelled], n_classes: int) -> None:
    if not labelled:
        raise ValueError("no trial is given; a head learns from the labels of one")
    for number, trial in enumerate(labelled):
        if len(trial.y) == 0 or len(trial.y) != len(trial.index):
            raise ValueError(
                f"trial {number} has {len(trial.index)} rows and {len(trial.y)} labels; it needs "
                "one at least, and one label for each row"
            )
        for values, end, what in (
            (trial.index, len(codes), "row"),
            (trial.y, n_classes, "label"),
        ):
            wrong = values[(values < 0) | (values >= end)]
            if len(wrong):
                raise ValueError(f"trial {number}: {what} {wrong[0]} is not among 0 to {end - 1}")


def _alike(labelled: Sequence[Labelled], folds: int) -> list[tuple[list[int], int]]:
    """Trials of one size and one number of folds, 0 where nothing can be held out."""
    groups: dict[tuple[int, int], list[int]] = {}
    for number, trial in enumerate(labelled):
        smallest = int(np.unique(trial.y, return_counts=True)[1].min())
        n_folds = min(folds, smallest) if smallest > 1 else 0
        groups.setdefault((len(trial.y), n_folds), []).append(number)
    return [(numbers, n_folds) for (_, n_folds), numbers in groups.items()]


def _chosen(
    x: NDArray[np.float32],
    y: NDArray[np.int64],
    n_classes: int,
    grid: NDArray[np.float64],
    n_folds: int,
) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float32]]:
    """C, weights and intercepts of trials of one size: the best of `grid`."""
    stack = Stack(x, y, n_classes)
    best, start = np.zeros(len(x), int), None
    if n_folds:
        held_out = _folds(y, n_folds)[:, None] == np.arange(n_folds)[:, None]
        path: list[torch.Tensor] = []
        totals = []
        for one in grid:
            # Choosing needs no last digits. Each C begins where the way of the weights from
            # the two before it leads, and the chosen one at the mean of its folds.
            c = np.full(len(x), one)
            tried = stack.solve(~held_out, c, start, _ROUGHLY * one)
            start = 2 * tried.turned - (path[-1] if path else 0)
            path.append(tried.turned)
            found = np.where(held_out, tried.log_probabilities, 0.0)
            totals.append(found.sum(axis=(1, 2), dtype=np.float64))
        best = np.argmax(totals, axis=0)
        start = torch.stack([path[k][trial] for trial, k in enumerate(best)]).mean(2, keepdim=True)
    solved = stack.solve(np.ones((len(y), 1, y.shape[1]), bool), grid[best], start)
    return grid[best], solved.weights[:, 0], solved.intercepts[:, 0]


def _folds(y: NDArray[np.int64], n_folds: int) -> NDArray[np.int64]:
    """Each trial's images are dealt to the folds in turn, class by class, (T, n)."""
    order = np.argsort(y, axis=1, kind="stable")
    folds = np.empty_like(y)
    np.put_along_axis(folds, order, np.arange(y.shape[1])[None] % n_folds, axis=1)
    return folds
