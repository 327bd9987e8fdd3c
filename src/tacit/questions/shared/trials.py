"""Trying pairs: what is known to a method, what it answers in each trial, and how right that is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tacit.images.dataset import UNLABELLED, Images
from tacit.labels.draws import Draws, Labelled
from tacit.labels.methods import Answered, Problem
from tacit.labels.pairs import Pair
from tacit.labels.representations import (
    Represented,
    learned,
    pixels,
    principal_components,
    untrained,
)
from tacit.measures.classifiers import calibration_excess
from tacit.measures.distances import Floats
from tacit.models.models import Classifier
from tacit.models.networks import GivenCodes
from tacit.models.pretrained import PretrainedNetwork
from tacit.progress import part_by_part
from tacit.questions.base import Arrays, Runs
from tacit.training.examples import Examples

Truth = NDArray[np.int64]
Kind = TypeVar("Kind", bound=np.generic)


BINS = 15
"""Of confidence, for the reliability diagram."""


@dataclass(frozen=True)
class Columns:
    """A pair's trials, budget by budget and draw by draw, (B · D,) each; NaN where undefined.

    Attributes:
        test, unlabelled: accuracy on the test images, and on the images of the pool that have no
            label in the trial.
        calibration_error, calibration_error_with_temperature: by how much confidence and accuracy
            differ, as answers come and with a temperature fitted within the labels.
        C, C_chosen: of logistic regression, and whether it was chosen within the labels.
    """

    test: Floats | None = None
    unlabelled: Floats | None = None
    calibration_error: Floats | None = None
    calibration_error_with_temperature: Floats | None = None
    C: Floats | None = None
    C_chosen: Floats | None = None


@dataclass(frozen=True)
class OfPair:
    """What else is kept of a pair.

    Attributes:
        oracle: whether it has seen all labels, by itself or through its codes.
        right: whether each test image is answered rightly in each trial, (B, D, N); None where
            answers are for the pool.
        bins: images, Σ confidence and Σ right in bins of confidence, (B, D, `BINS`, 3).
    """

    oracle: bool
    right: NDArray[np.bool_] | None = None
    bins: Floats | None = None


@dataclass(frozen=True)
class Known:
    """The images of a study as the pool, from which labels are drawn, and what is answered for.

    Attributes:
        pool, new: images without their labels; one object where answers are for the pool.
        pool_truth, new_truth: their classes, `UNLABELLED` where unknown.
        drawn: which of the pool's labels each trial sees.
        trials: those labels: for each budget, one `Labelled` a draw.
    """

    pool: Images
    new: Images
    pool_truth: Truth
    new_truth: Truth
    drawn: Draws
    trials: list[list[Labelled]]

    @property
    def within(self) -> bool:
        """Whether answers are for the unlabelled images of the pool."""
        return self.new is self.pool


def known(train: Images, test: Images, drawn: Draws) -> Known:
    """Cut the labels out: into the trials, and into the truth that answers are compared with."""
    if drawn.pool == "all":
        both = np.concatenate([train.truth, test.truth])
        pool = Images(np.concatenate([train.pixels, test.pixels]))
        return Known(pool, pool, both, both, drawn, drawn.labelled(both))
    tested = np.flatnonzero(test.truth != UNLABELLED)
    new = Images(test.pixels) if len(tested) == len(test) else Images(test.pixels[tested])
    return Known(
        Images(train.pixels),
        new,
        train.truth,
        test.truth[tested],
        drawn,
        drawn.labelled(train.truth),
    )


def measured(pair: Pair, given: Known, n_classes: int, runs: Runs) -> tuple[Columns, OfPair]:
    """Every trial of a pair."""
    problem = problem_of(pair, given, n_classes, runs)
    rows: list[Arrays] = []
    for budget, trials in enumerate(part_by_part(given.trials)):

        def of(answered: Answered, trials: list[Labelled] = trials) -> Arrays:
            return _row(answered, given, trials[answered.trial], pair, len(runs.train))

        rows += each_trial(pair, problem, trials, of, f"{pair.name}-{budget}", runs)
    shape = len(given.trials), -1
    known = {each.name for each in fields(Columns)} & {name for row in rows for name in row}
    columns = {name: np.array([row.get(name, np.nan) for row in rows]) for name in known}
    oracle = pair.run is not None and runs[pair.run].config.learn == "classifier"
    return Columns(**columns), OfPair(
        oracle,
        _stacked(rows, "right", shape, np.bool_),
        _stacked(rows, "bins", shape, np.float64),
    )


def _stacked(
    rows: Sequence[Arrays], name: str, shape: tuple[int, int], kind: type[Kind]
) -> NDArray[Kind] | None:
    """What every trial has of that name, by budget and draw; None where none has it."""
    if name not in rows[0]:
        return None
    whole = np.stack([row[name] for row in rows]).astype(kind)
    return whole.reshape(*shape, *whole.shape[1:])


def each_trial(
    pair: Pair,
    problem: Problem,
    trials: Sequence[Labelled],
    of: Callable[[Answered], Arrays],
    name: str,
    runs: Runs,
) -> list[Arrays]:
    """What `of` makes of the answers to each trial; what an earlier try kept is not done again.

    name: of the files that are kept, before the trial's number.
    """
    names = [f"{name}-{number}" for number in range(len(trials))]
    missing = [number for number, each in enumerate(names) if not runs.has_kept(each)]
    answers = pair.using.answers(problem, trials, missing) if missing else iter(())
    return [runs.kept(each, lambda: of(next(answers))) for each in part_by_part(names)]


def problem_of(pair: Pair, given: Known, n_classes: int, runs: Runs) -> Problem:
    """What the pair's method may know, besides the labels of its trials."""
    seen = _represented(pair, given, runs)
    pool: Examples = given.pool
    new: Examples = given.new
    if pair.trained_encoder is not None:
        pool, new, network = _trainable(pair.trained_encoder, given, runs)
        seen = replace(seen, encoder=network)
    return Problem(
        pool,
        new,
        seen,
        n_classes,
        shares=_shares(pair, given, n_classes),
        slack=pair.allowed_slack,
        recipe=pair.trained_by(),
        seed=runs.seed,
        trained=_classifier(pair, runs),
    )


def _row(answered: Answered, given: Known, labelled: Labelled, pair: Pair, n_train: int) -> Arrays:
    """How right one trial's answers are, by the names of `Columns` and `OfPair`."""
    unlabelled = given.pool_truth != UNLABELLED
    unlabelled[labelled.index] = False
    if pair.using.oracle:  # of the pool, it has not seen the labels of the test images alone
        unlabelled[:n_train] = False
    numbers = {name.replace("-", "_"): value for name, value in answered.settings.items()}
    row: Arrays = {}
    if given.within:
        scores, truth = answered.new[unlabelled], given.pool_truth[unlabelled]
        numbers["unlabelled"] = accuracy(scores, truth)
    else:
        scores, truth = answered.new, given.new_truth
        row["right"] = scores.argmax(axis=1) == truth
        numbers["test"] = accuracy(scores, truth)
        if answered.pool is not None:
            own = answered.pool[unlabelled], given.pool_truth[unlabelled]
            numbers["unlabelled"] = accuracy(*own)
    if pair.using.confident and len(truth):
        row["bins"] = binned(scores, truth)
        numbers["calibration_error"] = calibration_excess(scores, truth, BINS)
        scaled = answered.scaled()
        if scaled is not None:
            scaled = scaled[unlabelled] if given.within else scaled
            numbers["calibration_error_with_temperature"] = calibration_excess(scaled, truth, BINS)
    return row | {name: np.array(value, np.float64) for name, value in numbers.items()}


def accuracy(scores: NDArray[np.floating[Any]], truth: Truth) -> float:
    """The share of right answers; NaN where there is none to compare."""
    return float(np.mean(scores.argmax(axis=1) == truth)) if len(truth) else np.nan


def binned(probabilities: NDArray[np.floating[Any]], truth: Truth) -> Floats:
    """Images, Σ confidence and Σ right in bins of confidence of equal width, (`BINS`, 3)."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == truth
    which = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    return np.stack(
        [np.bincount(which, weights, BINS) for weights in (None, confidence, right)], axis=1
    ).astype(np.float64)


def _classifier(pair: Pair, runs: Runs) -> Classifier | None:
    """The run as a classifier, where that is what the method reads."""
    if pair.using.reads != "classifier":
        return None
    return runs[pair.codes].model_as(Classifier)


def _represented(pair: Pair, given: Known, runs: Runs) -> Represented:
    """The images as the pair's method sees them."""
    new = Images(given.pool.pixels[:0]) if given.within else given.new
    if pair.using.reads in ("images", "classifier"):
        nothing = np.empty((0, 0), np.float32)
        return Represented(nothing, nothing)
    if pair.encoder is not None:
        found = _from_elsewhere(pair.encoder, given, runs)
    elif pair.codes == "pixels":
        found = pixels(given.pool, new)
    elif pair.codes == "pca":
        found = principal_components(given.pool, new, runs.seed)
    elif pair.codes == "random":
        found = untrained(given.pool, new, runs.seed)
    else:
        found = learned(runs[pair.codes].model(), given.pool, new, runs.seed)
    return replace(found, new=found.pool) if given.within else found


def _from_elsewhere(encoder: str, given: Known, runs: Runs) -> Represented:
    """Codes of an encoder from elsewhere, of the images that `known` put together."""
    train, test = runs.features(encoder)
    pool = np.concatenate([train, test]) if given.drawn.pool == "all" else train
    codes = GivenCodes(encoder, pool.shape[1])
    if given.within:
        return Represented(pool, pool[:0], codes)
    return Represented(pool, test[runs.test.truth != UNLABELLED], codes)


def _trainable(
    encoder: str, given: Known, runs: Runs
) -> tuple[Examples, Examples, PretrainedNetwork]:
    """The images that `known` put together as a network from elsewhere reads them, and it."""
    network, train, test = runs.network(encoder)
    pool = train
    if given.drawn.pool == "all":
        pool = replace(train, pixels=np.concatenate([train.pixels, test.pixels]))
    if given.within:
        return pool, pool, network
    rows = np.flatnonzero(runs.test.truth != UNLABELLED)
    return pool, replace(test, pixels=test.pixels[rows]), network


def _shares(pair: Pair, given: Known, n_classes: int) -> Floats | None:
    """Of the classes, where the method takes them: as they are, uniform, or None to estimate."""
    if pair.knows_shares:
        counts = np.bincount(given.pool_truth[given.pool_truth != UNLABELLED], minlength=n_classes)
        return counts / counts.sum()
    return np.full(n_classes, 1 / n_classes) if pair.takes_uniform_shares else None
