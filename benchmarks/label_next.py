"""Labels that `tacit learn` asks for against labels at random, on scikit-learn's digits.

    python -m benchmarks.label_next [--per-class 3] [--more 20] [--draws 20]

Codes are 20 principal components. From a draw of labels on, `--more` are added: those asked for,
at random, or those of the least certain images. Prints the accuracy on the images that have no
label then, and the paired difference over draws.
"""

import argparse

import numpy as np
from scipy.special import softmax
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from tacit.labels.acquisition import ask_next
from tacit.labels.draws import Labelled, nested_draws
from tacit.labels.heads import linear as heads
from tacit.labels.propagation.graph import neighbour_graph
from tacit.labels.propagation.propagate import propagate
from tacit.measures.formatting import show
from tacit.measures.intervals import paired
from tacit.streams import numpy_stream


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("per-class", 3), ("more", 20), ("draws", 20)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    digits = load_digits()
    y = digits.target.astype(np.int64)
    codes = PCA(20, random_state=0).fit_transform(digits.images.reshape(len(y), -1) / 16)
    graph = neighbour_graph(codes)
    names = [str(digit) for digit in range(10)]
    (few,) = nested_draws(y, [given.per_class], given.draws, names).labelled(y)

    def more(trial: Labelled, rows: np.ndarray) -> Labelled:
        index = np.sort(np.concatenate([trial.index, rows]))
        return Labelled(index, y[index])

    def poisson(trials: list[Labelled]) -> np.ndarray:
        scores = propagate(graph, trials, 10, method="poisson")
        return softmax(2 * scores / scores.std(axis=(1, 2), keepdims=True), axis=2)

    def logistic(trials: list[Labelled]) -> np.ndarray:
        return heads.logistic(codes, trials, 10, codes)

    def percent(answers: np.ndarray, trials: list[Labelled]) -> list[float]:
        rest = [np.delete(np.arange(len(y)), trial.index) for trial in trials]
        right = answers.argmax(axis=2) == y
        return [100 * float(r[rows].mean()) for r, rows in zip(right, rest, strict=True)]

    for name, way in (("logistic", logistic), ("poisson", poisson)):
        known = way(few)
        first = percent(known, few)
        ways: dict[str, list[Labelled]] = {"asked for": [], "random": [], "least certain": []}
        for draw, (trial, p) in enumerate(zip(few, known, strict=True)):
            rest = np.delete(np.arange(len(y)), trial.index)
            ordered = np.sort(p[rest], axis=1)
            unsure = rest[np.argsort(ordered[:, -1] - ordered[:, -2], kind="stable")]
            luck = numpy_stream(draw, "at random").choice(rest, given.more, replace=False)
            ways["asked for"].append(more(trial, ask_next(graph, p, trial, given.more)[0]))
            ways["random"].append(more(trial, luck))
            ways["least certain"].append(more(trial, unsure[: given.more]))
        found = {which: percent(way(trials), trials) for which, trials in ways.items()}
        said = ", ".join(f"{which} {np.mean(a):.1f}" for which, a in found.items())
        gain = paired(found["asked for"], found["random"], over="draws", unit="points")
        print(
            f"{name}: from {np.mean(first):.1f} % to: {said}; asked for minus random {show(gain)}"
        )


if __name__ == "__main__":
    main()
