"""Poisson MBO where classes are not equally frequent: what it takes their shares to be.

    python -m benchmarks.uneven_shares [--draws 4] [--images 1200] [SOURCE … --encoder ENCODER]

Of scikit-learn's digits and the embedded MNIST digits, images are left out so that the largest
class has so many times as many images as the smallest (shares fall geometrically, in an order drawn
for each draw). Labels are spread over the graph of the pixels' principal components. Accuracy on
the images without a label, %, mean over draws. Folders of images may be named in their place, and
an encoder from elsewhere (`tacit.encoders.source`) whose features are spread on.
"""

import argparse

import numpy as np
from sklearn.decomposition import PCA

from tacit.encoders.laid import encoded
from tacit.encoders.opening import open_encoder
from tacit.images.dataset import Split
from tacit.images.sources import open_images
from tacit.images.splits import few_label_draw
from tacit.labels.draws import Labelled
from tacit.labels.pairs import SLACK
from tacit.labels.propagation.graph import neighbour_graph
from tacit.labels.propagation.propagate import propagate
from tacit.labels.propagation.relaxation import estimated_shares
from tacit.streams import numpy_stream

SETS, RATIOS, BUDGETS = ("digits", "mnist-5k"), (1, 2, 5, 10), (1, 3, 10)


def uneven(y: np.ndarray, ratio: float, n: int, draw: int) -> np.ndarray:
    """Rows of about `n` images whose largest class has `ratio` times those of the smallest."""
    rng = numpy_stream(draw, "uneven", ratio)
    counts = np.bincount(y)
    shares = ratio ** -np.linspace(0, 1, len(counts))
    order = rng.permutation(len(counts))
    sizes = shares[order] / shares.sum() * n
    sizes = np.floor(sizes * min(1.0, (counts / sizes).min())).astype(int)
    rows = [rng.permutation(np.flatnonzero(y == c))[: sizes[c]] for c in range(len(counts))]
    return np.sort(np.concatenate(rows))


def accuracies(x: np.ndarray, y: np.ndarray, per_class: int, draw: int) -> dict[str, float]:
    """Of each way to take the shares, in one draw."""
    graph, n_classes = neighbour_graph(x), int(y.max()) + 1
    index = few_label_draw(y, per_class, draw, tuple(map(str, range(n_classes))))
    trial = Labelled(index, y[index])
    rest = np.setdiff1d(np.arange(len(y)), index)
    known = np.bincount(y, minlength=n_classes) / len(y)
    found = {}

    def note(name: str, **how: object) -> None:
        (scores,) = propagate(graph, [trial], n_classes, **how)  # type: ignore[arg-type]
        found[name] = 100 * float((scores.argmax(axis=1) == y)[rest].mean())

    note("Poisson", method="poisson")
    note("uniform", method="poisson-mbo", slack=SLACK)
    shares = estimated_shares(graph, [trial], n_classes, slack=SLACK)
    note("estimated", method="poisson-mbo", shares=shares, slack=SLACK)
    note("known", method="poisson-mbo", shares=known)
    return found


def codes_of(source: str, encoder: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Codes and labels of all images of a source."""
    opened = open_images(source, size=None if encoder is None else 8)
    images = Split(opened.train, opened.test)
    labels = np.concatenate([part.labels for part in images if part.labels is not None])
    if encoder is not None:
        found = encoded(open_encoder(encoder), images)
        return np.concatenate([found.train, found.test]).astype(np.float32), labels
    pixels = np.concatenate([part.pixels for part in images])
    pca = PCA(min(50, pixels[0].size // 2), random_state=0)
    return pca.fit_transform(pixels.reshape(len(pixels), -1) / 255), labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", nargs="*", default=SETS)
    parser.add_argument("--encoder")
    parser.add_argument("--draws", type=int, default=4)
    parser.add_argument("--images", type=int, default=1200)
    given = parser.parse_args()
    for source in given.sources:
        x, labels = codes_of(source, given.encoder)
        for ratio in RATIOS:
            for per_class in BUDGETS:
                found = []
                for draw in range(given.draws):
                    rows = uneven(labels, ratio, given.images, draw)
                    found.append(accuracies(x[rows], labels[rows], per_class, draw))
                means = {k: np.mean([one[k] for one in found]) for k in found[0]}
                said = "  ".join(f"{name} {mean:.1f}" for name, mean in means.items())
                print(f"{source}, 1 to {ratio}, {per_class} a class: {said}", flush=True)


if __name__ == "__main__":
    main()
