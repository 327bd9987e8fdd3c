"""Logistic heads of 300 few-label trials, all together beside one after another.

    python -m benchmarks.few_label_heads [--data-dir DIR] [--draws 10] [--json FILE]

Five budgets (1, 3, 10, 30 and 100 labels per class) of ten draws on six representations of 20,000
images: pixels, principal components, and the codes of an untrained encoder, of an autoencoder and
of two VAEs that were trained for an epoch. Each trial chooses among four Cs by
cross-validation in at most five folds where it has two labels of each class. The same fits one
after another, every C and fold by itself: by scikit-learn's LogisticRegression at its own
tolerance (1e-4) and at 1e-6, and by tacit's own solver. "Trial by trial" is `fit_logistic` with one
trial at a time. How far scikit-learn's probabilities are from ours at its tolerances, and at 1e-9,
stands below the table. Times are of one core's use.
"""

import argparse
import json
import math
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from benchmarks.data import images_of
from tacit.images.dataset import Images
from tacit.labels import representations
from tacit.labels.draws import Labelled, nested_draws
from tacit.labels.heads.linear import CS, FIXED, FOLDS, Probabilities, fit_logistic
from tacit.labels.heads.stacked import Stack
from tacit.models.config import DenseNetwork, GaussianTable, ModelConfig, build
from tacit.streams import seeded_initialisation
from tacit.training.loop import fit
from tacit.training.objectives import ObjectiveTable, objective_of
from tacit.training.schedule import Schedule

Codes = NDArray[np.float32]
LogProbabilities = Callable[[Codes], NDArray[np.floating]]
OneFit = Callable[[Codes, NDArray[np.int64], float], LogProbabilities]

BUDGETS, N_IMAGES = (1, 3, 10, 30, 100), 20_000
DENSE = DenseNetwork(hidden=(400,))
LEARNED = {
    "autoencoder, 16": ModelConfig(learn="autoencoder", shape=(1, 28, 28), latent_dim=16),
    "VAE, 20": ModelConfig(
        learn="vae", shape=(1, 28, 28), latent_dim=20, network=DENSE, likelihood=GaussianTable()
    ),
    "VAE, 200": ModelConfig(
        learn="vae", shape=(1, 28, 28), latent_dim=200, network=DENSE, likelihood=GaussianTable()
    ),
}


def codes_of(pool: Images) -> Iterator[tuple[str, Codes]]:
    """Names and codes of the six representations."""
    none = pool.take(np.arange(0))
    yield "pixels, 784", representations.pixels(pool, none).pool
    yield "principal components, 50", representations.principal_components(pool, none, 0).pool
    yield "untrained, 16", representations.untrained(pool, none, 0).pool
    for name, config in LEARNED.items():
        with seeded_initialisation(0):
            model = build(config)
        schedule = Schedule(len(pool), 128, math.ceil(len(pool) / 128))
        fit(model, objective_of(config, ObjectiveTable()), pool, schedule, seed=0)
        yield name, representations.learned(model, pool, none, 0).pool


def by_scikit_learn(x: Codes, y: NDArray[np.int64], c: float, *, tolerance: float) -> Any:
    """A fit by scikit-learn."""
    model = LogisticRegression(C=c, tol=tolerance, max_iter=10_000)
    return model.fit(x, y).predict_log_proba


def by_tacit(x: Codes, y: NDArray[np.int64], c: float) -> LogProbabilities:
    """The same fit by tacit's solver."""
    every = np.ones((1, 1, len(y)), bool)
    found = Stack(x[None], y[None], 10).solve(every, np.array([c]))
    weights, intercepts = (torch.from_numpy(part[0, 0]) for part in found[:2])
    return lambda new: (torch.from_numpy(new) @ weights + intercepts).log_softmax(1).numpy()


def one_after_another(x: Codes, trials: list[Labelled], fitted: OneFit) -> None:
    """Every fit of every trial by itself, on codes scaled as `fit_logistic` scales them."""
    for rows, y in trials:
        best = FIXED
        n_folds = min(FOLDS, int(np.bincount(y).min()))
        if n_folds > 1:
            totals = []
            for c in CS:
                total = 0.0
                for learned, held in StratifiedKFold(n_folds).split(rows, y):
                    found = fitted(x[rows[learned]], y[learned], c)(x[rows[held]])
                    total += float(found[np.arange(len(held)), y[held]].sum())
                totals.append(total)
            best = CS[int(np.argmax(totals))]
        fitted(x[rows], y, best)


KINDS: dict[str, OneFit] = {
    "scikit-learn": partial(by_scikit_learn, tolerance=1e-4),
    "scikit-learn, tol 1e-6": partial(by_scikit_learn, tolerance=1e-6),
    "tacit, fit by fit": by_tacit,
}


def difference(
    x: NDArray[np.float64], trial: Labelled, c: float, ours: Probabilities, tolerance: float
) -> float:
    """The largest difference of a probability from scikit-learn's, in float64, at one C."""
    model = LogisticRegression(C=c, tol=tolerance, max_iter=100_000)
    theirs = model.fit(x[trial.index], trial.y).predict_proba(x[: len(ours)])
    return float(np.abs(ours - theirs).max())


def scaled(codes: Codes) -> NDArray[np.float64]:
    """As `fit_logistic` says."""
    centred = codes - codes.mean(axis=0, dtype=np.float64)
    return centred / np.sqrt(np.square(centred).sum(axis=1).mean())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", help="the folder of MNIST's four files; else noise")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.filterwarnings("ignore", "divide by zero")  # probabilities of zero, at its tolerance
    pool = images_of(given.data_dir, N_IMAGES).train
    assert pool.labels is not None
    budgets = nested_draws(pool.labels, BUDGETS, given.draws, pool.class_names)
    trials = [trial for of_budget in budgets.labelled(pool.labels) for trial in of_budget]
    kinds = ("together", "trial by trial", *KINDS)
    seconds: dict[str, dict[str, float]] = {}
    errors: dict[float, list[float]] = {tolerance: [] for tolerance in (1e-4, 1e-6, 1e-9)}
    for name, codes in codes_of(pool):
        exact = scaled(codes)
        x = exact.astype(np.float32)
        for start, budget in zip(range(0, len(trials), given.draws), BUDGETS, strict=True):
            some, took = trials[start : start + given.draws], dict.fromkeys(kinds, 0.0)
            seconds[f"{name}; {budget}"] = took

            def timed(kind: str, begun: float, took: dict[str, float] = took) -> float:
                took[kind] += time.process_time() - begun
                return time.process_time()

            begun = time.process_time()
            heads = fit_logistic(codes, some, 10)
            begun = timed("together", begun)
            for trial in some:
                fit_logistic(codes, [trial], 10)
            begun = timed("trial by trial", begun)
            for kind, fitted in KINDS.items():
                one_after_another(x, some, fitted)
                begun = timed(kind, begun)
            ours, c = heads.probabilities(codes[:1000])[0], heads.C[0]
            for tolerance, off in errors.items():
                off.append(difference(exact, some[0], c, ours, tolerance))
    print(f"seconds for {given.draws} draws, and what tacit together takes as a part of each")
    total = {kind: sum(took[kind] for took in seconds.values()) for kind in kinds}
    for name, took in [*seconds.items(), ("in all", total)]:
        ratios = [
            f"{kind} {took[kind]:.2f} ({took['together'] / took[kind]:.2f})" for kind in kinds
        ]
        print(f"{name:30s}", "   ".join(ratios))
    worst = {f"{tolerance:g}": max(off) for tolerance, off in errors.items()}
    print("largest difference of a probability from scikit-learn's, first draws, at its tolerance:")
    print("   ".join(f"{tolerance}: {off:.1e}" for tolerance, off in worst.items()))
    if given.json is not None:
        found = {"seconds": seconds, "largest differences": worst}
        given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
