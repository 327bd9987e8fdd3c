"""Wrong labels found: average precision beside cleanlab's scores, on the same codes.

    python -m benchmarks.mislabelled digits
    python -m benchmarks.mislabelled mnist --data-dir DIR --n 10000

5 % of the labels are changed, at random or to the class that a classifier confuses most. Beside
tacit's ranking stand cleanlab's two scores of label quality, by their formulas: on what is usual
for it, cross-validated logistic regression, and on tacit's own probabilities.
"""

import argparse
from itertools import product

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import cross_val_predict
from sklearn.preprocessing import StandardScaler

from tacit.images.dataset import Images
from tacit.images.sources import open_images
from tacit.labels.draws import Labelled
from tacit.labels.mislabelled import SUSPECTED, doubts
from tacit.labels.representations import fitted_components
from tacit.page.codes import codes_for_labelling
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


def quality(labels: NDArray[np.int64], p: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """cleanlab's scores of label quality: self-confidence and normalised margin (Northcutt, Jiang
    and Chuang 2021), lower where a label is worse."""
    rows = np.arange(len(labels))
    own, others = p[rows, labels], p.copy()
    others[rows, labels] = -1
    return {"self_confidence": own, "normalized_margin": own - others.max(axis=1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("--data-dir")
    parser.add_argument("--n", type=int)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--codes", choices=["learned", "pca"], default="learned")
    asked = parser.parse_args()
    images = open_images(asked.source, data_dir=asked.data_dir, train_size=asked.n).train
    assert images.labels is not None
    y, k = images.labels, images.n_classes
    if asked.codes == "pca":
        _, codes = fitted_components(images.scaled().reshape(len(images), -1), 0)
    else:
        codes = codes_for_labelling(Images(images.pixels))
    scaled = StandardScaler().fit_transform(codes)

    def usual(labels: NDArray[np.int64]) -> NDArray[np.float64]:
        head = LogisticRegression(max_iter=400)
        return cross_val_predict(head, scaled, labels, cv=5, method="predict_proba")

    clean = usual(y)
    none = doubts(codes, Labelled(np.arange(len(y)), y), k)
    print(
        f"as they are: {int((none.wrong >= SUSPECTED).sum())} of {len(y):,} suspected, "
        f"{int(none.sure.sum())} sure",
        flush=True,
    )
    print(
        "| labels changed | seed | tacit | suspected: right of | sure: right of | said wrong ",
        end="",
    )
    print("| self-confidence, margin of usual probabilities | of tacit's |")
    means: dict[str, list[list[float]]] = {}
    for kind, seed in product(("random", "confusion"), range(asked.seeds)):
        given = changed(y, clean, 0.05, kind, seed)
        wrong = given != y
        found = doubts(codes, Labelled(np.arange(len(y)), given), k, seed=seed)
        own = average_precision_score(wrong, found.wrong)
        theirs = [
            [average_precision_score(wrong, -score) for score in quality(given, p).values()]
            for p in (usual(given), found.probabilities)
        ]
        shares = [
            f"{int(wrong[which].sum())} of {int(which.sum())}"
            for which in (found.wrong >= SUSPECTED, found.sure)
        ]
        print(
            f"| {kind} | {seed} | {own:.4f} | {' | '.join(shares)} | {found.wrong.mean():.4f} | "
            + " | ".join(", ".join(f"{value:.4f}" for value in pair) for pair in theirs)
            + " |",
            flush=True,
        )
        means.setdefault(kind, []).append([own, *theirs[0], *theirs[1]])
    for kind, rows in means.items():
        print(f"mean, {kind}: " + ", ".join(f"{value:.4f}" for value in np.mean(rows, axis=0)))


if __name__ == "__main__":
    main()
