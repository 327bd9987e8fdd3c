"""The labelling page, answered by a script that knows the truth, against labels at random.

    python -m benchmarks.labelling --data-dir DIR [--images 10000] [--starts 10]

Images are the first so many of MNIST's training images. For each start: accuracy on all images
without an answer after 10, 20 and 50 answers, from nothing; what the page said of its confidence;
and how long an answer and what follows from it took. `--answers 500` is a simulated hour.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from tacit.images.dataset import Images
from tacit.images.sources import open_images
from tacit.images.splits import content_hashes
from tacit.images.tables import Names
from tacit.labels.propagation.graph import neighbour_graph
from tacit.labels.propagation.incremental import Spread
from tacit.page.codes import codes_for_labelling
from tacit.page.session import Session
from tacit.page.table import LabelTable
from tacit.streams import numpy_stream

AFTER = (10, 20, 50)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    for name, default in (("images", 10_000), ("starts", 10), ("answers", 50)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    train = open_images("mnist", data_dir=given.data_dir).train
    images = Images(train.pixels[: given.images], source="mnist")
    assert train.labels is not None
    y = train.labels[: given.images]
    codes = codes_for_labelling(images, say=print)
    copies = np.unique(list(content_hashes(images)), return_inverse=True)[1].astype(np.int64)
    asked, luck, said = [], [], []
    for start in range(given.starts):
        with tempfile.TemporaryDirectory() as folder:
            names = Names(map(str, range(len(y))), "index", "mnist")
            table = LabelTable(Path(folder) / "labels.csv", names, by="script")
            session = Session(codes, table, copies, seed=start)
            answered = _answer(session, y, given.answers)
            session.close()
        asked.append(answered["right"])
        said.append(answered["said"])
        luck.append(_at_random(codes, y, start))
        writing, following = answered["writing"], answered["following"]
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"start {start}: right {_shares(asked[-1])}, sure {_shares(said[-1])}; at random "
            f"{_shares(luck[-1])}; an answer {1000 * np.median(writing):.0f} ms (first ten "
            f"{1000 * np.median(writing[:10]):.0f}, last ten {1000 * np.median(writing[-10:]):.0f})"
            f", what follows {np.median(following):.3f} s (last ten "
            f"{np.median(following[-10:]):.3f}, longest {max(following):.3f}); {memory:.0f} MiB",
            flush=True,
        )
    for name, found in (("asked for", asked), ("sure of them", said), ("at random", luck)):
        print(f"{name}: {_shares(np.mean(found, axis=0))} (sd {_shares(np.std(found, axis=0))})")


def _answer(session: Session, y: np.ndarray, n: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"right": [], "said": [], "writing": [], "following": []}
    for number in range(1, n + 1):
        row = session.state()["queue"][0]["row"]
        began = time.perf_counter()
        session.answer([row], label=str(y[row]))
        found["writing"].append(time.perf_counter() - began)
        session.wait(session.version - 1, 60)
        found["following"].append(time.perf_counter() - began)
        if number in AFTER:
            told = session.predictions
            rest = np.setdiff1d(np.arange(len(y)), [int(name) for name in session.table.said])
            best = np.array([int(name) for name in told.classes])[told.best[rest]]
            found["right"].append(float((best == y[rest]).mean()))
            found["said"].append(float(told.sure[rest].mean()))
    return found


def _at_random(codes: np.ndarray, y: np.ndarray, seed: int) -> list[float]:
    order = numpy_stream(seed, "at random").permutation(len(y))
    graph = neighbour_graph(codes)
    found = []
    for n in AFTER:
        spread = Spread(graph)
        spread.give(order[:n].tolist(), y[order[:n]].tolist())
        best = spread.scores(int(y.max()) + 1).argmax(axis=1)
        found.append(float((best == y)[order[n:]].mean()))
    return found


def _shares(values: object) -> str:
    return ", ".join(f"{100 * value:.1f}" for value in np.asarray(values)) + " %"


if __name__ == "__main__":
    main()
