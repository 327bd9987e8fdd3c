"""What tacit's estimators cost beside scikit-learn's own baselines: digits, 1,257 to learn from.

python -m benchmarks.estimators [--rounds 3]

Seconds of one core to fit, the fewest of the rounds, as they come and with settings that end soon,
as rows held out say, with what they reach on the 540 other digits: the squared error of an image on
[0, 1], accuracy, or nothing where densities of other things do not compare.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KernelDensity
from sklearn.neural_network import MLPClassifier

import tacit

SOON = {
    "learning_rate": 3e-3,
    "max_epochs": 15,
    "min_updates": 1,
    "early_stopping": True,
    "n_iter_no_change": 3,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    images, y = load_digits().images / 16, load_digits().target
    train, test = train_test_split(np.arange(len(y)), test_size=0.3, stratify=y, random_state=0)
    flat = images.reshape(len(y), -1)

    def error(model: Any, x: Any) -> str:
        again = model.inverse_transform(model.transform(x[test]))
        return f"error {np.square(again - x[test]).sum() / len(test):.3f}"

    def right(model: Any, x: Any) -> str:
        return f"{100 * model.score(x[test], y[test]):.1f} %"

    def nothing(model: Any, x: Any) -> str:
        return ""

    rows: list[tuple[str, Callable[[], Any], Any, Callable[[Any, Any], str]]] = [
        ("PCA(16)", lambda: PCA(16), flat, error),
        ("Autoencoder(16)", lambda: tacit.Autoencoder(16), images, error),
        ("Autoencoder(16), soon", lambda: tacit.Autoencoder(16, **SOON), images, error),
        ("LogisticRegression", lambda: LogisticRegression(max_iter=2000), flat, right),
        ("MLPClassifier", MLPClassifier, flat, right),
        ("Classifier", tacit.Classifier, images, right),
        ("Classifier, soon", lambda: tacit.Classifier(**SOON), images, right),
        ("KernelDensity", lambda: KernelDensity(bandwidth=0.5), flat, nothing),
        ("VAE(16)", lambda: tacit.VAE(16), images, nothing),
        ("VAE(16), soon", lambda: tacit.VAE(16, **SOON), images, nothing),
    ]
    for name, make, x, reached in rows:
        taken = []
        for _ in range(rounds):
            model, began = make(), time.process_time()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of rounds that MLPClassifier would go on for
                model.fit(x[train], y[train])
            taken.append(time.process_time() - began)
        print(f"{name:24} {min(taken):8.4f} s  {reached(model, x)}", flush=True)


if __name__ == "__main__":
    main()
