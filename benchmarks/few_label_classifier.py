"""`tacit.FewLabelClassifier` beside scikit-learn's `LabelSpreading`: digits with 30 labels.

python -m benchmarks.few_label_classifier [--draws 5] [--method poisson-mbo]

Accuracy on the 1,767 digits without a label, three labels of each class, by draw and in the mean.
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits
from sklearn.semi_supervised import LabelSpreading

import tacit
from tacit.images import few_label_draw

RIVALS = {
    "LabelSpreading, 7 neighbours": LabelSpreading(kernel="knn"),
    "LabelSpreading, RBF": LabelSpreading(),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--method", default="auto")
    options = parser.parse_args()
    x, y = load_digits(return_X_y=True)
    found: dict[str, list[float]] = {}
    ours = tacit.FewLabelClassifier(method=options.method)
    for draw in range(options.draws):
        few = np.full(len(y), -1)
        rows = few_label_draw(y, per_class=3, draw=draw)
        few[rows] = y[rows]
        for name, model in {"FewLabelClassifier": ours, **RIVALS}.items():
            model.fit(x / 16, few)
            right = model.transduction_[few == -1] == y[few == -1]
            found.setdefault(name, []).append(float(right.mean()))
    for name, shares in found.items():
        each = " ".join(f"{100 * share:.1f}" for share in shares)
        print(f"{name}: {100 * np.mean(shares):.1f} % ({each})")


if __name__ == "__main__":
    main()
