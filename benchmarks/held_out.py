"""What cross-validation of a few labels says, against the truth, on scikit-learn's digits.

    python -m benchmarks.held_out [--draws 200] [--methods nearest,logistic]

For each number of labels of each class, over draws of them: the mean of the estimate; the true
accuracy on all other digits with the labels that its trials learn from, and with all of them; how
often the 95 % interval holds the former (of all draws in the mean, and this draw's own); and the
estimate where labels are shuffled, whose truth is chance. About 7 minutes on a core.
"""

import argparse
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from tacit.labels.choosing import choice_among
from tacit.labels.cross_validation import held_out_trials, turns_for
from tacit.labels.draws import Labelled
from tacit.labels.heads import linear as heads

COUNTS = {
    "2": [2] * 10,
    "3": [3] * 10,
    "5": [5] * 10,
    "10": [10] * 10,
    "20": [20] * 10,
    "2 to 10": [2, 3, 4, 5, 6, 2, 3, 4, 5, 10],
    "1 or 3": [1, 1, 3, 3, 3, 3, 3, 3, 3, 3],
}
"""How many labels the ten classes have."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--methods", default="nearest,logistic")
    given = parser.parse_args()
    print("method    labels   said   true  with all  covers, in the mean / own  shuffled (chance)")
    for method in given.methods.split(","):
        for name, counts in COUNTS.items():
            rng = np.random.default_rng(1)
            rows = np.array([_draw(method, counts, rng) for _ in range(given.draws)])
            said, low, high, true, own = rows.T
            shuffled = np.mean([_draw(method, counts, rng, shuffle=True)[0] for _ in said[::4]])
            can = np.array([n for n in counts if n > 1])
            mean, each = (np.mean((low <= t) & (t <= high)) for t in (true.mean(), true))
            print(
                f"{method:9} {name:8} {said.mean():.3f}  {true.mean():.3f}  {own.mean():.3f}     "
                f"{mean:.2f} / {each:.2f}                 {shuffled:.3f} "
                f"({can @ can / can.sum() / sum(counts):.3f})",
                flush=True,
            )


def _draw(
    method: str, counts: Sequence[int], rng: np.random.Generator, *, shuffle: bool = False
) -> tuple[float, float, float, float, float]:
    """Said, with its interval; the truth with the labels of the trials, and with all labels."""
    digits = load_digits()
    x, y = (digits.data / 16).astype(np.float32), digits.target.astype(np.int64)
    index = np.sort(
        np.concatenate(
            [rng.choice(np.flatnonzero(y == k), n, replace=False) for k, n in enumerate(counts)]
        )
    )
    labelled = Labelled(index, rng.permutation(y[index]) if shuffle else y[index])
    trials = held_out_trials(labelled, turns_for(labelled.y), seed=0)
    answers = _answers(method, x, [*(trial.learned for trial in trials), labelled])
    right = [a[index[t.held]] == labelled.y[t.held] for a, t in zip(answers, trials, strict=False)]
    said = choice_among({method: np.concatenate(right)}, trials, [method]).accuracy(method)
    assert said.value is not None
    assert said.low is not None
    assert said.high is not None
    # Classes count as their labels do; one with a single label is never held out.
    weights = np.array([n if n > 1 else 0 for n in counts]) / sum(n for n in counts if n > 1)
    rest = np.delete(np.arange(len(y)), index)
    truths = [
        float((a[rest] == y[rest]) @ (weights / np.bincount(y[rest]))[y[rest]]) for a in answers
    ]
    return said.value, said.low, said.high, float(np.mean(truths[:-1])), truths[-1]


def _answers(method: str, x: NDArray[np.float32], trials: Sequence[Labelled]) -> NDArray[np.int64]:
    """Classes of all images in every trial."""
    if method == "nearest":
        return heads.nearest(x, trials, 10, x).argmax(axis=2)
    return heads.logistic(x, trials, 10, x, Cs=[100.0], fixed=100.0).argmax(axis=2)


if __name__ == "__main__":
    main()
