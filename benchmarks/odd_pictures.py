"""How well log p(x) under a VAE finds odd pictures, beside the distance to neighbours.

    python -m benchmarks.odd_pictures mnist-5k
    python -m benchmarks.odd_pictures digits --learn-from all

Odd pictures of each kind take the places of so many images: inverted, empty, blurred, with noise
over them, noise alone, pieces of two images put together, upside down. A VAE learns from the
others, or from all (`--learn-from all`, as somebody does who does not know yet). Then all are
scored as `tacit check --model` does. Printed is, for each kind among the images that are left as
they were, the average precision of log p(x) and of the distance to neighbours in the codes that
`tacit check` learns (with chance, the share of the kind), and how many `tacit check` lists for
either and for whatever reason; and how many of the others it lists.
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from sklearn.metrics import average_precision_score

from tacit.checks.findings import find
from tacit.checks.odd import Odd, distance_to_others
from tacit.commands.likely import log_prob_of, open_vae
from tacit.estimators.vae import VAE
from tacit.images.dataset import Images
from tacit.images.sources import open_images
from tacit.page.codes import codes_for_labelling
from tacit.streams import numpy_stream

Pixels = NDArray[np.uint8]
UNLIKELY, FAR = "unlikely under the model", "far from all others"


def blurred(x: Pixels, rng: np.random.Generator) -> Pixels:
    """Each picture, (C, H, W), with a Gaussian of a fourteenth of its side."""
    radius = x.shape[-1] / 14
    return np.stack(
        [np.asarray(Image.fromarray(one).filter(ImageFilter.GaussianBlur(radius))) for one in x]
    )


def noisy(x: Pixels, rng: np.random.Generator) -> Pixels:
    return np.clip(x + rng.normal(0, 60, x.shape), 0, 255).astype(np.uint8)


def halves(x: Pixels, rng: np.random.Generator) -> Pixels:
    """The upper half above itself again."""
    half = x.shape[1] // 2
    return np.concatenate([x[:, :half], x[:, : x.shape[1] - half]], axis=1)


KINDS: dict[str, Callable[[Pixels, np.random.Generator], Pixels]] = {
    "inverted": lambda x, rng: 255 - x,
    "empty": lambda x, rng: np.full_like(x, rng.integers(20, 200)),
    "blurred": blurred,
    "noise over it": noisy,
    "noise alone": lambda x, rng: rng.integers(0, 256, x.shape, dtype=np.uint8),
    "upper half twice": halves,
    "upside down": lambda x, rng: x[:, ::-1],
}


def spoilt(images: Images, each: int) -> tuple[Images, NDArray[np.int64]]:
    """The images with so many odd ones of each kind, and which kind each is; -1 for none, (N,)."""
    pixels = np.array(images.pixels)
    rng = numpy_stream(0, "odd pictures")
    places = rng.permutation(len(pixels))[: each * len(KINDS)].reshape(len(KINDS), each)
    kind = np.full(len(pixels), -1)
    for number, (make, rows) in enumerate(zip(KINDS.values(), places, strict=True)):
        kind[rows] = number
        for row in rows:
            pixels[row] = make(pixels[row], rng)
    return Images(pixels, source=images.source), kind


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", nargs="?", default="mnist-5k")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--learn-from", choices=("others", "all"), default="others")
    for name, default in (("images", 3000), ("each", 15), ("epochs", 30), ("components", 16)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    train = open_images(given.source, data_dir=given.data_dir).train
    whole = train.take(np.arange(min(given.images, len(train))))
    images, kind = spoilt(whole, given.each)
    learned = kind == -1 if given.learn_from == "others" else np.ones(len(images), bool)
    vae = VAE(given.components, sigma=None, max_epochs=given.epochs)
    vae.fit(np.asarray(images.pixels)[learned][:, 0])
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TACIT_CACHE"] = folder
        vae.save(Path(folder, "vae"))
        scores = log_prob_of(open_vae(Path(folder, "vae"), None, images.shape), images)
        codes = codes_for_labelling(images)
    found = find(images, codes, log_prob=scores).odd
    near = np.maximum(distance_to_others(codes), -99.0)  # of copies it is minus infinity
    print(
        f"{given.source}: {len(images):,} images, {given.each} odd ones of each kind; the VAE "
        f"learned from {given.learn_from}; its σ {vae.model_.likelihood.sigma:.3f}"
    )
    for number, name in enumerate(KINDS):
        among = (kind == -1) | (kind == number)
        truth = kind[among] == number
        precision = [average_precision_score(truth, s[among]) for s in (-scores[0], near)]
        print(
            f"{name}: average precision of log p(x) {precision[0]:.2f}, of the distance "
            f"{precision[1]:.2f} (chance {truth.mean():.3f}); listed {_listed(found, kind, number)}"
        )
    print(f"of {int((kind == -1).sum()):,} others are listed {_listed(found, kind, -1)}")


def _listed(found: Odd, kind: NDArray[np.int64], number: int) -> str:
    rows, kinds = found.row, np.array(found.kind)
    mine = kind[rows] == number
    counts = {
        "as unlikely": mine & (kinds == UNLIKELY),
        "as far": mine & (kinds == FAR),
        "at all": mine,
    }
    return ", ".join(f"{len(np.unique(rows[which]))} {how}" for how, which in counts.items())


if __name__ == "__main__":
    main()
