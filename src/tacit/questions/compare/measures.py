"""By what runs are compared: a number for each test image, and for which models there is one."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from tacit.images.dataset import Images
from tacit.measures.distances import Floats
from tacit.models.models import VAE, Autoencoder, Classifier, Model
from tacit.models.parts import part_of
from tacit.questions.base import Runs
from tacit.questions.shared.outputs import class_scores, labelled, reconstructions
from tacit.training.evaluation import evaluate, sample_of
from tacit.training.many import of_images
from tacit.training.objectives import Batch
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
    train, model = runs.train, run.model()
    assert train.labels is not None
    assert test.labels is not None
    known = labelled(train)
    known = known[sample_of(len(known), "train", size=CODES_LOOKED_AT)]
    nearest = NearestNeighbors(n_neighbors=1).fit(_codes(model, train, known))
    found = nearest.kneighbors(_codes(model, test, rows), return_distance=False)[:, 0]
    return (train.labels[known[found]] == test.labels[rows]).astype(np.float64)


def _codes(model: Model, images: Images, rows: Rows) -> Floats:
    """Codes of images at `rows`, (n, latent_dim); of a VAE the means."""

    def coded(batch: Batch) -> Tensor:
        if isinstance(model, VAE):
            return model.posterior(batch.x, batch.index).mean
        return part_of(model, "encoder")(batch.x)

    return of_images(coded, images, rows).double().numpy()


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
