"""What it costs that features are stored as float16: every method on both, draw by draw.

    python -m benchmarks.feature_precision FOLDER --encoder timm:NAME@FILE [--tested N] [--draws N]

Sub-folders are classes. Features are made once in float32 and rounded to float16 as the store
does. It says the accuracy on both of each method with 1, 4 and 10 labels a class, the largest
difference of any trial, and on how many test images the two answer otherwise.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tacit.commands.originals import originals_of
from tacit.encoders.base import Encoder
from tacit.encoders.engines import Torch
from tacit.encoders.making import BATCH, read
from tacit.encoders.onnx import OnnxEncoder
from tacit.encoders.opening import open_encoder
from tacit.encoders.timm import TimmEncoder
from tacit.images.originals import Originals
from tacit.images.parallel import in_order
from tacit.labels.draws import nested_draws
from tacit.labels.methods import METHODS, Problem
from tacit.labels.representations import Represented
from tacit.streams import numpy_stream

BUDGETS = (1, 4, 10)
ABLE = ("nearest", "logistic", "poisson", "poisson-mbo", "poisson-then-head", "propagate-then-head")


class Nothing:
    """Images of which methods on codes see none."""

    labels = None

    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def scaled(self, index: NDArray[np.integer]) -> NDArray[np.float32]:
        raise NotImplementedError


def exact(encoder: Encoder, originals: Originals) -> NDArray[np.float32]:
    """Features as they are made, before they are stored."""
    recipe = encoder.about.recipe
    if recipe is None or not isinstance(encoder, TimmEncoder | OnnxEncoder):
        raise SystemExit("features that are given are stored already")
    run = Torch(encoder.module) if isinstance(encoder, TimmEncoder) else encoder.engine

    def made(first: int) -> NDArray[np.float32]:
        rows = range(first, min(first + BATCH, len(originals)))
        return run(np.stack([read(originals, i, recipe) for i in rows]))

    return np.concatenate(list(in_order(made, range(0, len(originals), BATCH), group=1)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--tested", type=int, default=300)
    parser.add_argument("--draws", type=int, default=10)
    arguments = parser.parse_args()
    found = originals_of(str(arguments.folder), None, False, None, lambda done, total: None)
    features = exact(open_encoder(arguments.encoder), found.originals)
    names, y = np.unique(found.labels, return_inverse=True)
    order = numpy_stream(0, "tested").permutation(len(y))
    new, pool = order[: arguments.tested], order[arguments.tested :]
    drawn = nested_draws(y[pool], BUDGETS, arguments.draws, tuple(names))
    rounded = features.astype(np.float16).astype(np.float32)
    print(f"{len(pool)} images to draw from, {len(new)} tested on, {features.shape[1]} features")
    for budget, trials in zip(BUDGETS, drawn.labelled(y[pool]), strict=True):
        for name in ABLE:
            answers = []
            for codes in (features, rounded):
                shares = np.full(len(names), 1 / len(names))
                problem = Problem(
                    Nothing(len(pool)),
                    Nothing(len(new)),
                    Represented(codes[pool], codes[new]),
                    len(names),
                    shares=shares if METHODS[name].takes_shares else None,
                    slack=0.1 if METHODS[name].takes_shares else 0.0,
                )
                got = METHODS[name].answers(problem, trials, range(len(trials)))
                answers.append(np.stack([one.new.argmax(axis=1) for one in got]))
            right = [100 * (one == y[new]).mean(axis=1) for one in answers]
            other = int((answers[0] != answers[1]).sum())
            print(
                f"{budget:2} a class, {name}: {right[0].mean():.2f} % of float32, "
                f"{right[1].mean():.2f} % of float16; differences of trials up to "
                f"{np.abs(right[0] - right[1]).max():.2f}; {other} of {answers[0].size} answers "
                "differ"
            )


if __name__ == "__main__":
    main()
