"""Time and memory of each step from a thousand to millions of images, and how fast they grow.

    python -m benchmarks.growth [--images 10000 100000] [--steps graph poisson …] [--work DIR]
        [--write docs/scale.md]

Pictures of 16×16 pixels and codes of 128 dimensions are synthetic: ten classes, each a curved sheet
of eight dimensions, with noise. Every step runs in a process of its own, whose time is that of the
step alone, and whose peak of memory is that of the process; what a step needs from another (the
graph) is made before, and kept under `--work`. Time is of the processor, all threads together, so
that it is the same on a busy machine; by the clock, two threads take half of it at best. The
exponent is of time, from the size before: 1 is as it must, 2 is all pairs.
"""

import argparse
import itertools
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import sparse

from benchmarks.table import write_into
from tacit.checks.copies import near_copies
from tacit.commands.originals import originals_of
from tacit.encoders.base import About
from tacit.encoders.making import made
from tacit.encoders.recipe import Recipe
from tacit.figures.charts import histogram, scatter
from tacit.images.dataset import Images
from tacit.images.sources import open_images
from tacit.labels.acquisition import ask_next
from tacit.labels.draws import Labelled
from tacit.labels.heads.ridge import spread_heads
from tacit.labels.propagation.graph import neighbour_graph
from tacit.labels.propagation.incremental import Spread
from tacit.labels.propagation.propagate import propagate
from tacit.measures.engine import Measured
from tacit.models.config import ModelConfig, PerImageTable, build
from tacit.models.models import Autoencoder
from tacit.questions.base import Measurement
from tacit.streams import seeded_initialisation
from tacit.studies.tables import write_tables
from tacit.training.loop import fit
from tacit.training.many import of_images
from tacit.training.objectives import ObjectiveTable, objective_of
from tacit.training.schedule import Schedule

CLASSES, DIMENSIONS, SHEET, SIDE = 10, 128, 8, 16
DRAWS, PER_CLASS, BATCH = 10, 10, 128
MARKS = "<!-- growth -->", "<!-- end of growth -->"

Codes = NDArray[np.float32]
Classes = NDArray[np.int64]


class Timed:
    """How long the step itself took, of the processor; what comes before is not the step's."""

    seconds = math.nan

    @contextmanager
    def step(self) -> Iterator[None]:
        start = time.process_time()
        yield
        self.seconds = time.process_time() - start


def codes_of(n: int) -> tuple[Codes, Classes]:
    """Codes, (n, 128), and their classes."""
    rng = np.random.default_rng(0)
    y = rng.integers(CLASSES, size=n)
    found = np.empty((n, DIMENSIONS), np.float32)
    sheets = rng.normal(size=(CLASSES, 2, SHEET, DIMENSIONS)).astype(np.float32)
    for c in range(CLASSES):
        rows = np.flatnonzero(y == c)
        z = rng.normal(size=(len(rows), SHEET)).astype(np.float32)
        found[rows] = 2 * np.sin(z @ sheets[c, 0]) + z @ sheets[c, 1]
    return found + 0.3 * rng.standard_normal(found.shape, np.float32), y


def pictures_of(n: int) -> Images:
    """Smooth pictures, (n, 1, 16, 16)."""
    rng = np.random.default_rng(0)
    waves = rng.normal(size=(24, SIDE * SIDE)).astype(np.float32)
    pixels = np.empty((n, 1, SIDE, SIDE), np.uint8)
    for start in range(0, n, 10_000):
        z = rng.standard_normal((min(10_000, n - start), 24), np.float32)
        pixels[start : start + len(z)] = (
            (128 + 20 * z @ waves).clip(0, 255).reshape(-1, 1, SIDE, SIDE)
        )
    return Images(pixels, source="synthetic")


def trials(y: Classes) -> list[Labelled]:
    """Ten choices of ten labels a class."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(DRAWS):
        rows = [rng.choice(np.flatnonzero(y == c), PER_CLASS, replace=False) for c in range(10)]
        index = np.sort(np.concatenate(rows))
        found.append(Labelled(index, y[index]))
    return found


def graph_of(n: int, work: Path) -> sparse.csr_array:
    """The neighbour graph, made once."""
    file = work / f"graph-{n}.npz"
    if not file.exists():
        sparse.save_npz(file, neighbour_graph(codes_of(n)[0]), compressed=False)
    return sparse.csr_array(sparse.load_npz(file))


def files_of(n: int, work: Path) -> Path:
    """A folder of PNG files, ten thousand to a sub-folder, made once."""
    place = work / f"folder-{n}"
    if not (place / "whole").exists():
        for row, picture in enumerate(pictures_of(n).pixels[:, 0]):
            below = place / "images" / str(row // 10_000)
            if not row % 10_000:
                below.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(below / f"{row}.png")
        (place / "whole").touch()
    return place / "images"


def folder(n: int, work: Path, timed: Timed) -> None:
    """List a folder of PNG files, decode them and keep them."""
    place = files_of(n, work)
    with tempfile.TemporaryDirectory(dir=work) as cache:
        os.environ["TACIT_CACHE"] = cache
        with timed.step():
            open_images(place)


class Halves:
    """An encoder that costs next to nothing: the means of the rows of both halves of a picture."""

    about = About("halves", "halves", "means", "0" * 64, 2 * SIDE, recipe=Recipe((SIDE, SIDE)))
    files = ()
    name = "means"

    def engine(self, name: str, inputs: NDArray[np.float32]) -> "Halves":
        return self

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        halves = inputs.reshape(len(inputs), 3, SIDE, 2, SIDE // 2)
        return halves.mean(axis=(1, 4)).reshape(len(inputs), -1)


def features(n: int, work: Path, timed: Timed) -> None:
    """Read and hash PNG files, decode them again for an encoder, and keep what it makes."""
    place, encoder = files_of(n, work), Halves()
    with tempfile.TemporaryDirectory(dir=work) as cache:
        os.environ["TACIT_CACHE"] = cache
        with timed.step():
            found = originals_of(str(place), None, False, None, lambda done, total: None)
            made(encoder, found.originals, lambda store, missing: encoder)


def report(n: int, work: Path, timed: Timed) -> None:
    """What a page has of all images: a table, an interval over ten draws of them, two charts."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=n)
    table = {"table/test/a": x, "table/test/b": x + rng.normal(size=n), "table/test/c": x > 0}
    right = rng.random((DRAWS, n)) < 0.9
    with tempfile.TemporaryDirectory(dir=work) as place, timed.step():
        write_tables(Path(place), "made-up", {0: Measurement({}, table)})
        Measured(right, ("draw", "image"), "accuracy", names={"image": "test images"}).mean()
        histogram({"a": x}, x_label="nats")
        drawn = scatter({"all": (x, table["table/test/b"])}, x_label="a", y_label="b")
        print(f"report, {n:,} images: a chart of {len(drawn):,} bytes", file=sys.stderr)


def training(n: int, work: Path, timed: Timed) -> None:
    """One epoch of an autoencoder."""
    _epoch(n, timed, ModelConfig(learn="autoencoder", shape=(1, SIDE, SIDE), latent_dim=16))


def per_image(n: int, work: Path, timed: Timed) -> None:
    """One epoch of a VAE whose codes are optimised image by image."""
    _epoch(
        n,
        timed,
        ModelConfig(
            learn="vae",
            shape=(1, SIDE, SIDE),
            latent_dim=16,
            posterior=PerImageTable(),
            n_images=n,
        ),
    )


def _epoch(n: int, timed: Timed, config: ModelConfig) -> None:
    images = pictures_of(n)
    with seeded_initialisation(0):
        model = build(config)
    schedule = Schedule(
        n_images=n, batch_size=BATCH, updates=math.ceil(n / BATCH), rate=1e-3, evaluate_at=()
    )
    with timed.step():
        fit(model, objective_of(config, ObjectiveTable()), images, schedule, seed=0)


def encoding(n: int, work: Path, timed: Timed) -> None:
    """Codes of all images by an autoencoder."""
    images = pictures_of(n)
    model = build(ModelConfig(learn="autoencoder", shape=(1, SIDE, SIDE), latent_dim=16)).eval()
    assert isinstance(model, Autoencoder)
    with timed.step():
        of_images(lambda batch: model.encode(batch.x), images, np.arange(n))


def graph(n: int, work: Path, timed: Timed) -> None:
    """The graph of ten neighbours."""
    x, _ = codes_of(n)
    with timed.step():
        found = neighbour_graph(x)
    sparse.save_npz(work / f"graph-{n}.npz", found, compressed=False)


def _propagation(method: str) -> Callable[[int, Path, Timed], None]:
    def step(n: int, work: Path, timed: Timed) -> None:
        found, (_, y) = graph_of(n, work), codes_of(n)
        given = trials(y)
        with timed.step():
            scores = propagate(
                found, given, CLASSES, method=method, slack=0.1 * (method == "poisson-mbo")
            )
        right = np.mean([(one.argmax(axis=1) == y).mean() for one in scores])
        print(f"{method}, {n:,} images: {100 * right:.1f} % right", file=sys.stderr)

    return step


def heads(n: int, work: Path, timed: Timed) -> None:
    """A linear head on what was spread, for each of ten draws."""
    x, y = codes_of(n)
    with timed.step():
        spread_heads(x, np.tile(y, (DRAWS, 1)), CLASSES)


def acquisition(n: int, work: Path, timed: Timed) -> None:
    """Which 24 images to label next."""
    found, (_, y) = graph_of(n, work), codes_of(n)
    probabilities = np.random.default_rng(2).dirichlet(np.ones(CLASSES), n)
    with timed.step():
        ask_next(found, probabilities, trials(y)[0], 24)


def duplicates(n: int, work: Path, timed: Timed) -> None:
    """Near copies among the pictures."""
    images = pictures_of(n)
    with timed.step():
        near_copies(images)


def answer(n: int, work: Path, timed: Timed) -> None:
    """What the labelling page does with an answer, after a hundred."""
    spread, (_, y) = Spread(graph_of(n, work)), codes_of(n)
    given = trials(y)[0]
    spread.give(given.index.tolist(), given.y.tolist())
    new = int(np.setdiff1d(np.arange(1000), given.index)[0])
    with timed.step():
        spread.give([new], [int(y[new])])
        spread.scores(CLASSES)


STEPS: dict[str, Callable[[int, Path, Timed], None]] = {
    "folder": folder,
    "features": features,
    "training": training,
    "per-image": per_image,
    "encoding": encoding,
    "graph": graph,
    "poisson": _propagation("poisson"),
    "poisson-mbo": _propagation("poisson-mbo"),
    "heads": heads,
    "acquisition": acquisition,
    "duplicates": duplicates,
    "answer": answer,
    "report": report,
}
SAYS = {
    "folder": "list, decode and keep a folder of PNG files",
    "features": "hash and decode them for an encoder, and keep its features",
    "training": "an epoch of a convolutional autoencoder",
    "per-image": "an epoch of per-image latents",
    "encoding": "codes of all images",
    "graph": "neighbour graph of 128-dimensional codes",
    "poisson": "Poisson, ten draws",
    "poisson-mbo": "Poisson MBO, ten draws",
    "heads": "heads on spread labels, ten draws",
    "acquisition": "24 images to label next",
    "duplicates": "near copies",
    "answer": "an answer on the labelling page",
    "report": "a page's table, interval and charts",
}


def measured(step: str, n: int, work: Path) -> dict[str, float]:
    """Seconds of a step and megabytes of its process, in a process of its own."""
    words = [sys.executable, "-m", "benchmarks.growth", "--one", step, str(n), "--work", str(work)]
    done = subprocess.run(words, stdout=subprocess.PIPE, check=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def markdown(found: dict[str, dict[int, dict[str, float]]]) -> str:
    """A row for each step, a column for each size."""
    sizes = sorted({n for one in found.values() for n in one})
    lines = [
        "| step | " + " | ".join(f"{n:,} images" for n in sizes) + " | exponent |",
        "| --- |" + " --- |" * (len(sizes) + 1),
    ]
    for step, by_size in found.items():
        cells = [
            f"{by_size[n]['seconds']:.3g} s, {by_size[n]['megabytes'] / 1000:.1f} GB"
            if n in by_size
            else ""
            for n in sizes
        ]
        known = sorted(by_size)
        exponents = [
            math.log(by_size[b]["seconds"] / by_size[a]["seconds"]) / math.log(b / a)
            for a, b in itertools.pairwise(known)
        ]
        told = ", ".join(f"{exponent:.2f}" for exponent in exponents)
        lines.append(f"| {SAYS[step]} | " + " | ".join(cells) + f" | {told} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS))
    parser.add_argument("--work", type=Path, default=Path("build/growth"))
    parser.add_argument("--write", type=Path, metavar="DOCUMENT")
    parser.add_argument("--one", nargs=2, metavar=("STEP", "N"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    if given.one:
        step, n = given.one[0], int(given.one[1])
        timed = Timed()
        STEPS[step](n, given.work.resolve(), timed)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"seconds": timed.seconds, "megabytes": peak}))
        return
    kept = given.work / "measured.json"
    everything = json.loads(kept.read_text()) if kept.exists() else {}
    for n in given.images:
        for step in given.steps:
            one = measured(step, n, given.work)
            everything.setdefault(step, {})[str(n)] = one
            kept.write_text(json.dumps(everything, indent=1))
            print(f"{n:>10,} {step:<12} {one['seconds']:8.2f} s {one['megabytes']:8.0f} MB")
    found = {s: {int(n): one for n, one in everything[s].items()} for s in STEPS if s in everything}
    print(markdown(found))
    if given.write:
        write_into(given.write, markdown(found), *MARKS)


if __name__ == "__main__":
    main()
