"""Logistic heads of 300 few-label trials, all together beside one after another.

    python -m benchmarks.few_label_heads [--codes FILE] [--draws 10] [--json FILE]

Five budgets (1, 3, 10, 30 and 100 labels per class) of ten draws on six representations: five of 20
dimensions and one of 784, as codes and pixels are. Without FILE (an .npz with `train` and
`train_labels`, standing in for all six: projected at random onto 20 dimensions, and onto 784) ten
Gaussian classes are drawn. Each trial chooses among four strengths by cross-validation in at most
five folds where it has two labels of each class. "One after another" is scikit-learn's
LogisticRegression, the same strengths and folds in a loop, at its own tolerance (1e-4) and at 1e-6;
how far its probabilities then are from ours, and ours from its own at 1e-9, stands below the table.
"Alone" is `fit_logistic` with one trial at a time. Times are of one core's use.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from tacit.labels.draws import Labelled, nested_draws
from tacit.labels.heads import FIXED, FOLDS, STRENGTHS, Probabilities, fit_logistic
from tacit.streams import numpy_stream

BUDGETS, DIMENSIONS = (1, 3, 10, 30, 100), (20, 20, 20, 20, 20, 784)


def gaussian_classes() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """20,000 rows of 20 dimensions in ten classes that touch."""
    noise = numpy_stream(0, "benchmark")
    labels = np.arange(20_000) % 10
    centres = noise.normal(size=(10, 20))
    return (centres[labels] + noise.normal(size=(20_000, 20))).astype(np.float32), labels


def one_after_another(
    x: NDArray[np.float64], trials: list[Labelled], tolerance: float
) -> list[LogisticRegression]:
    """Every trial by itself, on codes scaled as `fit_logistic` scales them."""
    heads = []
    for rows, y in trials:

        def fitted(c: float, some: NDArray[np.int64], mine: Labelled) -> LogisticRegression:
            model = LogisticRegression(C=c, tol=tolerance, max_iter=10_000)
            return model.fit(x[mine.index[some]], mine.y[some])

        mine, best = Labelled(rows, y), FIXED
        n_folds = min(FOLDS, int(np.bincount(y).min()))
        if n_folds > 1:
            totals = []
            for c in STRENGTHS:
                total = 0.0
                for learned, held in StratifiedKFold(n_folds).split(x[rows], y):
                    found = fitted(c, learned, mine).predict_log_proba(x[rows[held]])
                    total += float(found[np.arange(len(held)), y[held]].sum())
                totals.append(total)
            best = STRENGTHS[int(np.argmax(totals))]
        heads.append(fitted(best, np.arange(len(y)), mine))
    return heads


def difference(
    x: NDArray[np.float64], trial: Labelled, strength: float, ours: Probabilities, tolerance: float
) -> float:
    """The largest difference of a probability from scikit-learn's, at one strength and scale."""
    model = LogisticRegression(C=strength, tol=tolerance, max_iter=100_000)
    theirs = model.fit(x[trial.index], trial.y).predict_proba(x[: len(ours)])
    return float(np.abs(ours - theirs).max())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--codes", type=Path)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.codes is None:
        codes, labels = gaussian_classes()
    else:
        with np.load(given.codes) as file:
            codes, labels = file["train"], file["train_labels"].astype(np.int64)
    budgets = nested_draws(labels, BUDGETS, given.draws, [str(c) for c in range(10)])
    trials = [trial for of_budget in budgets.labelled(labels) for trial in of_budget]
    kinds = ("together", "alone", "scikit-learn", "scikit-learn, tol 1e-6")
    seconds = {budget: dict.fromkeys(kinds, 0.0) for budget in BUDGETS}
    errors: dict[float, list[float]] = {tolerance: [] for tolerance in (1e-4, 1e-6, 1e-9)}
    for number, d in enumerate(DIMENSIONS):
        turn = numpy_stream(number, "benchmark", "turn").normal(size=(codes.shape[1], d))
        x = (codes @ turn / np.sqrt(d)).astype(np.float32)
        scaled = x - x.mean(axis=0, dtype=np.float64)
        scaled /= np.sqrt(np.square(scaled).sum(axis=1).mean())
        for start, budget in zip(range(0, len(trials), given.draws), BUDGETS, strict=True):
            some, took = trials[start : start + given.draws], seconds[budget]

            def timed(kind: str, begun: float, took: dict[str, float] = took) -> float:
                took[kind] += time.process_time() - begun
                return time.process_time()

            begun = time.process_time()
            heads = fit_logistic(x, some, 10)
            begun = timed("together", begun)
            for trial in some:
                fit_logistic(x, [trial], 10)
            begun = timed("alone", begun)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                one_after_another(scaled, some, 1e-4)
                begun = timed("scikit-learn", begun)
                one_after_another(scaled, some, 1e-6)
                timed("scikit-learn, tol 1e-6", begun)
            ours, strength = heads.probabilities(x[:1000])[0], heads.strengths[0]
            for tolerance, off in errors.items():
                off.append(difference(scaled, some[0], strength, ours, tolerance))
    print(f"seconds for {given.draws} draws on six representations, and as a part of each")
    total = {kind: sum(took[kind] for took in seconds.values()) for kind in kinds}
    for name, took in [*((f"{b} per class", t) for b, t in seconds.items()), ("in all", total)]:
        ratios = [
            f"{kind} {took[kind]:.2f} ({took['together'] / took[kind]:.2f})" for kind in kinds
        ]
        print(f"{name:14s}", "   ".join(ratios))
    worst = {f"{tolerance:g}": max(off) for tolerance, off in errors.items()}
    print("largest difference of a probability from scikit-learn's, first draws, at its tolerance:")
    print("   ".join(f"{tolerance}: {off:.1e}" for tolerance, off in worst.items()))
    if given.json is not None:
        found = {"seconds": {str(b): t for b, t in seconds.items()}, "largest differences": worst}
        given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
