"""Wrong labels found: average precision beside cleanlab's, on the same codes.

    python -m benchmarks.mislabelled digits
    python -m benchmarks.mislabelled mnist --data-dir DIR --n 10000

5 % of the labels are changed, at random or to the class that a classifier confuses most. cleanlab
is compared where it is installed (pip install cleanlab, in an environment of its own): on its usual
cross-validated logistic regression, and on tacit's own probabilities.
"""

import argparse
from itertools import product

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import cross_val_predict
from sklearn.preprocessing import StandardScaler

from tacit.images.sources import open_images
from tacit.labels.draws import Labelled
from tacit.labels.mislabelled import doubts
from tacit.labels.representations import fitted_components
from tacit.streams import numpy_stream


def changed(
    y: NDArray[np.int64], p: NDArray[np.float64], share: float, kind: str, seed: int
) -> NDArray[np.int64]:
    """Labels of which a share is another class: any, or the likeliest of the others by `p`."""
    rng = numpy_stream(seed, "changed labels", kind)
    rows = rng.choice(len(y), round(share * len(y)), replace=False)
    found = y.copy()
    if kind == "random":
        found[rows] = (y[rows] + rng.integers(1, p.shape[1], len(rows))) % p.shape[1]
    else:
        others = np.array([p[y == c].mean(axis=0) for c in range(p.shape[1])])
        np.fill_diagonal(others, -1)
        found[rows] = others.argmax(axis=1)[y[rows]]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("--data-dir")
    parser.add_argument("--n", type=int)
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    images = open_images(asked.source, data_dir=asked.data_dir, train_size=asked.n).train
    assert images.labels is not None
    y, k = images.labels, images.n_classes
    _, codes = fitted_components(images.scaled().reshape(len(images), -1), 0)
    scaled = StandardScaler().fit_transform(codes)

    def usual(labels: NDArray[np.int64]) -> NDArray[np.float64]:
        head = LogisticRegression(max_iter=400)
        return cross_val_predict(head, scaled, labels, cv=5, method="predict_proba")

    clean = usual(y)
    print("| labels changed | seed | tacit | sure: right of | cleanlab, its own | on tacit's |")
    for kind, seed in product(("random", "confusion"), range(asked.seeds)):
        given = changed(y, clean, 0.05, kind, seed)
        wrong = given != y
        found = doubts(codes, Labelled(np.arange(len(y)), given), k, seed=seed)
        own = average_precision_score(wrong, found.wrong)
        sure = found.wrong > 0.95
        try:
            from cleanlab.rank import get_label_quality_scores as quality
        except ModuleNotFoundError:
            theirs = [float("nan")] * 2
        else:
            theirs = [
                max(
                    average_precision_score(wrong, -quality(given, p, method=method))
                    for method in ("self_confidence", "normalized_margin")
                )
                for p in (usual(given), found.probabilities)
            ]
        print(
            f"| {kind} | {seed} | {own:.4f} | {int(wrong[sure].sum())} of {int(sure.sum())} | "
            f"{theirs[0]:.4f} | {theirs[1]:.4f} |",
            f"said wrong {found.wrong.mean():.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
