"""Trying pairs: what is known to a method, what it answers in each trial, and how right that is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tacit.files import read_json, write_json
from tacit.images.dataset import UNLABELLED, Images
from tacit.labels.draws import Draws, Labelled
from tacit.labels.methods import Answered, Problem
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
from tacit.questions.base import Measurement, Runs
from tacit.questions.label_efficiency.numbers import BINS, TRIALS
from tacit.questions.shared.pairs import Pair

Truth = NDArray[np.int64]


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
    assert train.labels is not None
    assert test.labels is not None
    if drawn.pool == "all":
        both = np.concatenate([train.labels, test.labels])
        pool = Images(np.concatenate([train.pixels, test.pixels]))
        return Known(pool, pool, both, both, drawn, drawn.labelled(both))
    tested = np.flatnonzero(test.labels != UNLABELLED)
    new = Images(test.pixels) if len(tested) == len(test) else Images(test.pixels[tested])
    return Known(
        Images(train.pixels),
        new,
        train.labels,
        test.labels[tested],
        drawn,
        drawn.labelled(train.labels),
    )


def measured(pair: Pair, given: Known, n_classes: int, runs: Runs) -> Measurement:
    """Every trial of a pair.

    Arrays: of `TRIALS`, one row for each budget and draw, ``PAIR.test``, ``PAIR.unlabelled`` (the
    share of right answers), ``PAIR.calibration-error`` and what was chosen within the labels; and
    ``PAIR/bins``, images, Σ confidence and Σ right in bins of confidence, (B, D, `BINS`, 3).
    """
    problem = problem_of(pair, given, n_classes, runs)
    found: list[dict[str, Any]] = []
    for budget, trials in enumerate(given.trials):
        files = [_kept(runs.keep, pair, budget, draw) for draw in range(len(trials))]
        missing = [d for d, file in enumerate(files) if file is None or not file.exists()]
        rows: dict[int, dict[str, Any]] = {
            d: read_json(file) for d, file in enumerate(files) if file and d not in missing
        }
        for answered in pair.using.answers(problem, trials, missing) if missing else ():
            row = _row(answered, given, trials[answered.trial], pair, len(runs.train))
            rows[answered.trial] = row
            file = files[answered.trial]
            if file is not None:
                write_json(file, row)
        found += [rows[draw] for draw in range(len(trials))]
    return _columns(pair, found, len(given.trials))


def problem_of(pair: Pair, given: Known, n_classes: int, runs: Runs) -> Problem:
    """What the pair's method may know, besides the labels of its trials."""
    return Problem(
        given.pool,
        given.new,
        _represented(pair, given, runs),
        n_classes,
        shares=_shares(pair, given, n_classes),
        slack=pair.allowed_slack,
        recipe=pair.trained_by(),
        seed=runs.seed,
        trained=_classifier(pair, runs),
    )


def _kept(folder: Path | None, pair: Pair, budget: int, draw: int) -> Path | None:
    return None if folder is None else folder / f"{pair.name}-{budget}-{draw}.json"


def _row(
    answered: Answered, given: Known, labelled: Labelled, pair: Pair, n_train: int
) -> dict[str, Any]:
    """How right one trial's answers are, as plain data."""
    unlabelled = given.pool_truth != UNLABELLED
    unlabelled[labelled.index] = False
    if pair.using.oracle:  # of the pool, it has not seen the labels of the test images alone
        unlabelled[:n_train] = False
    row: dict[str, Any] = dict(answered.settings)
    if given.within:
        scores, truth = answered.new[unlabelled], given.pool_truth[unlabelled]
        row["unlabelled"] = accuracy(scores, truth)
    else:
        scores, truth = answered.new, given.new_truth
        row["test"] = accuracy(scores, truth)
        if answered.pool is not None:
            row["unlabelled"] = accuracy(answered.pool[unlabelled], given.pool_truth[unlabelled])
    if pair.using.confident and len(truth):
        row |= {
            "calibration-error": calibration_excess(scores, truth, BINS),
            "bins": binned(scores, truth).tolist(),
        }
        if answered.scaled is not None:
            scaled = answered.scaled[unlabelled] if given.within else answered.scaled
            row["calibration-error-with-temperature"] = calibration_excess(scaled, truth, BINS)
    return row


def accuracy(scores: NDArray[np.floating[Any]], truth: Truth) -> float | None:
    """The share of right answers; None where there is none to compare."""
    return float(np.mean(scores.argmax(axis=1) == truth)) if len(truth) else None


def binned(probabilities: NDArray[np.floating[Any]], truth: Truth) -> Floats:
    """Images, Σ confidence and Σ right in bins of confidence of equal width, (`BINS`, 3)."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == truth
    which = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    return np.stack(
        [np.bincount(which, weights, BINS) for weights in (None, confidence, right)], axis=1
    ).astype(np.float64)


def _columns(pair: Pair, rows: Sequence[dict[str, Any]], n_budgets: int) -> Measurement:
    found = Measurement()
    for name in dict.fromkeys(name for row in rows for name in row):
        if name == "bins":
            bins = np.array([row[name] for row in rows])
            found.arrays[f"{pair.name}/bins"] = bins.reshape(n_budgets, -1, BINS, 3)
        else:
            values = [row.get(name) for row in rows]
            found.arrays[f"{TRIALS}/{pair.name}.{name}"] = np.array(
                [np.nan if value is None else value for value in values], np.float64
            )
    return found


def _classifier(pair: Pair, runs: Runs) -> Classifier | None:
    """The run as a classifier, where that is what the method reads."""
    if pair.using.reads != "classifier":
        return None
    model = runs[pair.codes].model()
    assert isinstance(model, Classifier)
    return model


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
    if given.within:
        return Represented(pool, pool[:0])
    assert runs.test.labels is not None
    return Represented(pool, test[runs.test.labels != UNLABELLED])


def _shares(pair: Pair, given: Known, n_classes: int) -> Floats | None:
    """Of the classes, where the method takes them: as they are, uniform, or None to estimate."""
    if pair.knows_shares:
        counts = np.bincount(given.pool_truth[given.pool_truth != UNLABELLED], minlength=n_classes)
        return counts / counts.sum()
    return np.full(n_classes, 1 / n_classes) if pair.takes_uniform_shares else None
