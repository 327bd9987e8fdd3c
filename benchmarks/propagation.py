"""Label propagation on a VAE's codes of MNIST, beside the published table.

    python -m benchmarks.propagation FOLDER [--draws 20] [--epochs 60] [--clusters 300 1000]
        [--out DIR] [--json FILE]

FOLDER holds MNIST's four files. A plain VAE (784-400-20, Bernoulli) is trained on the 60,000
training images by `tacit run`; a folder DIR that holds it already is used again. The posterior
means of all 70,000 images make one graph of ten neighbours, on which each draw's labels are spread;
accuracy is on the images without a label. The published row is of Calder, Cook, Thorpe and Slepčev
2020: means and standard deviations over 100 draws, the class shares known to Poisson MBO. Below it
the inductive value: a graph of the training images alone, the test images labelled by their
neighbours in it. With `--clusters` the graphs are not those of the VAE's codes but of codes that
find so many clusters of them again in moved images (`tacit.labels.clusters`), no label being read
either; for the inductive value, from the training images alone. On one core the VAE takes about
five minutes, clusters two, a graph seven seconds, and a draw one second (Laplace, Poisson) to four
(Poisson MBO).
"""

import argparse
import json
import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tacit.images.dataset import Images
from tacit.images.sources import open_images
from tacit.labels.clusters import learn_clusters, side_by_side
from tacit.labels.draws import Labelled, nested_draws
from tacit.labels.heads.linear import nearest
from tacit.labels.networks import codes_of as encode
from tacit.labels.propagation.graph import neighbour_graph
from tacit.labels.propagation.propagate import extend, propagate
from tacit.saved.trained import load

BUDGETS = (1, 3, 5, 10)
STUDY = """\
title: A plain VAE
images: {{source: mnist}}
seeds: [0]
defaults:
  network: {{kind: dense, hidden: [400]}}
  likelihood: {{kind: bernoulli, binarize: none}}
  latent_dim: 20
  batch_size: 128
  epochs: {epochs}
runs:
  vae: {{learn: vae}}
questions: []
"""
PUBLISHED = {  # mean and standard deviation over 100 draws, by labels per class
    "Laplace": ((16.1, 6.2), (42.0, 12.4), (69.5, 12.2), (91.3, 3.7)),
    "Poisson": ((90.2, 4.0), (94.5, 1.1), (95.3, 0.7), (95.9, 0.4)),
    "Poisson MBO, shares known": ((96.5, 2.6), (97.2, 0.1), (97.2, 0.1), (97.2, 0.1)),
}


def vae_codes(
    data: Path, out: Path, epochs: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], Images, Images]:
    """Codes of the training and of the test images, and these."""
    study = out / "plain-vae.yaml"
    out.mkdir(parents=True, exist_ok=True)
    study.write_text(STUDY.format(epochs=epochs), encoding="utf-8")
    run = [sys.executable, "-m", "tacit", "run", study, "--data-dir", data, "--out", out]
    subprocess.run([str(part) for part in run], check=True)
    model, images = load(out / "plain-vae", "vae"), open_images("mnist", data_dir=data)
    sides = images.train, images.test
    return *(model.encode(side.pixels) for side in sides), *sides


def found_again(
    counts: list[int], codes: NDArray[np.float32], images: Images, new: Images
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Codes of `images`, and of `new` ones, that find clusters of `codes` again."""
    encoders = [learn_clusters(images, codes, n_clusters=n, seed=0) for n in counts]
    own, others = ([encode(encoder, side) for encoder in encoders] for side in (images, new))
    return side_by_side(own), side_by_side(others, like=own)


def accuracies(
    scores: NDArray[np.float32], labels: NDArray[np.int64], drawn: list[Labelled]
) -> list[float]:
    """Percent right of the images without a label, in each draw."""
    found = []
    for trial, own in zip(scores, drawn, strict=True):
        right = trial.argmax(axis=1) == labels
        found.append(100 * float(np.delete(right, own.index).mean()))
    return found


def ways(labels: NDArray[np.int64]) -> dict[str, dict[str, Any]]:
    """Rows of the table as arguments of `propagate`."""
    shares = np.bincount(labels) / len(labels)
    mbo = {"method": "poisson-mbo"}
    return {
        "Laplace": {"method": "laplace"},
        "Poisson": {"method": "poisson"},
        "Poisson MBO, shares known": {**mbo, "shares": shares},
        "Poisson MBO, shares equal": mbo,
        "Poisson MBO, equal to a tenth": {**mbo, "slack": 0.1},
    }


def line(name: str, values: list[float], published: tuple[float, float] | None = None) -> str:
    """Mean, standard deviation, smallest and largest, and how far the published mean is."""
    mean, sd = np.mean(values), np.std(values, ddof=1)
    text = f"  {name:32s} {mean:6.2f} ({sd:5.2f})  {min(values):6.2f} to {max(values):6.2f}"
    if published is None:
        return text
    margin = 2 * math.sqrt(sd**2 / len(values) + published[1] ** 2 / 100)
    return f"{text}   published {published[0]:5.1f} ({published[1]:4.1f}), 2 s.e. {margin:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="of MNIST's four files")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--clusters", type=int, nargs="+", default=[], help="how many")
    parser.add_argument("--out", type=Path, default=Path("tacit-out"))
    parser.add_argument("--json", type=Path, help="write every draw to this file")
    given = parser.parse_args()
    torch.set_num_threads(1)
    train, test, images, new = vae_codes(given.folder, given.out, given.epochs)
    train_labels, test_labels = images.labels, new.labels
    pool, labels = np.concatenate([train, test]), np.concatenate([train_labels, test_labels])
    if given.clusters:
        every = Images(np.concatenate([images.pixels, new.pixels]), None, ())
        pool, _ = found_again(given.clusters, pool, every, every.take(np.arange(1)))
        unlabelled = Images(images.pixels, None, ())
        train, test = found_again(given.clusters, train, unlabelled, new)
    names = [str(digit) for digit in range(10)]
    found: dict[str, list[float]] = {}

    begun = time.process_time()
    graph = neighbour_graph(pool)
    print(f"graph of {len(pool):,} images: {time.process_time() - begun:.1f} s of one core")
    drawn = nested_draws(labels, BUDGETS, given.draws, names).labelled(labels)
    for number, (budget, trials) in enumerate(zip(BUDGETS, drawn, strict=True)):
        print(f"{budget} labels per class, transductive, % right of the others, mean (sd)")
        name = "nearest labelled code"
        values = accuracies(nearest(pool, trials, 10, pool), labels, trials)
        print(line(name, values), flush=True)
        found[f"{budget} per class, {name}"] = values
        for name, how in ways(labels).items():
            begun = time.process_time()
            values = accuracies(propagate(graph, trials, 10, **how), labels, trials)
            took = (time.process_time() - begun) / len(trials)
            published = PUBLISHED.get(name, [None] * len(BUDGETS))[number]
            print(line(name, values, published), f"  {took:.1f} s a draw", flush=True)
            found[f"{budget} per class, {name}"] = values

    inside = neighbour_graph(train)
    drawn = nested_draws(train_labels, BUDGETS, given.draws, names).labelled(train_labels)
    for budget, trials in zip(BUDGETS, drawn, strict=True):
        print(f"{budget} labels per class, inductive, % right of the 10,000 test images")
        for name, how in ways(train_labels).items():
            scores = extend(train, propagate(inside, trials, 10, **how), test)
            values = [100 * float((trial.argmax(axis=1) == test_labels).mean()) for trial in scores]
            print(line(name, values), flush=True)
            found[f"{budget} per class, {name}, inductive"] = values
    if given.json is not None:
        given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
