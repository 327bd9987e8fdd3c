"""A first answer sooner: the same study on fewer images, choices of labels and measurements."""

import math

from tacit.studies.description.spec import Run, Study
from tacit.studies.options import RunOptions

TRAIN_IMAGES = 2_000
DRAWS = 3

PASSES = 1.5
"""Times as many passes over fewer images: a VAE of 2,000 MNIST digits has not finished after 30.

In one cycle of half the batch at twice the rate it has, in nine tenths of the time; but codes that
are optimised image by image, which are visited so many times, then end 120 nats behind the encoder
in place of 40, and an autoencoder's error is a tenth larger after as many updates. With networks of
half the width, in half of the time, it has not, at any rate from 0.001 to 0.003.
"""

CYCLE_SHARE = 0.6
"""Of the updates on few labels, where there are more images than are taken. After so many of 500 on
a hundred MNIST digits, classifiers make no error on them any more, and none of six changed its
accuracy on others by more than 0.1 points after them; on 8×8 digits a test loss had not risen yet
that rises by the end."""

EVALUATIONS = 5
"""Points of the curves, besides snapshots: 30 looks at 2,000 images are a fifth of a training."""

EVALUATIONS_OF_FEW = 10
"""With few labels: test losses turn soon."""


def fewer(options: RunOptions, n_train: int) -> bool:
    """Whether a quick look took fewer images than there are, for itself."""
    return n_train == TRAIN_IMAGES and options.train_size is None


def note(study: Study, options: RunOptions, n_train: int) -> str:
    """What a quick look at this study says of itself; `study` as it is asked for."""
    part = f" with {CYCLE_SHARE * 100:.0f} % of the updates" if fewer(options, n_train) else ""
    without = [name for name in study.quick_without if name not in study.runs]
    left_out = f", without {', '.join(without)}" if without else ""
    return (
        f"A quick look: at most {TRAIN_IMAGES:,} training images, {DRAWS} choices of few "
        f"labels{part}, measured on samples of the images{left_out}. Without --quick intervals are "
        "narrower."
    )


def kept(study: Study) -> tuple[str, ...]:
    """The runs that it does not leave out."""
    return tuple(name for name in study.runs if name not in study.quick_without)


def scaled(study: Study, options: RunOptions, n_train: int) -> Study:
    """The study with at most so many draws, and more passes over images where these are fewer.

    options: what they ask for goes before.
    n_train: how many images are learned from.
    """
    draws = options.draws or DRAWS
    cut = fewer(options, n_train)

    def quickly(run: Run) -> Run:
        points = EVALUATIONS if run.train is None else EVALUATIONS_OF_FEW
        changed: dict[str, object] = {"evaluations": run.evaluations or points}
        if run.train is not None:
            changed["train"] = run.train.model_copy(update={"draws": min(run.draws, draws)})
            if run.one_cycle and cut:
                changed["cycle_share"] = CYCLE_SHARE * run.cycle_share
        elif cut and options.epochs is None and not (run.one_cycle or run.phases):
            changed["epochs"] = math.ceil(PASSES * run.epochs)
        return run.model_copy(update=changed)

    runs = {name: quickly(run) for name, run in study.runs.items()}
    return study.model_copy(update={"runs": runs})
