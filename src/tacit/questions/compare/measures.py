"""By what runs are compared: a number for each test image, and for which models there is one."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from tacit.images.dataset import Images
from tacit.labels.networks import codes_of
from tacit.measures.distances import Floats
from tacit.models.models import VAE, Autoencoder, Classifier
from tacit.models.parts import part_of
from tacit.questions.base import Runs
from tacit.questions.shared.outputs import class_scores, labelled, reconstructions
from tacit.training.evaluation import evaluate, sample_of
from tacit.training.objectives.generative import elbo
from tacit.training.run_folder import SavedRun

CODES_LOOKED_AT = 10_000
"""At most so many labelled training images are neighbours of a test image."""

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Measure:
    """A number for each test image by which runs are compared.

    Attributes:
        of: the kinds of model that have it, as `Question.needs` says.
        words: what its mean is, in a sentence.
        unit: of the mean, as `Number` has it.
        higher: whether more is better.
        labels: whether classes are needed.
        per_image: from a run, its measurement's runs, the test images and their rows, (n,).
    """

    of: tuple[str, ...]
    words: str
    unit: str
    higher: bool
    labels: bool
    per_image: Callable[[SavedRun, Runs, Images, Rows], Floats]


def _right(run: SavedRun, runs: Runs, test: Images, rows: Rows) -> Floats:
    """Whether each image's likeliest class is its own."""
    model = run.model()
    assert isinstance(model, Classifier)
    assert test.labels is not None
    return (class_scores(model, test, rows).argmax(axis=1) == test.labels[rows]).astype(np.float64)


def _squared_error(run: SavedRun, runs: Runs, test: Images, rows: Rows) -> Floats:
    """Of the reconstruction at each image's code, summed over pixels in [0, 1]."""
    model = run.model()
    assert isinstance(model, VAE | Autoencoder)
    made = reconstructions(model, test, rows).astype(np.float64)
    return ((made - test.scaled(rows)) ** 2).reshape(len(rows), -1).sum(axis=1)


def _elbo(run: SavedRun, runs: Runs, test: Images, rows: Rows) -> Floats:
    """log p(x | z) - KL in nats, whatever β the run was trained with."""
    return evaluate(run.model(), elbo(), test, rows)["elbo"].double().numpy()


def _neighbour_is_right(run: SavedRun, runs: Runs, test: Images, rows: Rows) -> Floats:
    """Whether the nearest labelled training image by codes is of the test image's class."""
    train, encoder = runs.train, part_of(run.model(), "encoder")
    assert train.labels is not None
    assert test.labels is not None
    known = labelled(train)
    known = known[sample_of(len(known), "train", size=CODES_LOOKED_AT)]
    codes, asked = (
        codes_of(encoder, images, index).astype(np.float64)
        for images, index in ((train, known), (test, rows))
    )
    nearest = NearestNeighbors(n_neighbors=1).fit(codes)
    found = nearest.kneighbors(asked, return_distance=False)[:, 0]
    return (train.labels[known[found]] == test.labels[rows]).astype(np.float64)


MEASURES: dict[str, Measure] = {
    "accuracy": Measure(("classifier",), "test accuracy", "share", True, True, _right),
    "elbo": Measure(("amortized vae",), "test ELBO", "nats", True, False, _elbo),
    "squared-error": Measure(
        ("autoencoder", "amortized vae"), "squared error", "", False, False, _squared_error
    ),
    "neighbours": Measure(
        ("autoencoder", "amortized vae", "classifier", "contrastive"),
        "accuracy of the nearest neighbour by codes",
        "share",
        True,
        True,
        _neighbour_is_right,
    ),
}
"""By name, in the order in which one is chosen that all runs have."""


def chosen(kinds: Collection[str]) -> str:
    """The first measure that models of all these kinds have, as a run's `learn` names them.

    >>> chosen(["vae"]), chosen(["vae", "autoencoder"]), chosen(["vae", "contrastive"])
    ('elbo', 'squared-error', 'neighbours')
    """
    return next(
        name
        for name, measure in MEASURES.items()
        if set(kinds) <= {able.split()[-1] for able in measure.of}
    )
